/** A log line for a person: time, level, event and fields on one line, the access log as method, path and status. */
import { prettyFactory } from 'pino-pretty';

/** A function from a JSON line to a line for people. */
export function createPrettyLine(colorize: boolean): (line: string) => string {
  const pretty = prettyFactory({
    colorize,
    messageKey: 'event',
    translateTime: 'SYS:HH:MM:ss.l',
    hideObject: true,
    messageFormat: (log) => formatMessage(log),
  });
  return (line) => pretty(line) ?? line;
}

function formatMessage(log: Readonly<Record<string, unknown>>): string {
  const { level: _level, time: _time, event, ...fields } = log;
  if (event !== 'request.finished') return `${event}${formatFields(fields)}`;
  const { method, path, status, durationMs, decision, requestId: _id, ...rest } = fields;
  return `${method} ${path ?? '-'} → ${status} ${decision} ${durationMs} ms${formatFields(rest)}`;
}

function formatFields(fields: Readonly<Record<string, unknown>>): string {
  return Object.entries(fields)
    .map(([name, value]) => ` ${name}=${value}`)
    .join('');
}
