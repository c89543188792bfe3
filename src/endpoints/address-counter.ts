/**
 * How often something has come from an address lately. Bounded in memory: when too many addresses come, the one that
 * came first is forgotten. An IPv6 network of 64 bits counts as one address: that is what one subscriber has (RFC 6177).
 */
import type { Clock } from '../core/clock.ts';

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
      const address = networkOf(from);
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

/** The first four groups of an IPv6 address, zeros written out; anything else as it is. */
function networkOf(address: string): string {
  const [front = ''] = address.split('::', 1);
  if (!address.includes(':') || front === '') return address;
  const groups = front.split(':');
  return [...groups, '0', '0', '0'].slice(0, 4).join(':');
}
