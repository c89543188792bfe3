/**
 * Header fields as one flat list, the single source of truth for what was sent.
 *
 * A list keeps order and repetition (RFC 9110 section 5.3) that an object loses, cannot be poisoned by a field
 * called `__proto__`, and is what both `node:http` and undici take without another allocation.
 */

/** `[name, value, name, value, …]` in order of arrival; names in lower case. */
export type HeaderList = readonly string[];

/** The first value of the field `name` (lower case), or null when it was not sent. */
export function headerValue(headers: HeaderList, name: string): string | null {
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] === name) return headers[i + 1] as string;
  }
  return null;
}

/** Every value of the field `name` (lower case), in order of arrival. */
export function headerValues(headers: HeaderList, name: string): readonly string[] {
  const values: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] === name) values.push(headers[i + 1] as string);
  }
  return values;
}
