/** How many keys are hashed at a time. Each takes a thread of the few that files and names need too, and its memory. */
import { SallyportError } from '../core/errors.ts';

export interface HashingLine {
  /** Does `work` when it is its turn. Throws `ERR_API_KEYS_BUSY` when too many wait already. */
  run<T>(work: () => Promise<T>): Promise<T>;
}

export interface HashingLimits {
  readonly atOnce: number;
  readonly waiting: number;
}

export function createHashingLine({ atOnce, waiting }: HashingLimits): HashingLine {
  let running = 0;
  const line: (() => void)[] = [];

  const turn = (): Promise<void> | null => {
    if (running < atOnce) {
      running++;
      return null;
    }
    if (line.length >= waiting) {
      throw new SallyportError('ERR_API_KEYS_BUSY', 'too many API keys wait to be checked', {
        retryAfter: 1,
      });
    }
    return new Promise((resolve) => line.push(resolve));
  };

  /** Hands the place on to the one that waits longest. */
  const leave = (): void => {
    const next = line.shift();
    if (next === undefined) running--;
    else next();
  };

  return {
    async run(work) {
      await turn();
      try {
        return await work();
      } finally {
        leave();
      }
    },
  };
}
