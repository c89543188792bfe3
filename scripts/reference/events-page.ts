/** The reference page of the events. */
import { type EventDefinition, eventTable } from '../../src/core/event-table.ts';
import { code, generated, table } from './markdown.ts';

export function eventsPage(): string {
  const entries = Object.entries(eventTable) as [string, EventDefinition][];
  const rows = entries.map(([name, { level, audit, help }]) => [code(name), level, audit ? 'yes' : '', help]);
  return `${generated}

# Events

What happened, as the log tells it: one JSON object a line. Audit events say who did what to whose access. No event holds
a token, a code, a cookie, a query or another secret.

${table(['Event', 'Level', 'Audit', 'Meaning'], rows)}
`;
}
