/** `request.finished` → counters and a histogram. It runs for every request, so each series is looked up once and kept. */
import type { Registry } from 'prom-client';
import type { Events } from '../core/events.ts';
import { createBoundedLabel } from './bounded-label.ts';
import { makeCounter, makeHistogram } from './make-metric.ts';

interface RouteSeries {
  readonly observe: (seconds: number) => void;
  /** By decision, then by class of status. */
  readonly counts: Map<string, (() => void)[]>;
}

const statusClasses = ['other', '1xx', '2xx', '3xx', '4xx', '5xx'] as const;

export function createRequestMetrics(registry: Registry): (event: Events['request.finished']) => void {
  const requests = makeCounter(registry, 'sallyport_requests_total');
  const durations = makeHistogram(registry, 'sallyport_request_duration_seconds');
  const errors = makeCounter(registry, 'sallyport_request_errors_total');
  const aborted = makeCounter(registry, 'sallyport_requests_aborted_total');
  const routeLabel = createBoundedLabel(2000);
  const decisionLabel = createBoundedLabel(64);
  const routes = new Map<string, RouteSeries>();

  const seriesOf = (route: string): RouteSeries => {
    const label = routeLabel(route);
    let series = routes.get(label);
    if (series === undefined) {
      series = { observe: durations.labels(label).observe, counts: new Map() };
      routes.set(label, series);
    }
    return series;
  };
  const countsOf = (series: RouteSeries, route: string, decision: string): (() => void)[] => {
    const label = decisionLabel(decision);
    let counts = series.counts.get(label);
    if (counts === undefined) {
      counts = statusClasses.map((status) => {
        const counter = requests.labels(routeLabel(route), label, status);
        return () => counter.inc();
      });
      series.counts.set(label, counts);
    }
    return counts;
  };
  return (event) => {
    const route = event.route ?? '-';
    const series = routes.get(route) ?? seriesOf(route);
    const counts = series.counts.get(event.decision) ?? countsOf(series, route, event.decision);
    (counts[Math.floor(event.status / 100)] ?? (counts[0] as () => void))();
    series.observe(event.durationMs / 1000);
    if (event.error !== null) errors.inc({ code: event.error });
    if (event.aborted) aborted.inc();
  };
}
