/**
 * `request.finished` → one line of the access log. It runs for every request, so it writes its JSON itself: fields in
 * a fixed order, those that say nothing left out.
 */
import type { Events, Subscriber } from '../core/events.ts';
import type { Logger } from './logger.ts';
import { quoteText } from './text.ts';

/** UTF-16 units of a path that are kept. */
const pathLimit = 2048;
const wordLimit = 128;

/** Subscribes to finished requests; silent when the level of the log is above `info`. */
export function createAccessLog(logger: Logger): Subscriber {
  if (!logger.pino.isLevelEnabled('info')) return () => {};
  return (name, event) => {
    if (name === 'request.finished') {
      logger.writeLine(accessLine(event as Events['request.finished'], logger.time()));
    }
  };
}

/** The line with its line feed. */
function accessLine(event: Events['request.finished'], time: string): string {
  let line = `{"level":"info","time":"${time}","event":"request.finished","requestId":${word(event.requestId)}`;
  line += `,"client":${word(event.client)},"method":${word(event.method)}`;
  if (event.path !== null) line += `,"path":${quoteText(withoutQuery(event.path), pathLimit)}`;
  if (event.route !== null) line += `,"route":${word(event.route)}`;
  line += `,"decision":${word(event.decision)},"status":${event.status}`;
  if (event.session !== null) line += `,"session":${word(event.session)}`;
  if (event.caller !== null) line += `,"caller":${word(event.caller)}`;
  line += `,"durationMs":${tenths(event.durationMs)}`;
  if (event.upstreamMs !== null) line += `,"upstreamMs":${tenths(event.upstreamMs)}`;
  line += `,"bytesIn":${event.bytesIn},"bytesOut":${event.bytesOut}`;
  if (event.error !== null) line += `,"error":${word(event.error)}`;
  return event.aborted ? `${line},"aborted":true}\n` : `${line}}\n`;
}

function word(text: string): string {
  return quoteText(text, wordLimit);
}

/** The path has no query by contract; a log that a code or a token got into cannot be mended afterwards. */
function withoutQuery(path: string): string {
  const query = path.indexOf('?');
  return query === -1 ? path : path.slice(0, query);
}

/** Milliseconds with one decimal: whole numbers are a good deal cheaper to print than fractions. */
function tenths(milliseconds: number): string {
  const value = Math.round(milliseconds * 10);
  const rest = value % 10;
  return rest === 0 ? `${value / 10}` : `${(value - rest) / 10}.${rest}`;
}
