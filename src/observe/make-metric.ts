/** A metric of the table in a registry of our own: the default registry of the library is global state. */
import { type Aggregator, Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { type MetricDefinition, type MetricName, metricTable } from './metric-table.ts';

/** A gauge whose value is asked for at each scrape; null: it has none now. */
export type Collect = () => number | null | Promise<number | null>;

/** `collect`, when given, brings the counter up to date at each scrape: for something that counts by itself. */
export function makeCounter(
  registry: Registry,
  name: MetricName,
  collect?: (counter: Counter) => void,
): Counter {
  if (collect === undefined) return new Counter(settings(registry, name));
  return new Counter({
    ...settings(registry, name),
    collect() {
      collect(this);
    },
  });
}

/** A counter without labels over a number that only grows. */
export function makeCollectedCounter(registry: Registry, name: MetricName, value: () => number): Counter {
  return makeCounter(registry, name, (counter) => {
    counter.reset();
    counter.inc(value());
  });
}

export function makeGauge(registry: Registry, name: MetricName): Gauge {
  return new Gauge(settings(registry, name));
}

/** When `collect` fails the gauge has no value and the scrape goes on: it is then that the other metrics matter. */
export function makeCollectedGauge(registry: Registry, name: MetricName, collect: Collect): Gauge {
  return new Gauge({
    ...settings(registry, name),
    async collect() {
      try {
        const value = await collect();
        if (value === null) this.remove();
        else this.set(value);
      } catch {
        this.remove();
      }
    },
  });
}

export function makeHistogram(registry: Registry, name: MetricName): Histogram {
  const { buckets = [] } = definitionOf(name);
  return new Histogram({ ...settings(registry, name), buckets: [...buckets] });
}

function definitionOf(name: MetricName): MetricDefinition {
  return metricTable[name];
}

function settings(registry: Registry, name: MetricName) {
  const { help, labels, acrossWorkers = 'sum' } = definitionOf(name);
  const aggregator: Aggregator = acrossWorkers;
  return { name, help, labelNames: [...labels], registers: [registry], aggregator };
}
