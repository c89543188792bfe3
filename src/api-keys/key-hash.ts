/**
 * How a key is kept: `scrypt$N$r$p$salt$check$hash` (RFC 7914), with what it costs in the text, so that the cost can
 * grow without old hashes ending.
 *
 * `check` is four bytes of a plain SHA-256 over salt and key. Whoever has no right key passes it once in four billion
 * tries, so that a flood of wrong keys costs one SHA-256 each and starves nobody. It tells nobody anything of use: keys
 * are made by machine with 256 bits.
 */
import { createHash, scrypt, timingSafeEqual } from 'node:crypto';
import type { RandomBytes } from '../core/clock.ts';

export interface KeyHash {
  /** CPU and memory cost: a power of two. */
  readonly N: number;
  /** Block size. */
  readonly r: number;
  /** Parallelisation. */
  readonly p: number;
  readonly salt: Buffer;
  readonly check: Buffer;
  readonly hash: Buffer;
}

const cost = { N: 2 ** 15, r: 8, p: 1 } as const;
const lengths = { salt: 16, check: 4, hash: 32 } as const;

/** 128 · N · r: what one computation takes. A hash text must not be a way to fill the memory. */
const mostMemory = 128 * 1024 * 1024;

/** The key as it is written into the configuration. */
export async function hashApiKey(key: string, random: RandomBytes): Promise<string> {
  const salt = random(lengths.salt);
  const hash = await derive(key, { ...cost, salt });
  const numbers = [cost.N, cost.r, cost.p];
  const bytes = [salt, checkOf(key, salt), hash].map((part) => part.toString('base64url'));
  return ['scrypt', ...numbers, ...bytes].join('$');
}

/** Null when it is no hash, or one that costs too little to be safe or too much to be computed for strangers. */
export function parseKeyHash(text: string): KeyHash | null {
  const form = /^scrypt\$(\d{1,7})\$(\d{1,2})\$(\d)\$([\w-]{22})\$([\w-]{6})\$([\w-]{43})$/.exec(text);
  if (form === null) return null;
  const [N, r, p] = form.slice(1, 4).map(Number) as [number, number, number];
  const isBounded = 128 * N * r <= mostMemory && p >= 1 && p <= 4;
  if (!Number.isInteger(Math.log2(N)) || N < 2 ** 14 || r < 8 || !isBounded) return null;
  const [salt, check, hash] = form.slice(4).map((part) => Buffer.from(part, 'base64url'));
  return { N, r, p, salt, check, hash } as KeyHash;
}

/** Cheap, and true for nearly no wrong key. */
export function mayMatch(key: string, { salt, check }: KeyHash): boolean {
  return timingSafeEqual(checkOf(key, salt), check);
}

/** Takes tens of milliseconds of another thread. */
export async function matches(key: string, hash: KeyHash): Promise<boolean> {
  return timingSafeEqual(await derive(key, hash), hash.hash);
}

/** Over the whole key: a hash that was copied to another name fits no key. */
function checkOf(key: string, salt: Buffer): Buffer {
  return createHash('sha256').update(salt).update(key).digest().subarray(0, lengths.check);
}

function derive(key: string, { N, r, p, salt }: Omit<KeyHash, 'check' | 'hash'>): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const options = { N, r, p, maxmem: 256 * N * r };
  scrypt(key, salt, lengths.hash, options, (error, derived) => {
    if (error === null) resolve(derived);
    else reject(error);
  });
  return promise;
}
