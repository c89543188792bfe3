/** How the SQLite store calls SQLite: failures are translated, and a file that is busy is asked again. */
import { setTimeout as wait } from 'node:timers/promises';
import type { MaybePromise } from '../core/maybe-promise.ts';
import { isBusy, storeUnavailable } from './sqlite-error.ts';

/** Tries after the first one, with growing pauses: about a second in all. */
const tries = 60;
/** Milliseconds. */
const longestPause = 20;

export type Attempt = <T>(work: () => T) => MaybePromise<T>;

/**
 * Waiting inside SQLite would stop the whole process while another one writes, so waiting is done out here. Fails with
 * `ERR_STORE_UNAVAILABLE`.
 */
export function createAttempt(path: string): Attempt {
  const again = async <T>(work: () => T, busy: unknown): Promise<T> => {
    let last = busy;
    for (let pause = 1; pause <= tries; pause += 1) {
      await wait(Math.min(pause, longestPause));
      try {
        return work();
      } catch (error) {
        if (!isBusy(error)) throw storeUnavailable(path, error);
        last = error;
      }
    }
    throw storeUnavailable(path, last);
  };
  return (work) => {
    try {
      return work();
    } catch (error) {
      if (isBusy(error)) return again(work, error);
      throw storeUnavailable(path, error);
    }
  };
}
