/** The metrics of all workers and of the process that starts them as those of one gate. */
import { exposeTogether, retire } from '../observe/aggregate-metrics.ts';
import type { Metrics, MetricsSnapshot } from '../observe/metrics.ts';
import type { Worker, WorkerEnd } from './worker.ts';
import type { WorkerPool } from './worker-pool.ts';

/** How long a worker may take to tell its metrics (milliseconds). */
const deadline = 1000;

export interface PoolMetrics extends Pick<Metrics, 'expose' | 'contentType'> {
  /** Keeps the counters of a worker that has ended. */
  onEnd(worker: Worker, end: WorkerEnd): void;
}

/**
 * A worker that does not answer in time counts with what it said last, and one that has ended keeps its counters: sums
 * never fall, which Prometheus would take for a restart.
 */
export function createPoolMetrics(own: Metrics, pool: Pick<WorkerPool, 'all'>): PoolMetrics {
  const latest = new Map<Worker, MetricsSnapshot>();
  let retired: Promise<MetricsSnapshot> = Promise.resolve([]);
  const ask = async (worker: Worker): Promise<void> => {
    const snapshot = await worker.ask('metrics', null, deadline).catch(() => null);
    // One that has ended meanwhile is among the retired.
    if (snapshot !== null && pool.all().includes(worker)) latest.set(worker, snapshot);
  };
  return {
    contentType: own.contentType,
    async expose() {
      await Promise.all(pool.all().map(ask));
      const ours = await own.snapshot();
      const live = pool.all().map((worker) => latest.get(worker) ?? []);
      return exposeTogether([ours, ...live, await retired]);
    },
    onEnd(worker, { metrics }) {
      const last = metrics ?? latest.get(worker);
      latest.delete(worker);
      if (last !== undefined) retired = retired.then((before) => retire(before, last));
    },
  };
}
