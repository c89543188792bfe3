/**
 * Background work on keys, each once however often it is asked for, and bounded: ten thousand changes at once neither
 * block this process nor flood the store.
 */
import type { MaybePromise } from '../core/maybe-promise.ts';

export interface Turnstile {
  /** Works on this key now, or as soon as there is room. A failure is forgotten. */
  add(key: string): void;
}

const defaults = { atOnce: 32, inOneGo: 256 };

export function createTurnstile(
  work: (key: string) => MaybePromise<void>,
  limits: { readonly atOnce: number; readonly inOneGo: number } = defaults,
): Turnstile {
  const waiting = new Set<string>();
  let running = 0;
  let inThisGo = 0;
  let resting = false;

  const rest = (): void => {
    if (resting) return;
    resting = true;
    setImmediate(() => {
      resting = false;
      inThisGo = 0;
      turn();
    });
  };

  const turn = (): void => {
    for (const key of waiting) {
      if (running >= limits.atOnce) return;
      // Counted from the first one of this turn of the event loop on.
      rest();
      if (inThisGo >= limits.inOneGo) return;
      inThisGo += 1;
      waiting.delete(key);
      pass(key);
    }
  };

  const pass = (key: string): void => {
    try {
      const done = work(key);
      if (!(done instanceof Promise)) return;
      running += 1;
      const leave = () => {
        running -= 1;
        turn();
      };
      done.then(leave, leave);
    } catch {
      // Whoever needs to know asks again.
    }
  };

  return {
    add(key) {
      waiting.add(key);
      turn();
    },
  };
}
