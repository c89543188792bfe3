/** Keys as they are written: 32 bytes in base64, one a line or separated by commas; `#` begins a comment. */
import { keyIdOf, keyLength } from './create-key-ring.ts';

/** No ring has more: each of them is one more that can be lost. */
export const mostKeys = 16;

const howTo = 'write 32 random bytes in base64, as `sallyport keys generate` prints them';

export type ParsedKeys =
  | { readonly ok: true; readonly keys: readonly Buffer[] }
  | {
      readonly ok: false;
      /** What is wrong and what to write instead, without a subject. Nothing of what was written. */
      readonly reason: string;
    };

/** The bytes of a key written in base64, or null when it is not exactly 32 bytes in canonical base64. */
export function parseKey(text: string): Buffer | null {
  const trimmed = text.trim();
  if (!/^[A-Za-z0-9+/]{43}=$/.test(trimmed)) return null;
  const key = Buffer.from(trimmed, 'base64');
  return key.length === keyLength && key.toString('base64') === trimmed ? key : null;
}

/** All or nothing: one bad line refuses the whole text. */
export function parseKeys(text: string): ParsedKeys {
  const lines = text.split(/\r?\n/);
  const keys: Buffer[] = [];
  for (const [index, line] of lines.entries()) {
    for (const word of wordsOf(line)) {
      const key = parseKey(word);
      const fault = key === null ? 'is not a key' : faultOf(key);
      if (fault !== null)
        return refused(`${lines.length === 1 ? '' : `line ${index + 1} `}${fault}: ${howTo}`);
      keys.push(key as Buffer);
    }
  }
  if (keys.length === 0) return refused(`has no key: ${howTo}`);
  const fault = faultOfRing(keys);
  return fault === null ? { ok: true, keys } : refused(fault);
}

/** What keeps keys, good ones each, from being a ring; null when nothing does. */
export function faultOfRing(keys: readonly Buffer[]): string | null {
  if (keys.length > mostKeys) {
    return `has ${keys.length} keys, and a ring at most ${mostKeys}: remove the oldest`;
  }
  const ids = keys.map(keyIdOf);
  const twice = ids.find((id, index) => ids.indexOf(id) !== index);
  return twice === undefined ? null : `has the key ${twice} twice: remove one of them`;
}

function wordsOf(line: string): readonly string[] {
  const written = line.replace(/#.*$/, '');
  return written
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');
}

/** A placeholder that somebody forgot to replace. */
function faultOf(key: Buffer): string | null {
  return key.every((byte) => byte === key[0]) ? 'is not random, every byte of the key is the same' : null;
}

const refused = (reason: string): ParsedKeys => ({ ok: false, reason });
