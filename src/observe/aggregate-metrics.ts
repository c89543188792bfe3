/** The metrics of several processes as those of one gate: counters add up, and each gauge as the table says. */
import { AggregatorRegistry, type Registry } from 'prom-client';
import type { MetricsSnapshot } from './metrics.ts';

/** The exposition (text format 0.0.4) of all of them together. */
export function exposeTogether(snapshots: readonly MetricsSnapshot[]): Promise<string> {
  return aggregate(snapshots).metrics();
}

/**
 * Counters and histograms of processes that have ended, added to those of before. Without them the sums would fall
 * when a process ends, which Prometheus takes for a restart of all and counts everything once more.
 */
export function retire(retired: MetricsSnapshot, ended: MetricsSnapshot): Promise<MetricsSnapshot> {
  const lasting = ended.filter(({ type }) => isLasting(type));
  return aggregate([retired, lasting]).getMetricsAsJSON();
}

/** The library declares its types as a numeric enum and writes their names into the JSON. */
function isLasting(type: unknown): boolean {
  return type === 'counter' || type === 'histogram';
}

function aggregate(snapshots: readonly MetricsSnapshot[]): Registry {
  return AggregatorRegistry.aggregate(snapshots.map((snapshot) => [...snapshot]));
}
