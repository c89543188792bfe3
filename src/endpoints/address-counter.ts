/**
 * How often something has come from an address lately. Bounded in memory: when too many addresses come, the one that
 * came first is forgotten. An IPv6 network of 64 bits counts as one address.
 */
import type { Clock } from '../core/clock.ts';
import { subscriberNetwork } from '../core/subscriber-network.ts';

export interface AddressCounter {
  /** Counts one more; true when that was one too many. */
  isOneTooMany(address: string): boolean;
}

export interface AddressLimit {
  /** How many within the window are not too many. */
  readonly count: number;
  /** Milliseconds. */
  readonly window: number;
}

const maxAddresses = 10_000;

export function createAddressCounter(limit: AddressLimit, clock: Clock): AddressCounter {
  // In the order in which their windows began.
  const windows = new Map<string, { readonly since: number; count: number }>();
  return {
    isOneTooMany(from) {
      const address = subscriberNetwork(from);
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
