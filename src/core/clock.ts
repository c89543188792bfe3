/** Time and randomness, injected everywhere so that tests can own them. */
import { randomBytes } from 'node:crypto';

export interface Clock {
  /** Unix time in milliseconds. */
  now(): number;
  /** Milliseconds that never go back; for durations only. */
  monotonic(): number;
}

/** `count` bytes from a cryptographic source. */
export type RandomBytes = (count: number) => Buffer;

export const systemClock: Clock = { now: () => Date.now(), monotonic: () => performance.now() };

export const systemRandom: RandomBytes = (count) => randomBytes(count);
