/**
 * JSON from outside, read one way only: a repeated member is refused instead of "the last one wins" (two readers of one
 * token must not see two audiences), nesting is bounded, and objects have no prototype to be poisoned.
 */
import { Refusal } from './refusal.ts';

const maxDepth = 32;

export type JsonObject = Readonly<Record<string, unknown>>;

/** Fails with a `Refusal` (`json-invalid`, `json-too-deep`, `json-duplicate-member`, `json-not-an-object`). */
export function parseStrictObject(text: string): JsonObject {
  const written = countMembers(text);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Refusal('json-invalid');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Refusal('json-not-an-object');
  // Of two members of one name `JSON.parse` keeps the last: then there are fewer than were written, however they are spelled.
  if (harden(value) !== written) throw new Refusal('json-duplicate-member');
  return value as JsonObject;
}

const [quote, colon, backslash] = [0x22, 0x3a, 0x5c];
const [openBrace, closeBrace, openBracket, closeBracket] = [0x7b, 0x7d, 0x5b, 0x5d];

/** How many members all objects in it have: outside of strings, each colon is one. Whether it is JSON is for `JSON.parse` to say. */
function countMembers(text: string): number {
  let members = 0;
  let depth = 0;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code === quote) i = endOfString(text, i);
    else if (code === colon) members += 1;
    else if (code === closeBrace || code === closeBracket) depth -= 1;
    else if (code === openBrace || code === openBracket) {
      depth += 1;
      if (depth > maxDepth) throw new Refusal('json-too-deep');
    }
  }
  return members;
}

/** The index of the closing quote, or the end of the text. */
function endOfString(text: string, start: number): number {
  for (let i = start + 1; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code === backslash) i += 1;
    else if (code === quote) return i;
  }
  return text.length;
}

/**
 * Takes the prototypes off, in place, and counts the members. Those of the name `__proto__` are left out: nobody names a
 * claim so, and a careless copy would set a prototype.
 */
function harden(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const isList = Array.isArray(value);
  const members: readonly unknown[] = isList ? value : Object.values(value);
  let count = isList ? 0 : members.length;
  for (const member of members) count += harden(member);
  if (isList) return count;
  if (Object.hasOwn(value, '__proto__')) Reflect.deleteProperty(value, '__proto__');
  // In place, and not as a copy: an object that is made without prototype takes twice the memory.
  Object.setPrototypeOf(value, null);
  return count;
}
