/**
 * JSON from outside, read one way only: a repeated member is refused instead of "the last one wins" (two readers of one
 * token must not see two audiences), nesting is bounded, and objects have no prototype to be poisoned.
 */
import { Refusal } from './refusal.ts';

const maxDepth = 32;

export type JsonObject = Readonly<Record<string, unknown>>;

/** Fails with a `Refusal` (`json-invalid`, `json-too-deep`, `json-duplicate-member`, `json-not-an-object`). */
export function parseStrictObject(text: string): JsonObject {
  scan(text);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Refusal('json-invalid');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Refusal('json-not-an-object');
  return withoutPrototype(value) as JsonObject;
}

/** The members `__proto__` are left out: nobody names a claim so, and a careless copy would set a prototype. */
function withoutPrototype(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutPrototype);
  if (typeof value !== 'object' || value === null) return value;
  const copy: Record<string, unknown> = Object.create(null);
  for (const [name, member] of Object.entries(value)) {
    if (name !== '__proto__') copy[name] = withoutPrototype(member);
  }
  return copy;
}

/** Depth and repeated names; whether it is JSON at all is for `JSON.parse` to say. */
function scan(text: string): void {
  const open: (Set<string> | null)[] = [];
  for (let i = 0; i < text.length; i += 1) {
    const character = text[i];
    if (character === '{' || character === '[') {
      if (open.push(character === '{' ? new Set() : null) > maxDepth) throw new Refusal('json-too-deep');
    } else if (character === '}' || character === ']') {
      open.pop();
    } else if (character === '"') {
      const end = endOfString(text, i);
      noteName(text, { start: i, end }, open.at(-1) ?? null);
      i = end;
    }
  }
}

/** The index of the closing quote, or the end of the text. */
function endOfString(text: string, start: number): number {
  for (let i = start + 1; i < text.length; i += 1) {
    if (text[i] === '\\') i += 1;
    else if (text[i] === '"') return i;
  }
  return text.length;
}

function noteName(
  text: string,
  at: { readonly start: number; readonly end: number },
  names: Set<string> | null,
): void {
  if (names === null) return;
  let after = at.end + 1;
  while (/[ \t\r\n]/.test(text[after] ?? '')) after += 1;
  if (text[after] !== ':') return;
  const name = unescapeName(text.slice(at.start, at.end + 1));
  if (names.has(name)) throw new Refusal('json-duplicate-member');
  names.add(name);
}

function unescapeName(quoted: string): string {
  try {
    return JSON.parse(quoted) as string;
  } catch {
    throw new Refusal('json-invalid');
  }
}
