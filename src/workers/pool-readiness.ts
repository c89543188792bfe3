/** Whether the gate as a whole should get traffic, from what each worker says of itself. */
import type { Readiness } from '../admin/admin-server.ts';
import type { Worker } from './worker.ts';
import type { WorkerPool } from './worker-pool.ts';

/** How long a worker may take to tell how it is (milliseconds). */
const deadline = 1000;

const silent: Readiness = { ready: false, checks: { state: 'silent' } };

/**
 * Ready when there is a worker that accepts connections and every one that does is ready: the kernel sends them all
 * their share, also the one that hangs. A worker that is being replaced gets none and does not count; `workers` tells.
 */
export async function readPoolReadiness(
  pool: Pick<WorkerPool, 'serving'>,
  wanted: number,
): Promise<Readiness> {
  const workers = pool.serving();
  const each = await Promise.all(workers.map(askOne));
  return {
    ready: each.length > 0 && each.every(({ ready }) => ready),
    checks: { ...mergeChecks(each), workers: `${workers.length} of ${wanted}` },
  };
}

function askOne(worker: Worker): Promise<Readiness> {
  return worker.ask('readiness', null, deadline).catch(() => silent);
}

const good: ReadonlySet<string> = new Set(['ok', 'serving']);

/** The word that all say, or the first that is not a good one. */
function mergeChecks(each: readonly Readiness[]): Record<string, string> {
  const merged: Record<string, string> = {};
  for (const { checks } of each) {
    for (const [name, word] of Object.entries(checks)) {
      const before = merged[name];
      if (before === undefined || (good.has(before) && !good.has(word))) merged[name] = word;
    }
  }
  return merged;
}
