/** The frame that every page of the gate's own stands in: one card, one heading, what to do next. */
import { type Html, html, rawHtml } from './html.ts';
import { styleSheet } from './style.ts';

export type Tone = 'calm' | 'good' | 'warn';

export interface LayoutProps {
  /** Heading and document title. */
  readonly title: string;
  readonly tone: Tone;
  /** Paragraphs below the heading. */
  readonly body: Html;
  /** Buttons and links, the most likely one first; null when there is nothing to do. */
  readonly actions: Html | null;
  /** Small print: what to quote when asking for help. */
  readonly facts?: readonly (readonly [name: string, value: string])[];
  /** Further elements of `head`. */
  readonly head?: Html;
}

const icons: Readonly<Record<Tone, Html>> = {
  calm: html`<svg viewBox="0 0 24 24"><path d="M6 20v-9a6 6 0 0 1 12 0v9M3.5 20h17M12 20v-6"/></svg>`,
  good: html`<svg viewBox="0 0 24 24"><path d="M5 12.5l4.5 4.5L19 7.5"/></svg>`,
  warn: html`<svg viewBox="0 0 24 24"><path d="M12 5v9M12 18.7v.1"/></svg>`,
};

// A newline or a space more in here would change the hash of the style sheet.
const style = html`<style>${rawHtml(styleSheet)}</style>`;

/** A whole document. No script, nothing from elsewhere; works at 320 px and at 400 % zoom. */
export function layout(props: LayoutProps): Html {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<meta name="color-scheme" content="light dark">
${props.head ?? null}<title>${props.title}</title>
${style}
</head>
<body>
<main>
<div class="mark ${props.tone}" aria-hidden="true">${icons[props.tone]}</div>
<h1>${props.title}</h1>
${props.body}
${props.actions === null ? null : html`<div class="actions">${props.actions}</div>`}
${factList(props.facts ?? [])}
</main>
<footer>Sallyport</footer>
</body>
</html>
`;
}

function factList(facts: readonly (readonly [string, string])[]): Html | null {
  if (facts.length === 0) return null;
  return html`<dl class="facts">${facts.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`;
}

/** A link that looks like a button; `quiet` for whatever is not the first thing to do. */
export function linkButton(href: string, text: string, kind: 'main' | 'quiet'): Html {
  return html`<a class="button${kind === 'quiet' ? ' quiet' : ''}" href="${href}">${text}</a>`;
}
