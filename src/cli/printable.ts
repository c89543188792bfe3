/**
 * Text that others chose, as a terminal may show it. Names and user agents come from outside: an escape sequence in one
 * could rewrite lines, the title or the clipboard, and a direction mark could swap what is read (CVE-2021-42574).
 */

/** Controls, format characters (direction, zero width), line and paragraph separators, lone surrogates, private use. */
const unsafe = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}\p{Cn}]/gu;

/** Each unsafe character as `\u{1b}`; a backslash is doubled, so that the two cannot be confused. */
export function printable(text: string): string {
  return text
    .replaceAll('\\', '\\\\')
    .replace(unsafe, (character) => `\\u{${(character.codePointAt(0) as number).toString(16)}}`);
}

/** The same, of at most `limit` characters; one that is left out shows as `…`. */
export function shortened(text: string, limit: number): string {
  const safe = [...printable(text)];
  return safe.length <= limit ? safe.join('') : `${safe.slice(0, limit - 1).join('')}…`;
}

/** JSON in which no string holds an unsafe character as it is (RFC 8259 section 7: any may be escaped). */
export function printableJson(value: unknown, indent = 0): string {
  return JSON.stringify(value, null, indent).replace(unsafe, (character) =>
    character === '\n' ? character : character.split('').map(escapeUnit).join(''),
  );
}

function escapeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
