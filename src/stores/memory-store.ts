/** A store in the memory of this process: for development and tests. Sessions end with the process. */
import type { Clock } from '../core/clock.ts';
import { SallyportError } from '../core/errors.ts';
import type { Store, StoredRecord } from './store.ts';

export interface MemoryStoreDeps {
  readonly clock: Clock;
  /** Most records, expired ones included; past it new keys are refused. */
  readonly maxEntries?: number;
}

export function createMemoryStore(deps: MemoryStoreDeps): Store {
  const { clock } = deps;
  const maxEntries = deps.maxEntries ?? 1_000_000;
  const records = new Map<string, StoredRecord>();
  // One counter for all keys: a key that is deleted and made again never sees an old version.
  let lastVersion = 0;
  let cursor = records.entries();

  const live = (key: string): StoredRecord | null => {
    const record = records.get(key);
    return record !== undefined && record.expiresAt > clock.now() ? record : null;
  };

  const write = (key: string, value: Uint8Array, expiresAt: number): number => {
    if (!records.has(key) && records.size >= maxEntries && sweep(maxEntries) === 0) throw full(maxEntries);
    lastVersion += 1;
    records.set(key, { value: Uint8Array.from(value), version: lastVersion, expiresAt });
    return lastVersion;
  };

  /** Goes on where the last call stopped, so that many small batches look at every record once. */
  const sweep = (limit: number): number => {
    let removed = 0;
    for (let looked = records.size; looked > 0 && removed < limit; looked -= 1) {
      let next = cursor.next();
      if (next.done === true) {
        cursor = records.entries();
        next = cursor.next();
      }
      if (next.done === true) break;
      if (next.value[1].expiresAt <= clock.now()) {
        records.delete(next.value[0]);
        removed += 1;
      }
    }
    return removed;
  };

  return {
    get: live,
    set: write,
    addIfAbsent(key, value, expiresAt) {
      if (live(key) !== null) return false;
      write(key, value, expiresAt);
      return true;
    },
    compareAndSwap(key, version, value, expiresAt) {
      return live(key)?.version === version ? write(key, value, expiresAt) : null;
    },
    delete(key) {
      const wasLive = live(key) !== null;
      records.delete(key);
      return wasLive;
    },
    count(prefix) {
      let count = 0;
      const now = clock.now();
      for (const [key, record] of records) {
        if (record.expiresAt > now && key.startsWith(prefix)) count += 1;
      }
      return count;
    },
    sweep,
    close() {
      records.clear();
    },
  };
}

/** Refusing keeps those who are signed in; making room would let one account sign everybody out. */
function full(maxEntries: number): SallyportError {
  return new SallyportError('ERR_STORE_UNAVAILABLE', `the memory store is full (${maxEntries} records)`, {
    detail: 'full',
    retryAfter: 5,
  });
}
