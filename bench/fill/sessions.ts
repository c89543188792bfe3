/** Copies of a session under names of their own: as many keys and tags as so many people make. */
import { randomFillSync } from 'node:crypto';

/** What a store takes for each session that it holds. */
export interface StoreSize {
  readonly store: 'sqlite' | 'redis';
  readonly sessions: number;
  /** In the file or in memory, with all indexes. */
  readonly bytesPerSession: number;
  /** Of the sealed record and its label alone. */
  readonly recordBytes: number;
}

const pool = Buffer.alloc(3 * 16_384);
let used = pool.length;

/** Random base64url of that length: what digests and ids look like. */
export function randomName(length: number): string {
  const bytes = Math.ceil(length / 4) * 3;
  if (used + bytes > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += bytes;
  return pool.toString('base64url', used - bytes, used).slice(0, length);
}

/** A key like this one. */
export function keyLike(key: string): string {
  const prefix = key.slice(0, key.lastIndexOf(':') + 1);
  return prefix + randomName(key.length - prefix.length);
}
