/** How long to wait before a worker that died is replaced. */
import type { RandomBytes } from '../core/clock.ts';

/** A worker that lived this long (milliseconds) had started well. */
const goodLife = 10_000;
const firstDelay = 250;
const longestDelay = 10_000;

/**
 * A function from the life of a worker (milliseconds) to the delay before the next one (milliseconds). Nothing after a
 * good life and after the first short one; then twice as long each time, up to ten seconds, of which up to a half is
 * left to chance, so that workers that die together do not all come back together.
 */
export function createBackOff(random: RandomBytes): (livedMs: number) => number {
  let shortLives = 0;
  return (livedMs) => {
    shortLives = livedMs >= goodLife ? 0 : shortLives + 1;
    if (shortLives <= 1) return 0;
    const delay = Math.min(longestDelay, firstDelay * 2 ** Math.min(shortLives - 2, 16));
    return Math.round(delay * (1 - random(2).readUInt16BE() / 0x1_0000 / 2));
  };
}
