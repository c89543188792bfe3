/** Removes expired records in small batches, so that no request waits for a large one. */
import type { Store } from './store.ts';

export interface Sweeper {
  stop(): void;
}

export interface SweeperOptions {
  /** Milliseconds between rounds. */
  readonly every?: number;
  /** Records in one batch. */
  readonly batch?: number;
}

/** Milliseconds between the batches of one round. */
const pause = 20;

/** Runs until stopped and does not keep the process alive. A failure ends the round; the next one tries again. */
export function createSweeper(store: Store, options: SweeperOptions = {}): Sweeper {
  const batch = options.batch ?? 100;
  let next: NodeJS.Timeout | null = null;
  let stopped = false;

  const schedule = (delay: number): void => {
    if (stopped) return;
    next = setTimeout(run, delay);
    next.unref();
  };
  const run = async (): Promise<void> => {
    let more = false;
    try {
      more = (await store.sweep(batch)) === batch;
    } catch {
      // The store has told of its failure; what has expired is refused when it is read all the same.
    }
    schedule(more ? pause : (options.every ?? 60_000));
  };

  schedule(options.every ?? 60_000);
  return {
    stop() {
      stopped = true;
      if (next !== null) clearTimeout(next);
    },
  };
}
