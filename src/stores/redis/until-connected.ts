/** Waits for the first connection to all masters. */
import { redisFailure } from './redis-error.ts';
import type { Topology } from './topology.ts';

/** Fails after `timeout` milliseconds with what is in the way. */
export function untilConnected(topology: Topology, timeout: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let settled = false;
    const settle = (): void => {
      settled = true;
      clearTimeout(late);
    };
    const late = setTimeout(() => {
      settle();
      const trouble = topology.trouble();
      reject(trouble === null || trouble.detail === 'closed' ? redisFailure('connect-timeout') : trouble);
    }, timeout);
    const look = (): void => {
      if (settled || topology.trouble() !== null) return;
      settle();
      resolve();
    };
    topology.onChange(look);
    look();
  });
}
