/**
 * Text from outside, made fit for a log line: bounded, without control characters and without what looks like a token.
 * What a terminal or a viewer would act upon (line ends, escape sequences, reversed writing) is spelled out (DL-031).
 */

/** C0, DEL, C1, line separators, marks and overrides of direction, the byte order mark. */
const controls =
  /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/g;

/** Needs a closer look: the controls, what JSON escapes, and halves of surrogate pairs. */
const suspicious =
  /["\\\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]/;

/** What a JWT may stand in. Looked at as a whole: a pattern that began at every `eyJ` would take quadratic time. */
const word = /[\w.-]+/g;

/** `text` bounded to `limit` UTF-16 units (then followed by `…` and its full length), controls as `\u001b`. */
export function cleanText(text: string, limit: number): string {
  const bounded = text.length > limit ? `${text.slice(0, limit)}…[${text.length}]` : text;
  return bounded.toWellFormed().replace(word, withoutToken).replace(controls, spell);
}

/** A signed or encrypted JWT (RFC 7519) begins with `{"` in base64url and has a dot after at least eight characters. */
function withoutToken(text: string): string {
  const start = text.indexOf('eyJ');
  return start === -1 || text.indexOf('.', start + 8) === -1 ? text : `${text.slice(0, start)}[token]`;
}

/** `text` as a JSON string, cleaned as by `cleanText`; costs one pattern test when there is nothing to clean. */
export function quoteText(text: string, limit: number): string {
  if (text.length <= limit && !suspicious.test(text) && !text.includes('eyJ')) return `"${text}"`;
  return JSON.stringify(cleanText(text, limit));
}

function spell(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
