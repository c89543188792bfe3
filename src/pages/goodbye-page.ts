/**
 * One step between here and the provider when somebody signs out and the address would be too long: the same as a form
 * that is posted (LO-042). One line of script posts it; without script there is the button.
 */
import { createHash } from 'node:crypto';
import { type Html, html, rawHtml } from './html.ts';
import { layout } from './layout.ts';

export interface GoodbyePageProps {
  /** Where the form posts to: the end-session endpoint of the provider. */
  readonly action: string;
  readonly fields: readonly (readonly [name: string, value: string])[];
}

const script = 'document.forms[0].submit()';

/** The source expression for `script-src`. */
export const goodbyeScriptHash = `'sha256-${createHash('sha256').update(script).digest('base64')}'`;

/** Pure: props → page. */
export function goodbyePage({ action, fields }: GoodbyePageProps): Html {
  const inputs = fields.map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`);
  return layout({
    title: 'You are signed out here',
    tone: 'good',
    body: html`<p>Now signing you out at the service that signed you in.</p>`,
    actions: html`<form method="post" action="${action}">${inputs}<button class="button" type="submit">Continue</button></form><script>${rawHtml(script)}</script>`,
  });
}
