/** A store that fails, answers late or loses everything when a test says so. */
import { SallyportError } from '../../src/core/errors.ts';
import type { MaybePromise } from '../../src/core/maybe-promise.ts';
import type { Store } from '../../src/stores/store.ts';

export interface FaultyStore extends Store {
  /** These operations fail until told otherwise. */
  fail(...operations: readonly (keyof Store)[]): void;
  /** From now on every answer is a promise; these operations wait until the function that comes back is called. */
  hold(...operations: readonly (keyof Store)[]): () => void;
  /** How often each operation was called. */
  readonly calls: ReadonlyMap<string, number>;
}

export function createFaultyStore(store: Store): FaultyStore {
  const calls = new Map<string, number>();
  let failing: readonly (keyof Store)[] = [];
  let held: readonly (keyof Store)[] = [];
  let gate: Promise<void> | null = null;

  const pass = <T>(operation: keyof Store, work: () => MaybePromise<T>): MaybePromise<T> => {
    calls.set(operation, (calls.get(operation) ?? 0) + 1);
    if (failing.includes(operation)) {
      const error = new SallyportError('ERR_STORE_UNAVAILABLE', 'down', { detail: 'test', retryAfter: 5 });
      if (gate !== null) return Promise.reject(error);
      throw error;
    }
    if (gate === null) return work();
    const answer = work();
    return held.includes(operation) ? gate.then(() => answer) : Promise.resolve(answer);
  };

  return {
    calls,
    fail(...operations) {
      failing = operations;
    },
    hold(...operations) {
      held = operations;
      const { promise, resolve } = Promise.withResolvers<void>();
      gate = promise;
      return resolve;
    },
    ready: () => store.ready(),
    get: (key) => pass('get', () => store.get(key)),
    set: (key, entry, tags) => pass('set', () => store.set(key, entry, tags)),
    addIfAbsent: (key, entry) => pass('addIfAbsent', () => store.addIfAbsent(key, entry)),
    compareAndSwap: (key, version, entry) =>
      pass('compareAndSwap', () => store.compareAndSwap(key, version, entry)),
    delete: (key, version) => pass('delete', () => store.delete(key, version)),
    deleteAll: (keys) => pass('deleteAll', () => store.deleteAll(keys)),
    tagged: (tag) => pass('tagged', () => store.tagged(tag)),
    list: (prefix, cursor, limit) => pass('list', () => store.list(prefix, cursor, limit)),
    count: (prefix) => pass('count', () => store.count(prefix)),
    sweep: (limit) => pass('sweep', () => store.sweep(limit)),
    watch: (prefix, watcher) => store.watch(prefix, watcher),
    close: () => store.close(),
  };
}
