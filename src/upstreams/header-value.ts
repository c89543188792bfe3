/**
 * Values from claims and captured segments as header values, by one rule without loss (HP-076):
 *
 * - a string: every character outside visible ASCII, `%` itself, and a space at either end become the
 *   percent-encoded bytes of their UTF-8; spaces within stay. `decodeURIComponent` gives the string back.
 * - a list or an object: JSON in ASCII (`\u` escapes). `["a,b","c"]` is two groups, whatever they are called.
 * - a number or a boolean: as JSON writes it.
 * - null, or no such claim: no header at all.
 *
 * Joined (`{claims.groups join ","}`): each member as text by the rule above, a member that is no string as its JSON
 * text, and the characters of the separator percent-encoded as well: split at the separator and
 * `decodeURIComponent` give the members back. A claim that is no list is a list of one. An empty list is the same as
 * no such claim.
 */
import type { Claims } from '../core/identity.ts';
import type { HeaderTemplate } from '../core/route.ts';

/** Longest value in bytes; a longer one is left out, as an application could not take it. */
const longestValue = 4096;

export interface TemplateSources {
  readonly claims: Claims | null;
  readonly params: Readonly<Record<string, string>>;
}

/** The value, `null` when a hole has nothing to fill it with, or `'too-long'`. */
export function fillTemplate(
  template: HeaderTemplate,
  sources: TemplateSources,
): { readonly value: string } | 'too-long' | null {
  let value = template.literals[0] ?? '';
  for (let i = 0; i < template.holes.length; i += 1) {
    const hole = template.holes[i] as HeaderTemplate['holes'][number];
    const claim = readOwn(sources[hole.source], hole.path);
    const text =
      hole.separator === null ? encodeHeaderValue(claim) : encodeJoinedValue(claim, hole.separator);
    if (text === null) return null;
    value += text + (template.literals[i + 1] ?? '');
    if (value.length > longestValue) return 'too-long';
  }
  return { value };
}

/** Own properties only: `{claims.constructor}` is a claim of that name or nothing. */
function readOwn(source: Readonly<Record<string, unknown>> | null, path: readonly string[]): unknown {
  let value: unknown = source;
  for (const name of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

/** Null when there is nothing to send. */
export function encodeHeaderValue(value: unknown): string | null {
  switch (typeof value) {
    case 'string':
      return encodeText(value);
    case 'number':
    case 'boolean':
      return String(value);
    case 'object':
      return value === null ? null : asciiJson(value);
    default:
      return null;
  }
}

/** Null when there is nothing to send. The separator is punctuation without `%`. */
export function encodeJoinedValue(value: unknown, separator: string): string | null {
  if (value === undefined || value === null) return null;
  const members: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (members.length === 0) return null;
  return members.map((member) => encodeMember(member, separator)).join(separator);
}

function encodeMember(member: unknown, separator: string): string {
  let text = encodeText(typeof member === 'string' ? member : String(JSON.stringify(member)));
  for (const character of new Set(separator)) text = text.replaceAll(character, percentEncode);
  return text;
}

/** `encodeURIComponent` leaves some punctuation as it is. */
function percentEncode(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
}

function encodeText(text: string): string {
  if (/^(?! )[\x20-\x24\x26-\x7e]*(?<! )$/.test(text)) return text;
  // A lone surrogate has no UTF-8; toWellFormed makes it U+FFFD instead of throwing.
  return text
    .toWellFormed()
    .replace(/[^\x20-\x24\x26-\x7e]+/g, encodeURIComponent)
    .replace(/^ +| +$/g, (spaces) => '%20'.repeat(spaces.length));
}

function asciiJson(value: object): string {
  return JSON.stringify(value).replace(
    /[^\x20-\x7e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
