/** What an API key looks like: `sp_<name>_<secret>`. The name finds its entry; the secret has 256 bits. */
import type { RandomBytes } from '../core/clock.ts';

const secretBytes = 32;

/** 32 bytes in base64url. Of fixed length, so that a name may hold `_` and there is still one way to read a key. */
const form = /^sp_([A-Za-z0-9][A-Za-z0-9_-]{0,63})_[A-Za-z0-9_-]{43}$/;

/** `sp_`, the longest name, `_` and the secret. */
const longest = 3 + 64 + 1 + 43;

/** Whether `name` can stand in a key. */
export const keyName = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;

export function generateApiKey(name: string, random: RandomBytes): string {
  return `sp_${name}_${random(secretBytes).toString('base64url')}`;
}

/** The name in a key; null for what cannot be one. */
export function nameInKey(text: string): string | null {
  if (text.length > longest) return null;
  return form.exec(text)?.[1] ?? null;
}
