/**
 * `request.finished` → counters and a histogram. It runs for every request, so requests are counted in plain numbers and
 * become a metric when somebody scrapes; the library's own counter would hash its labels each time.
 */
import type { Registry } from 'prom-client';
import type { Events } from '../core/events.ts';
import { createBoundedLabel } from './bounded-label.ts';
import { makeCounter, makeHistogram } from './make-metric.ts';

interface RouteSeries {
  readonly observe: (seconds: number) => void;
  /** By decision, then by class of status: how many. */
  readonly counts: Map<string, number[]>;
}

const statusClasses = ['other', '1xx', '2xx', '3xx', '4xx', '5xx'] as const;

export function createRequestMetrics(registry: Registry): (event: Events['request.finished']) => void {
  const durations = makeHistogram(registry, 'sallyport_request_duration_seconds');
  const errors = makeCounter(registry, 'sallyport_request_errors_total');
  const aborted = makeCounter(registry, 'sallyport_requests_aborted_total');
  const routeLabel = createBoundedLabel(2000);
  const decisionLabel = createBoundedLabel(64);
  const routes = new Map<string, RouteSeries>();
  registerRequests(registry, routes);

  const seriesOf = (route: string): RouteSeries => {
    const label = routeLabel(route);
    let series = routes.get(label);
    if (series === undefined) {
      series = { observe: durations.labels(label).observe, counts: new Map() };
      routes.set(label, series);
    }
    return series;
  };
  const countsOf = (series: RouteSeries, decision: string): number[] => {
    const label = decisionLabel(decision);
    let counts = series.counts.get(label);
    if (counts === undefined) {
      counts = statusClasses.map(() => 0);
      series.counts.set(label, counts);
    }
    return counts;
  };
  return (event) => {
    const route = event.route ?? '-';
    const series = routes.get(route) ?? seriesOf(route);
    const decision = decisionOf(event);
    const counts = series.counts.get(decision) ?? countsOf(series, decision);
    const status = Math.floor(event.status / 100);
    const index = status >= 1 && status <= 5 ? status : 0;
    counts[index] = (counts[index] as number) + 1;
    series.observe(event.durationMs / 1000);
    if (event.error !== null) errors.inc({ code: event.error });
    if (event.aborted) aborted.inc();
  };
}

/** An answer that a failure made is counted under its code: the word in the event may come from a library. */
function decisionOf({ decision, error }: Events['request.finished']): string {
  return error === null || decision === 'forward' ? decision : error;
}

function registerRequests(registry: Registry, routes: ReadonlyMap<string, RouteSeries>): void {
  makeCounter(registry, 'sallyport_requests_total', (counter) => {
    counter.reset();
    for (const [route, { counts }] of routes) {
      for (const [decision, byStatus] of counts) {
        for (const [index, count] of byStatus.entries()) {
          if (count > 0) counter.inc({ route, decision, status: statusClasses[index] as string }, count);
        }
      }
    }
  });
}
