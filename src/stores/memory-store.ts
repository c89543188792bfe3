/** A store in the memory of this process: for development and tests. Sessions end with the process. */
import type { Clock } from '../core/clock.ts';
import { SallyportError } from '../core/errors.ts';
import type { Entry, Listed, Store, StoredRecord, Tags } from './store.ts';

export interface MemoryStoreDeps {
  readonly clock: Clock;
  /** Most records, expired ones included; past it new keys are refused. */
  readonly maxEntries?: number;
}

export function createMemoryStore(deps: MemoryStoreDeps): Store {
  const { clock } = deps;
  const maxEntries = deps.maxEntries ?? 1_000_000;
  const records = new Map<string, StoredRecord>();
  const tags = createTagIndex();
  // One counter for all keys: a key that is deleted and made again never sees an old version.
  let lastVersion = 0;
  let cursor = records.entries();

  const live = (key: string): StoredRecord | null => {
    const record = records.get(key);
    return record !== undefined && record.expiresAt > clock.now() ? record : null;
  };

  const write = (key: string, { value, label, expiresAt }: Entry): number => {
    if (!records.has(key) && records.size >= maxEntries && sweep(maxEntries) === 0) throw full(maxEntries);
    lastVersion += 1;
    records.set(key, {
      value: Uint8Array.from(value),
      label: label === undefined ? null : Uint8Array.from(label),
      version: lastVersion,
      expiresAt,
    });
    return lastVersion;
  };

  const remove = (key: string): void => {
    records.delete(key);
    tags.remove(key);
  };

  const listed = (key: string): Listed | null => {
    const record = live(key);
    return record === null ? null : { key, label: record.label, expiresAt: record.expiresAt };
  };

  const deleteOne = (key: string, version?: number): boolean => {
    const found = live(key);
    if (version !== undefined && found?.version !== version) return false;
    remove(key);
    return found !== null;
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
        remove(next.value[0]);
        removed += 1;
      }
    }
    return removed;
  };

  return {
    ready() {},
    get: live,
    set(key, entry, tagged) {
      const version = write(key, entry);
      if (tagged !== undefined) tags.add(key, tagged);
      return version;
    },
    addIfAbsent: (key, entry) => (live(key) === null ? write(key, entry) : null),
    compareAndSwap: (key, version, entry) => (live(key)?.version === version ? write(key, entry) : null),
    delete: deleteOne,
    deleteAll: (keys) => keys.filter((key) => deleteOne(key)).length,
    tagged: (tag) => tags.keys(tag).flatMap((key) => listed(key) ?? []),
    list(prefix) {
      const found = [...records.keys()].filter((key) => key.startsWith(prefix));
      return { records: found.flatMap((key) => listed(key) ?? []), cursor: null };
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
    // Nobody else writes here.
    watch() {},
    close() {
      records.clear();
    },
  };
}

/** Which keys carry a tag, and which tags a key carries. */
function createTagIndex() {
  const keysOf = new Map<string, Set<string>>();
  const tagsOf = new Map<string, readonly string[]>();
  return {
    add(key: string, { names }: Tags): void {
      tagsOf.set(key, names);
      for (const name of names) keysOf.set(name, (keysOf.get(name) ?? new Set()).add(key));
    },
    remove(key: string): void {
      for (const name of tagsOf.get(key) ?? []) {
        const keys = keysOf.get(name);
        keys?.delete(key);
        if (keys?.size === 0) keysOf.delete(name);
      }
      tagsOf.delete(key);
    },
    keys: (name: string): readonly string[] => [...(keysOf.get(name) ?? [])],
  };
}

/** Refusing keeps those who are signed in; making room would let one account sign everybody out. */
function full(maxEntries: number): SallyportError {
  return new SallyportError('ERR_STORE_UNAVAILABLE', `the memory store is full (${maxEntries} records)`, {
    detail: 'full',
    retryAfter: 5,
  });
}
