/** Bounds how many calls run at once and how many may wait, so that a slow provider cannot fill the process. */
import { SallyportError } from '../core/errors.ts';

export interface Bulkhead {
  /** Runs `work` when there is room. Fails at once with 503 when the queue is full, or when `signal` aborts the wait. */
  run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T>;
}

export function createBulkhead(limits: { readonly concurrent: number; readonly waiting: number }): Bulkhead {
  let running = 0;
  const queue = new Set<() => void>();

  const next = () => {
    const [first] = queue;
    if (first !== undefined) first();
    else running -= 1;
  };

  const turn = (signal: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      const begin = () => {
        queue.delete(begin);
        signal.removeEventListener('abort', giveUp);
        resolve();
      };
      const giveUp = () => {
        queue.delete(begin);
        reject(signal.reason);
      };
      queue.add(begin);
      signal.addEventListener('abort', giveUp, { once: true });
    });

  return {
    async run(signal, work) {
      if (running < limits.concurrent) running += 1;
      else if (queue.size < limits.waiting) await turn(signal);
      else throw busy();
      try {
        return await work();
      } finally {
        next();
      }
    },
  };
}

function busy(): SallyportError {
  return new SallyportError('ERR_PROVIDER_UNAVAILABLE', 'too many calls to the provider at once', {
    detail: 'busy',
    retryAfter: 2,
  });
}
