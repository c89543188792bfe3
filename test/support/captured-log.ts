/** A log that a test reads: what was written, line by line, and an output that can be blocked or broken. */
import type { Clock } from '../../src/core/clock.ts';
import type { LogConfig } from '../../src/observe/log-config.ts';
import type { LogSink } from '../../src/observe/log-output.ts';
import { createLogger, type Logger } from '../../src/observe/logger.ts';
import { createFakeClock } from './fake-clock.ts';

export interface CapturedLog {
  readonly logger: Logger;
  /** Closes the log and gives everything that was written. */
  text(): Promise<string>;
  /** The same, parsed: one object a line. */
  lines(): Promise<Record<string, unknown>[]>;
}

export interface CapturedLogOptions {
  readonly level?: LogConfig['level'];
  readonly format?: LogConfig['format'];
  readonly isTerminal?: boolean;
  readonly clock?: Clock;
  readonly sink?: LogSink;
}

export function createCapturedLog(options: CapturedLogOptions = {}): CapturedLog {
  let written = '';
  const sink: LogSink = options.sink ?? {
    write(chunk) {
      written += chunk;
      return true;
    },
    close: async () => {},
  };
  const logger = createLogger(
    { level: options.level ?? 'debug', format: options.format ?? 'json' },
    { clock: options.clock ?? createFakeClock(), isTerminal: options.isTerminal ?? false, sink },
  );
  const text = async () => {
    await logger.close(1000);
    return written;
  };
  return {
    logger,
    text,
    lines: async () =>
      (await text())
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line)),
  };
}
