/** A store whose failures are heard: passes everything on and emits `store.failed`. */

import { toSallyportError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import type { MaybePromise } from '../core/maybe-promise.ts';
import type { Store } from './store.ts';

export function createObservedStore(store: Store, deps: { readonly emit: Emit }): Store {
  const observe = <T>(operation: string, work: () => MaybePromise<T>): MaybePromise<T> => {
    const failed = (error: unknown): never => {
      const { code, detail } = toSallyportError(error);
      deps.emit('store.failed', { operation, reason: detail ?? code });
      throw error;
    };
    try {
      const answer = work();
      return answer instanceof Promise ? answer.catch(failed) : answer;
    } catch (error) {
      return failed(error);
    }
  };
  return {
    ready: () => store.ready(),
    get: (key) => observe('get', () => store.get(key)),
    set: (key, entry, tags) => observe('set', () => store.set(key, entry, tags)),
    addIfAbsent: (key, entry) => observe('add-if-absent', () => store.addIfAbsent(key, entry)),
    compareAndSwap: (key, version, entry) =>
      observe('compare-and-swap', () => store.compareAndSwap(key, version, entry)),
    delete: (key, version) => observe('delete', () => store.delete(key, version)),
    deleteAll: (keys) => observe('delete-all', () => store.deleteAll(keys)),
    tagged: (tag) => observe('tagged', () => store.tagged(tag)),
    list: (prefix, cursor, limit) => observe('list', () => store.list(prefix, cursor, limit)),
    count: (prefix) => observe('count', () => store.count(prefix)),
    sweep: (limit) => observe('sweep', () => store.sweep(limit)),
    watch: (prefix, watcher) => store.watch(prefix, watcher),
    close: () => store.close(),
  };
}
