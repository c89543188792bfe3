/** Every event but the access log → one line, at the level of the event table, audit events marked. */
import { eventTable } from '../core/event-table.ts';
import type { EventName, Subscriber } from '../core/events.ts';
import type { Logger } from './logger.ts';
import { cleanText } from './text.ts';

/** UTF-16 units of one field that are kept. */
const fieldLimit = 1024;

type Fields = Record<string, string | number | boolean>;

/** Subscribes to what is not a finished request. */
export function createEventLog(logger: Logger): Subscriber {
  return (name, event) => {
    if (name === 'request.finished') return;
    const level = levelOf(name);
    if (logger.pino.isLevelEnabled(level)) logger.pino[level](fieldsOf(name, event), name);
  };
}

function levelOf(name: EventName): 'debug' | 'info' | 'warn' | 'error' {
  return eventTable[name].level;
}

/** Scalars and lists of key ids only: an error or another object that strayed into an event may hold tokens (its `cause`, its headers). */
function fieldsOf(name: EventName, event: object): Fields {
  const fields: Fields = Object.create(null);
  if (eventTable[name].audit) fields.audit = true;
  for (const [key, value] of Object.entries(event)) {
    if (reserved.has(key)) continue;
    if (typeof value === 'string') fields[key] = cleanText(value, fieldLimit);
    else if (typeof value === 'number') fields[key] = Math.round(value * 10) / 10;
    else if (typeof value === 'boolean') fields[key] = value;
    else if (isKeyIds(value)) fields[key] = value.join(' ');
  }
  return fields;
}

/** As `sallyport keys list` shows them. No other list has a form by which one can tell that it holds no secret. */
function isKeyIds(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((id) => typeof id === 'string' && /^[0-9a-f]{16}$/.test(id));
}

/** What the line itself is made of, and what would change the prototype. */
const reserved: ReadonlySet<string> = new Set(['level', 'time', 'event', 'audit', '__proto__']);
