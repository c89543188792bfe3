/** A clock that stands still until a test moves it. */
import type { Clock } from '../../src/core/clock.ts';

export interface FakeClock extends Clock {
  /** Moves wall and monotonic time forward together. */
  advance(milliseconds: number): void;
  /** Moves the wall clock alone, as an operator or NTP would. */
  jumpTo(unixMilliseconds: number): void;
}

export function createFakeClock(start = Date.UTC(2030, 0, 1)): FakeClock {
  let wall = start;
  let monotonic = 0;
  return {
    now: () => wall,
    monotonic: () => monotonic,
    advance(milliseconds) {
      wall += milliseconds;
      monotonic += milliseconds;
    },
    jumpTo(unixMilliseconds) {
      wall = unixMilliseconds;
    },
  };
}
