/**
 * Metrics of the process, read when they are scraped. The library's own set would keep a garbage collection observer
 * and a hundred timers a second running, which costs processor time on every request for figures few look at.
 */
import { performance } from 'node:perf_hooks';
import type { Registry } from 'prom-client';
import { makeCollectedCounter, makeCollectedGauge } from './make-metric.ts';

export function registerProcessMetrics(registry: Registry): void {
  const gauge = (name: Parameters<typeof makeCollectedGauge>[1], value: () => number) =>
    makeCollectedGauge(registry, name, value);
  makeCollectedCounter(registry, 'process_cpu_user_seconds_total', () => process.cpuUsage().user / 1e6);
  makeCollectedCounter(registry, 'process_cpu_system_seconds_total', () => process.cpuUsage().system / 1e6);
  gauge('process_resident_memory_bytes', () => process.memoryUsage.rss());
  gauge('process_start_time_seconds', () => performance.timeOrigin / 1000);
  gauge('nodejs_heap_used_bytes', () => process.memoryUsage().heapUsed);
  gauge('nodejs_external_memory_bytes', () => process.memoryUsage().external);
  let last = performance.eventLoopUtilization();
  gauge('nodejs_eventloop_utilization', () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, last);
    last = now;
    return utilization;
  });
}
