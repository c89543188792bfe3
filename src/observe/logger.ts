/** The log of the process: one JSON object a line on standard output, or lines for people on a terminal. */
import { type Logger as Pino, pino } from 'pino';
import { type Clock, systemClock } from '../core/clock.ts';
import type { LogConfig } from './log-config.ts';
import { createLogOutput, type LogSink, standardOutput } from './log-output.ts';
import { createLogTime } from './log-time.ts';
import { createPrettyLine } from './pretty-line.ts';

export interface Logger {
  readonly pino: Pino;
  /** Writes a finished JSON line with its line feed; for the access log, which makes its own. */
  writeLine(line: string): void;
  /** The time as it stands in log lines. */
  time(): string;
  /** Lines dropped because the output did not take them; for the counter. */
  dropped(): number;
  /** Writes what is waiting, for at most `deadlineMs`, whether or not anybody reads. */
  close(deadlineMs: number): Promise<void>;
}

export interface LoggerDeps {
  readonly clock?: Clock;
  /** Where lines go; standard output when absent. */
  readonly sink?: LogSink;
  /** Whether a person is looking; decides `auto` and colours. */
  readonly isTerminal?: boolean;
}

export function createLogger(config: Pick<LogConfig, 'level' | 'format'>, deps: LoggerDeps = {}): Logger {
  const isTerminal = deps.isTerminal ?? process.stdout.isTTY === true;
  const output = createLogOutput(deps.sink ?? standardOutput());
  const time = createLogTime(deps.clock ?? systemClock);
  const pretty = config.format === 'pretty' || (config.format === 'auto' && isTerminal);
  const prettyLine = pretty ? createPrettyLine(isTerminal && hasColors()) : null;
  const writeLine = (line: string) => output.write(prettyLine === null ? line : prettyLine(line));
  // What was logged in the last milliseconds before a crash is what matters most. The library writes its own buffer
  // out at the same event, so ours has to be in it before.
  process.prependListener('exit', output.flush);
  return {
    pino: createPino(config.level, { time, writeLine }),
    writeLine,
    time,
    dropped: output.dropped,
    async close(deadlineMs) {
      process.off('exit', output.flush);
      await output.close(deadlineMs);
    },
  };
}

/** Node honours `NO_COLOR` and its relatives here; a stream that is no terminal does not have the function. */
function hasColors(): boolean {
  return process.stdout.hasColors?.() ?? true;
}

function createPino(level: string, log: Pick<Logger, 'time' | 'writeLine'>): Pino {
  return pino(
    {
      level,
      base: null,
      // The name of the event is the message: constant text, everything variable is a field.
      messageKey: 'event',
      timestamp: () => `,"time":"${log.time()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: log.writeLine },
  );
}
