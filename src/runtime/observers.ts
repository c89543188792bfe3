/** Log and metrics: what listens to everything that happens. */
import type { Config } from '../config/schema.ts';
import type { Clock } from '../core/clock.ts';
import { createEmit, type Emit } from '../core/events.ts';
import { createAccessLog } from '../observe/access-log.ts';
import { createEventLog } from '../observe/event-log.ts';
import type { LogSink } from '../observe/log-output.ts';
import { createLogger, type Logger } from '../observe/logger.ts';
import { createMetrics, type Metrics } from '../observe/metrics.ts';

export interface ObserversOptions {
  readonly version?: string;
  readonly clock?: Clock;
  readonly logSink?: LogSink;
}

export interface Gauges {
  /** Null: not known cheaply. */
  readonly sessions: () => Promise<number | null>;
  readonly inFlight: () => number;
}

export interface Observers {
  readonly emit: Emit;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export function createObservers(config: Config, options: ObserversOptions, gauges: Gauges): Observers {
  const logger = createLogger(config.log, {
    ...(options.clock === undefined ? {} : { clock: options.clock }),
    ...(options.logSink === undefined ? {} : { sink: options.logSink }),
  });
  const metrics = createMetrics({
    version: options.version ?? 'unknown',
    sessions: gauges.sessions,
    inFlight: gauges.inFlight,
    linesDropped: logger.dropped,
  });
  const accessLog = config.log.access ? [createAccessLog(logger)] : [];
  return { logger, metrics, emit: createEmit([metrics.subscriber, createEventLog(logger), ...accessLog]) };
}
