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
    get: (key) => observe('get', () => store.get(key)),
    set: (key, value, expiresAt) => observe('set', () => store.set(key, value, expiresAt)),
    addIfAbsent: (key, value, expiresAt) =>
      observe('add-if-absent', () => store.addIfAbsent(key, value, expiresAt)),
    compareAndSwap: (key, version, value, expiresAt) =>
      observe('compare-and-swap', () => store.compareAndSwap(key, version, value, expiresAt)),
    delete: (key) => observe('delete', () => store.delete(key)),
    count: (prefix) => observe('count', () => store.count(prefix)),
    sweep: (limit) => observe('sweep', () => store.sweep(limit)),
    close: () => store.close(),
  };
}
