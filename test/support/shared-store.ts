/** One store for several nodes: each has a view of its own, which tells it of what the others write. */
import type { Clock } from '../../src/core/clock.ts';
import type { MaybePromise } from '../../src/core/maybe-promise.ts';
import { createMemoryStore } from '../../src/stores/memory-store.ts';
import type { Store, StoreWatcher } from '../../src/stores/store.ts';

export interface NodeStore extends Store {
  /** From now on nothing is told to this node, as with a connection that is gone and not yet noticed. */
  silence(): void;
  /** As the store notices that it cannot tell any more, and that it can again. */
  lose(): void;
  regain(): void;
  /** How often each operation was called by this node. */
  readonly calls: ReadonlyMap<string, number>;
  /** Groups of calls that were made without waiting for each other: round trips, for a store that pipelines. */
  rounds(): number;
  resetCounts(): void;
}

export interface SharedStore {
  node(options?: { readonly isAsync?: boolean }): NodeStore;
  readonly memory: Store;
}

export function createSharedStore({ clock }: { readonly clock: Clock }): SharedStore {
  const memory = createMemoryStore({ clock });
  const views = new Set<(keys: readonly string[]) => void>();

  const node: SharedStore['node'] = ({ isAsync = false } = {}) => {
    const watchers: { readonly prefix: string; readonly watcher: StoreWatcher }[] = [];
    const calls = new Map<string, number>();
    let silent = false;
    let rounds = 0;
    let inRound = false;

    const hear = (keys: readonly string[]): void => {
      setImmediate(() => {
        for (const { prefix, watcher } of watchers) {
          for (const key of keys) if (!silent && key.startsWith(prefix)) watcher.changed(key);
        }
      });
    };
    views.add(hear);

    const tell = (...keys: readonly string[]): void => {
      for (const view of views) if (view !== hear) view(keys);
    };

    const count = (operation: string): void => {
      calls.set(operation, (calls.get(operation) ?? 0) + 1);
      if (inRound) return;
      inRound = true;
      rounds += 1;
    };

    const call = <T>(operation: string, work: () => MaybePromise<T>): MaybePromise<T> => {
      count(operation);
      if (!isAsync) return work();
      return new Promise((resolve, reject) => {
        setImmediate(() => {
          inRound = false;
          try {
            resolve(work());
          } catch (error) {
            reject(error);
          }
        });
      });
    };

    const write = <T>(operation: string, key: string, work: () => MaybePromise<T>): MaybePromise<T> =>
      call(operation, () => {
        tell(key);
        return work();
      });

    return {
      calls,
      rounds: () => rounds,
      resetCounts() {
        calls.clear();
        rounds = 0;
      },
      silence() {
        silent = true;
      },
      lose() {
        silent = true;
        for (const { watcher } of watchers) watcher.lost();
      },
      regain() {
        silent = false;
        for (const { watcher } of watchers) watcher.regained();
      },
      ready() {},
      get: (key) => call('get', () => memory.get(key)),
      set: (key, entry, tags) => write('set', key, () => memory.set(key, entry, tags)),
      addIfAbsent: (key, entry) => write('addIfAbsent', key, () => memory.addIfAbsent(key, entry)),
      compareAndSwap: (key, version, entry) =>
        write('compareAndSwap', key, () => memory.compareAndSwap(key, version, entry)),
      delete: (key, version) => write('delete', key, () => memory.delete(key, version)),
      deleteAll: (keys) =>
        call('deleteAll', () => {
          tell(...keys);
          return memory.deleteAll(keys);
        }),
      tagged: (tag) => call('tagged', () => memory.tagged(tag)),
      list: (prefix, cursor, limit) => call('list', () => memory.list(prefix, cursor, limit)),
      count: (prefix) => call('count', () => memory.count(prefix)),
      sweep: (limit) => call('sweep', () => memory.sweep(limit)),
      watch(prefix, watcher) {
        watchers.push({ prefix, watcher });
      },
      close() {},
    };
  };

  return { node, memory };
}
