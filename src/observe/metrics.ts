/** Prometheus metrics, made from events. What is asked at scrape time (sessions, requests in flight) comes as functions. */
import { type MetricObjectWithValues, type MetricValue, Registry } from 'prom-client';
import type { Subscriber } from '../core/events.ts';
import { createEventMetrics, type EventHandlers } from './event-metrics.ts';
import { type Collect, makeCollectedCounter, makeCollectedGauge, makeGauge } from './make-metric.ts';
import { registerProcessMetrics } from './process-metrics.ts';
import { createRequestMetrics } from './request-metrics.ts';

export interface Metrics {
  readonly subscriber: Subscriber;
  /** The exposition (text format 0.0.4). */
  expose(): Promise<string>;
  /** The same as plain data, for `aggregateMetrics`. */
  snapshot(): Promise<MetricsSnapshot>;
  readonly contentType: string;
}

export type MetricsSnapshot = readonly MetricObjectWithValues<MetricValue<string>>[];

export interface MetricsDeps {
  readonly version: string;
  readonly sessions: Collect;
  readonly inFlight: () => number;
  readonly linesDropped: () => number;
  /** False: this process starts others that serve, and serves nothing itself. */
  readonly serves?: boolean;
}

export function createMetrics(deps: MetricsDeps): Metrics {
  const registry = new Registry();
  const handlers: EventHandlers = {
    'request.finished': createRequestMetrics(registry),
    ...createEventMetrics(registry),
  };
  makeCollectedGauge(registry, 'sallyport_sessions', deps.sessions);
  makeCollectedGauge(registry, 'sallyport_requests_in_flight', deps.inFlight);
  makeCollectedCounter(registry, 'sallyport_log_lines_dropped_total', deps.linesDropped);
  makeCollectedGauge(registry, 'sallyport_workers', () => (deps.serves === false ? 0 : 1));
  makeGauge(registry, 'sallyport_build_info').set({ version: deps.version, node: process.version }, 1);
  registerProcessMetrics(registry);
  return {
    subscriber: (name, event) => (handlers[name] as ((event: unknown) => void) | undefined)?.(event),
    expose: () => registry.metrics(),
    snapshot: () => registry.getMetricsAsJSON(),
    contentType: registry.contentType,
  };
}
