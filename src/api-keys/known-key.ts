/** One key of the configuration: which texts are known to be it, or not to be it. */
import { timingSafeEqual } from 'node:crypto';
import type { HashingLine } from './hashing-line.ts';
import { type KeyHash, matches, mayMatch } from './key-hash.ts';

export interface KnownKey {
  /** Whether `key` is this key. `digest` stands for it in memory, where the key itself is not kept. */
  check(key: string, digest: Buffer): boolean | Promise<boolean>;
}

/** Texts that pass the cheap check and are wrong all the same: one in four billion, so these are all that ever come. */
const mostRefused = 16;

export function createKnownKey(hash: KeyHash, line: HashingLine): KnownKey {
  let accepted: Buffer | null = null;
  const refused: Buffer[] = [];
  const pending = new Map<string, Promise<boolean>>();

  const compute = async (key: string, digest: Buffer): Promise<boolean> => {
    const isIt = await line.run(() => matches(key, hash));
    if (isIt) accepted = digest;
    else if (refused.push(digest) > mostRefused) refused.shift();
    return isIt;
  };

  /** Requests that come with one key at a time wait for one computation. */
  const computeOnce = (key: string, digest: Buffer): Promise<boolean> => {
    const id = digest.toString('latin1');
    const under = pending.get(id);
    if (under !== undefined) return under;
    const started = compute(key, digest).finally(() => pending.delete(id));
    pending.set(id, started);
    return started;
  };

  return {
    check(key, digest) {
      if (accepted !== null && timingSafeEqual(accepted, digest)) return true;
      if (!mayMatch(key, hash)) return false;
      // Once the key is known, every other text is another one.
      if (accepted !== null || refused.some((known) => timingSafeEqual(known, digest))) return false;
      return computeOnce(key, digest);
    },
  };
}
