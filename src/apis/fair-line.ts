/**
 * Keeps calls to a bounded number, and lets those who wait in by turns of their clients: one client that sends a flood of
 * tokens that nobody has seen waits in its own line, and nobody else waits for it. When too many wait in all, the last of
 * the longest line makes room, so that a few such clients together keep nobody out either.
 */
import type { Clock } from '../core/clock.ts';
import { SallyportError } from '../core/errors.ts';

export interface FairLineLimits {
  /** Calls at the same time. */
  readonly concurrent: number;
  /** Those who may wait, of one client and of all. */
  readonly waitingOfOne: number;
  readonly waiting: number;
  /** Milliseconds after which who waited is sent away. */
  readonly patience: number;
}

export interface FairLine {
  /** Fails with `ERR_PROVIDER_UNAVAILABLE` when too many wait, or when it took too long until it was this one's turn. */
  run<T>(client: string, task: () => Promise<T>): Promise<T>;
}

interface Waiting {
  start(): void;
  giveUp(reason: SallyportError): void;
}

export function createFairLine(limits: FairLineLimits, clock: Pick<Clock, 'monotonic'>): FairLine {
  /** In the order of turns. No line is empty. */
  const lines = new Map<string, Waiting[]>();
  let running = 0;
  let waiting = 0;

  /** Sends the last of the longest line away; false when no line is longer than one of `length` and one more. */
  const makeRoom = (length: number): boolean => {
    let longest: Waiting[] = [];
    for (const line of lines.values()) if (line.length > longest.length) longest = line;
    if (longest.length <= length + 1) return false;
    longest.pop()?.giveUp(busy());
    waiting -= 1;
    return true;
  };

  const wait = (client: string): Promise<void> => {
    const line = lines.get(client) ?? [];
    if (line.length >= limits.waitingOfOne) return Promise.reject(busy());
    if (waiting >= limits.waiting && !makeRoom(line.length)) return Promise.reject(busy());
    waiting += 1;
    lines.set(client, line);
    return new Promise((start, giveUp) => {
      line.push({ start, giveUp });
    });
  };

  /** Hands the place of a call that has ended to whoever's turn it is. */
  const handOn = () => {
    for (const [client, line] of lines) {
      lines.delete(client);
      const next = line.shift();
      if (line.length > 0) lines.set(client, line);
      waiting -= 1;
      next?.start();
      return;
    }
    running -= 1;
  };

  return {
    async run(client, task) {
      const since = clock.monotonic();
      if (running < limits.concurrent) running += 1;
      else await wait(client);
      try {
        if (clock.monotonic() - since > limits.patience) throw busy();
        return await task();
      } finally {
        handOn();
      }
    },
  };
}

function busy(): SallyportError {
  return new SallyportError('ERR_PROVIDER_UNAVAILABLE', 'too many tokens wait to be asked about', {
    detail: 'introspection-busy',
    retryAfter: 1,
  });
}
