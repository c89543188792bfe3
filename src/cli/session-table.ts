/** Sessions for a person at a terminal: one a line, or one alone with everything that is known of it. */
import type { SessionSummary } from '../runtime/session-access.ts';
import { printable, printableJson, shortened } from './printable.ts';

const heads = ['ID', 'WHO', 'PROVIDER', 'SINCE', 'LAST SEEN', 'ADDRESS', 'CLIENT'] as const;

/** A line for each session, below a line of heads when it is the first page; columns as wide as what is in them. */
export function formatTable(sessions: readonly SessionSummary[], isFirst: boolean): string {
  const rows = [...(isFirst ? [[...heads]] : []), ...sessions.map(rowOf)];
  const widths = heads.map((_, column) =>
    Math.max(heads[column]?.length ?? 0, ...rows.map((row) => (row[column] as string).length)),
  );
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column] as number))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}

function rowOf(session: SessionSummary): string[] {
  return [
    printable(session.logId),
    shortened(whoOf(session), 48),
    shortened(session.provider, 24),
    time(session.createdAt),
    time(session.lastSeenAt),
    shortened(session.address, 45),
    session.userAgent === null ? '-' : shortened(session.userAgent, 60),
  ];
}

function whoOf({ name, subject }: SessionSummary): string {
  return name === null ? subject : `${name} (${subject})`;
}

/** A fact a line. */
export function formatSession(session: SessionSummary): string {
  const facts: readonly (readonly [string, string | null])[] = [
    ['id', session.id],
    ['in logs', session.logId],
    ['name', session.name],
    ['subject', session.subject],
    ['provider', session.provider],
    ['issuer', session.issuer],
    ['sid', session.sid],
    ['since', time(session.createdAt)],
    ['last seen', time(session.lastSeenAt)],
    ['ends', time(session.expiresAt)],
    ['address', session.address],
    ['client', session.userAgent],
  ];
  return facts
    .map(([name, value]) => `${name.padEnd(11)}${value === null ? '-' : printable(value)}\n`)
    .join('');
}

/** The same for programs: times as ISO 8601. */
export function formatJson(session: SessionSummary, indent = 0): string {
  const { createdAt, lastSeenAt, expiresAt } = session;
  const times = { createdAt: time(createdAt), lastSeenAt: time(lastSeenAt), expiresAt: time(expiresAt) };
  return `${printableJson({ ...session, ...times }, indent)}\n`;
}

/** To the second, in UTC. */
function time(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19)}Z`;
}
