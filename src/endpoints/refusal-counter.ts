/**
 * How often an address has been refused lately. Bounded in memory: when too many addresses come, the oldest is
 * forgotten.
 */
import type { Clock } from '../core/clock.ts';

export interface RefusalCounter {
  /** Counts one more; true when that was one too many. */
  isOneTooMany(address: string): boolean;
}

export interface RefusalLimit {
  /** Refusals within the window that are answered as such. */
  readonly count: number;
  /** Milliseconds. */
  readonly window: number;
}

const maxAddresses = 10_000;

export function createRefusalCounter(limit: RefusalLimit, clock: Clock): RefusalCounter {
  // In the order in which their windows began.
  const windows = new Map<string, { readonly since: number; count: number }>();
  return {
    isOneTooMany(address) {
      const now = clock.monotonic();
      const window = windows.get(address);
      if (window !== undefined && now - window.since < limit.window) {
        window.count += 1;
        return window.count > limit.count;
      }
      windows.delete(address);
      if (windows.size >= maxAddresses) windows.delete(windows.keys().next().value as string);
      windows.set(address, { since: now, count: 1 });
      return false;
    },
  };
}
