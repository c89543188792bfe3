/** Remembers a provider's `Retry-After`, so that what runs by itself leaves it alone until then. */
import type { Clock, RandomBytes } from '../core/clock.ts';

export interface HoldOff {
  /** Up to a fifth is added at random, so that not everybody comes back in the same second. */
  note(seconds: number): void;
  /** Whole seconds still to wait; 0 when nothing is in the way. */
  remaining(): number;
}

export function createHoldOff(clock: Clock, random: RandomBytes): HoldOff {
  let until = 0;
  return {
    note(seconds) {
      const jitter = 1 + (0.2 * (random(1)[0] as number)) / 255;
      until = Math.max(until, clock.monotonic() + seconds * 1000 * jitter);
    },
    remaining: () => Math.max(0, Math.ceil((until - clock.monotonic()) / 1000)),
  };
}
