/** The schema of one entry of `session.keys`, and how the entry becomes the bytes of a key. */
import { z } from 'zod';
import { Secret } from '../core/secret.ts';
import { keyLength } from './create-key-ring.ts';

/** The bytes of a key written in base64, or null when it is not exactly 32 bytes in canonical base64. */
export function parseKey(text: string): Buffer | null {
  const trimmed = text.trim();
  if (!/^[A-Za-z0-9+/]{43}=$/.test(trimmed)) return null;
  const key = Buffer.from(trimmed, 'base64');
  return key.length === keyLength && key.toString('base64') === trimmed ? key : null;
}

/** One key of the ring: 32 random bytes in base64. */
export const sealingKeySchema = z
  .string()
  .meta({ kind: 'secret' })
  .transform((text, context) => {
    const key = parseKey(text);
    if (key === null) {
      context.addIssue({
        code: 'custom',
        message: 'is not a key: write 32 random bytes in base64, as `openssl rand -base64 32` prints them',
      });
      return z.NEVER;
    }
    if (key.every((byte) => byte === key[0])) {
      context.addIssue({ code: 'custom', message: 'is not random: every byte of the key is the same' });
      return z.NEVER;
    }
    return new Secret(text.trim());
  })
  .describe('A key of 32 random bytes in base64: literally, `{ env: NAME }` or `{ file: path }`.');

/** The bytes of validated entries, in order. Throws when one was not validated: a misuse. */
export function readKeys(entries: readonly Secret[]): readonly Buffer[] {
  return entries.map((entry) => {
    const key = parseKey(entry.reveal());
    if (key === null) throw new Error('a key that was not validated');
    return key;
  });
}
