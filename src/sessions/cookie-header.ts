/**
 * Reads cookies as RFC 6265bis section 5.7 makes them, from every `Cookie` field: pairs between semicolons, SP and HTAB
 * around them dropped, nothing decoded, no quotes, no `$Version`, names compared byte for byte. What comes out is a
 * list or one value, never an object with names as keys.
 */
import type { HeaderList } from '../core/headers.ts';

/** A cookie that came more than once with different values: nobody can tell which is meant (SC-007). */
export const ambiguous: unique symbol = Symbol('ambiguous cookie');

/** The value, null when the cookie was not sent, or `ambiguous`. */
export type ReadCookie = (headers: HeaderList) => string | null | typeof ambiguous;

export interface Cookie {
  readonly name: string;
  readonly value: string;
}

const semicolon = 59;
const equalsSign = 61;

/** A reader for one name. On the hot path: one search through each field, one slice. */
export function createCookieReader(name: string): ReadCookie {
  const needle = `${name}=`;
  return (headers) => {
    let found: string | null = null;
    for (let i = 0; i < headers.length; i += 2) {
      if (headers[i] !== 'cookie') continue;
      const text = headers[i + 1] as string;
      for (let at = text.indexOf(needle); at !== -1; at = text.indexOf(needle, at + needle.length)) {
        if (!beginsPair(text, at)) continue;
        const value = valueAt(text, at + needle.length);
        if (found !== null && found !== value) return ambiguous;
        found = value;
      }
    }
    return found;
  };
}

/** The values of cookies called `prefix0`, `prefix1`, … in this order, null when none was sent, or `ambiguous`. */
export type ReadNumberedCookies = (headers: HeaderList) => readonly string[] | null | typeof ambiguous;

/**
 * A reader for values that were cut into at most `most` cookies, which is at most 10. Whatever has a digit behind
 * `prefix` belongs to them, so a number that is missing, there twice, too large or written in any other way makes the
 * whole `ambiguous`. No number of a request decides how much is set aside. On the hot path: one search through each field.
 */
export function createNumberedCookieReader(prefix: string, most: number): ReadNumberedCookies {
  return (headers) => {
    let found: string[] | null = null;
    let count = 0;
    for (let i = 0; i < headers.length; i += 2) {
      if (headers[i] !== 'cookie') continue;
      const text = headers[i + 1] as string;
      for (let at = text.indexOf(prefix); at !== -1; at = text.indexOf(prefix, at + prefix.length)) {
        const numberAt = at + prefix.length;
        const number = text.charCodeAt(numberAt) - 48;
        if (!(number >= 0 && number <= 9) || !beginsPair(text, at)) continue;
        if (number >= most || text.charCodeAt(numberAt + 1) !== equalsSign) return ambiguous;
        found ??= [];
        if (found[number] !== undefined) return ambiguous;
        found[number] = valueAt(text, numberAt + 2);
        count += 1;
      }
    }
    return found === null || found.length === count ? found : ambiguous;
  };
}

/** Every pair of every `Cookie` field whose name begins with `prefix`, in order. Pairs without `=` have no name. */
export function cookiesWithPrefix(headers: HeaderList, prefix: string): readonly Cookie[] {
  const cookies: Cookie[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] !== 'cookie') continue;
    const text = headers[i + 1] as string;
    for (let at = text.indexOf(prefix); at !== -1; at = text.indexOf(prefix, at + prefix.length)) {
      if (!beginsPair(text, at)) continue;
      const cookie = pairAt(text, at);
      if (cookie !== null) cookies.push(cookie);
    }
  }
  return cookies;
}

function beginsPair(text: string, at: number): boolean {
  let i = at - 1;
  while (i >= 0 && isBlank(text.charCodeAt(i))) i -= 1;
  return i < 0 || text.charCodeAt(i) === semicolon;
}

function pairAt(text: string, at: number): Cookie | null {
  const semicolonAt = text.indexOf(';', at);
  const pair = text.slice(at, semicolonAt === -1 ? text.length : semicolonAt);
  const equals = pair.indexOf('=');
  return equals === -1 ? null : { name: pair.slice(0, equals), value: valueAt(pair, equals + 1) };
}

function valueAt(text: string, start: number): string {
  const semicolonAt = text.indexOf(';', start);
  let end = semicolonAt === -1 ? text.length : semicolonAt;
  let begin = start;
  while (begin < end && isBlank(text.charCodeAt(begin))) begin += 1;
  while (end > begin && isBlank(text.charCodeAt(end - 1))) end -= 1;
  return text.slice(begin, end);
}

function isBlank(code: number): boolean {
  return code === 32 || code === 9;
}
