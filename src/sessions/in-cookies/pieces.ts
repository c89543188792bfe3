/**
 * How a long text is cut into cookies and put together again. Every piece begins with `<write>.<count>.`: a random
 * name of this writing and how many pieces it has. All but the last are full. So there is one way to cut a text, and
 * pieces of two writings, a missing one, one too many or one of another length never make a whole (SC-031). What the
 * pieces hold is sealed under the name of the writing and the count: neither can be changed.
 */
import type { RandomBytes } from '../../core/clock.ts';
import { cookieBudget } from '../cookie-budget.ts';
import { type CookieToSet, serializeSetCookie } from '../set-cookie.ts';

/** What a writing is called and how it is cut; sealed with the content. */
export interface Cut {
  /** `writeLength` characters of base64url. */
  readonly write: string;
  readonly count: number;
}

export interface Pieces extends Cut {
  /** Values of the cookies, in order. */
  readonly values: readonly string[];
}

export interface Cutter {
  /** What cookies of this session are called: `<prefix>0`, `<prefix>1`, … */
  readonly prefix: string;
  /** Most characters of content that fit. */
  readonly capacity: number;
  /** Characters of content in a full piece. */
  readonly full: number;
  /** How many pieces a content of this length makes; null when it does not fit. */
  countFor(length: number): number | null;
  /** `content` has to be of the length that `cut.count` was made for. */
  cut(content: string, cut: Cut): Pieces;
  /** The content of pieces that belong together, or null. */
  join(values: readonly string[]): (Cut & { readonly content: string }) | null;
  /** A `Set-Cookie` field for one piece; an empty value clears it. */
  setCookie(number: number | string, value: string): string;
}

/** The most pieces of one session. With the budget there are fewer: this bounds what a reader looks for. */
export const mostPieces = 8;
export const writeLength = 11;
/** `<write>.<count>.` */
const headLength = writeLength + 3;
/** Browsers keep no more of a cookie: here with its attributes, so that all of them agree (SC-030). */
const longestCookie = 4096;
/** `=`, and `; ` before the next one. */
const aroundCookie = 3;

export function createWrite(random: RandomBytes): string {
  return random(8).toString('base64url');
}

export function createCutter(cookie: Pick<CookieToSet, 'name' | 'sameSite' | 'secure'>): Cutter {
  const prefix = `${cookie.name}-`;
  const setCookie = (number: number | string, value: string): string =>
    serializeSetCookie({ ...cookie, name: `${prefix}${number}`, value, maxAge: value === '' ? 0 : null });
  const attributes =
    serializeSetCookie({ ...cookie, name: `${prefix}0`, value: 'x', maxAge: null }).length - 1;
  const full = longestCookie - attributes - headLength;
  const aroundPiece = prefix.length + 1 + aroundCookie + headLength;
  const largest = (count: number): number =>
    Math.min(count * full, cookieBudget.session - count * aroundPiece);
  const capacity = Math.max(...Array.from({ length: mostPieces }, (_, i) => largest(i + 1)));

  const countFor = (length: number): number | null => {
    const count = Math.max(1, Math.ceil(length / full));
    return count <= mostPieces && length <= largest(count) ? count : null;
  };

  return {
    prefix,
    capacity,
    full,
    countFor,
    setCookie,
    cut(content, { write, count }) {
      const head = `${write}.${count}.`;
      const values = Array.from({ length: count }, (_, i) => head + content.slice(i * full, (i + 1) * full));
      return { write, count, values };
    },
    join(values) {
      const head = headOf(values);
      if (head === null) return null;
      const content = values.map((value) => value.slice(headLength)).join('');
      const whole = values.every((value, i) => i === values.length - 1 || value.length === headLength + full);
      return whole && countFor(content.length) === values.length
        ? { write: head.slice(0, writeLength), count: values.length, content }
        : null;
    },
  };
}

/** What all of the pieces begin with, when they say that they are as many as they are. */
function headOf(values: readonly string[]): string | null {
  const head = values[0]?.slice(0, headLength) ?? '';
  if (head.length !== headLength || head.slice(writeLength) !== `.${values.length}.`) return null;
  return values.every((value) => value.startsWith(head)) ? head : null;
}
