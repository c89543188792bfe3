/** Markup that is escaped by default: whatever is put into an `html` template is text unless it is `Html` itself. */

const markup = Symbol('markup');

/** Finished markup. Only this file makes one, so that text from outside can never pass as one. */
export interface Html {
  readonly [markup]: string;
}

/** What may stand in a hole: text and numbers are escaped, markup is taken as it is, null leaves nothing. */
export type HtmlValue = string | number | Html | readonly Html[] | null;

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Escapes for text and for quoted attribute values. Holes belong in those two places only. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => escapes[character] as string);
}

function toMarkup(value: HtmlValue): string {
  if (value === null) return '';
  if (typeof value === 'string') return escapeHtml(value);
  if (typeof value === 'number') return String(value);
  if (Array.isArray(value)) return value.map(toMarkup).join('');
  return (value as Html)[markup];
}

/** Template tag: `html\`<p>${text}</p>\``. */
export function html(strings: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  let text = strings[0] as string;
  for (let i = 0; i < values.length; i++) text += toMarkup(values[i] as HtmlValue) + strings[i + 1];
  return { [markup]: text };
}

/** Text of our own that is markup already. Never for anything that came from outside. */
export function rawHtml(text: string): Html {
  return { [markup]: text };
}

/** The text to send. */
export function renderHtml(page: Html): string {
  return page[markup];
}
