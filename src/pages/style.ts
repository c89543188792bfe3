/**
 * The one style sheet of the gate's own pages. It is sent inline and allowed by its hash, so that a page needs no
 * second request and the policy needs no `unsafe-inline` (CSP Level 3, section 6.7.2).
 */
import { createHash } from 'node:crypto';

/** Holds no `<` and no `&`, so it stands in a `style` element as it is. */
export const styleSheet = `
:root{color-scheme:light dark;
--back:#f3f4f7;--card:#fff;--line:#dfe2ea;--text:#171b26;--soft:#565d70;--accent:#2f4bc0;--accent-over:#263d9f;--on-accent:#fff;
--calm:#e8ecfb;--calm-ink:#2f4bc0;--good:#e0f3e9;--good-ink:#136b41;--warn:#fcefd9;--warn-ink:#8a4b08;--shade:0 1px 2px rgb(20 26 48/.05),0 12px 32px rgb(20 26 48/.08)}
@media (prefers-color-scheme:dark){:root{
--back:#0f1218;--card:#181c25;--line:#2b3140;--text:#edeff5;--soft:#a3abbd;--accent:#a9b9ff;--accent-over:#c3ceff;--on-accent:#121731;
--calm:#232b47;--calm-ink:#b4c2ff;--good:#15362a;--good-ink:#84dcaf;--warn:#3d2c12;--warn-ink:#f4c27c;--shade:0 1px 2px rgb(0 0 0/.4),0 16px 40px rgb(0 0 0/.35)}}
*{box-sizing:border-box}
html{height:100%;-webkit-text-size-adjust:100%}
body{margin:0;min-height:100%;display:flex;flex-direction:column;align-items:center;justify-content:center;gap:1.5rem;padding:2rem 1rem;
background:var(--back);color:var(--text);font:1rem/1.6 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main{width:100%;max-width:29rem;padding:2.25rem 2rem;background:var(--card);border:1px solid var(--line);border-radius:1rem;box-shadow:var(--shade)}
.mark{display:inline-flex;align-items:center;justify-content:center;width:3rem;height:3rem;margin-bottom:1.25rem;border-radius:50%;background:var(--calm);color:var(--calm-ink)}
.mark.good{background:var(--good);color:var(--good-ink)}
.mark.warn{background:var(--warn);color:var(--warn-ink)}
.mark svg{width:1.5rem;height:1.5rem;fill:none;stroke:currentColor;stroke-width:1.75;stroke-linecap:round;stroke-linejoin:round}
.mark.warn svg{stroke-width:2.5}
h1{margin:0 0 .625rem;font-size:1.375rem;line-height:1.3;font-weight:650;letter-spacing:-.01em;text-wrap:balance}
p{margin:0 0 .75rem;color:var(--soft);text-wrap:pretty}
.actions{display:flex;flex-wrap:wrap;gap:.625rem;margin:1.5rem 0 0}
.actions form{margin:0;display:contents}
.button{display:inline-flex;align-items:center;justify-content:center;min-height:2.75rem;padding:.5rem 1.125rem;border:1px solid transparent;border-radius:.625rem;
background:var(--accent);color:var(--on-accent);font:inherit;font-weight:600;text-decoration:none;cursor:pointer}
.button:hover{background:var(--accent-over)}
.button.quiet{background:transparent;border-color:var(--line);color:var(--text)}
.button.quiet:hover{border-color:var(--soft)}
a:focus-visible,.button:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
.button.small{min-height:2.25rem;padding:.25rem .75rem;font-size:.875rem}
.sessions{list-style:none;margin:1.25rem 0 0;padding:0;border-top:1px solid var(--line)}
.sessions li{display:flex;align-items:center;justify-content:space-between;gap:.75rem;padding:.875rem 0;border-bottom:1px solid var(--line)}
.sessions div{min-width:0;overflow-wrap:anywhere}
.sessions form{margin:0;flex:none}
.detail{display:block;color:var(--soft);font-size:.8125rem}
.tag{display:inline-block;padding:0 .5rem;border-radius:1rem;background:var(--good);color:var(--good-ink);font-size:.75rem;font-weight:600}
.facts{display:grid;grid-template-columns:auto 1fr;gap:.125rem .875rem;margin:1.75rem 0 0;padding-top:1.125rem;border-top:1px solid var(--line);font-size:.8125rem}
.facts dt{color:var(--soft)}
.facts dd{margin:0;font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;overflow-wrap:anywhere}
footer{font-size:.8125rem;color:var(--soft);letter-spacing:.02em}
@media (forced-colors:active){.button{border-color:ButtonText}}
@media (max-width:26rem){main{padding:1.75rem 1.25rem}.button{width:100%}.button.small{width:auto}}
`;

/** The source expression for `style-src`. */
export const styleHash = `'sha256-${createHash('sha256').update(styleSheet).digest('base64')}'`;
