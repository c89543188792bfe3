/** The reference page of the error codes. */
import { type ErrorDefinition, errorTable } from '../../src/core/errors.ts';
import { code, generated, table } from './markdown.ts';

export function errorsPage(): string {
  const entries = Object.entries(errorTable) as [string, ErrorDefinition][];
  const rows = entries.map(([name, { status, title, help }]) => [code(name), String(status), title, help]);
  return `${generated}

# Errors

Operational failures have a stable code. Navigations get a page, everything else \`application/problem+json\` (RFC 9457);
both carry the code and the request id, by which the log line is found. What a client sees is the title and never more.

${table(['Code', 'Status', 'What the client sees', 'What it means and what to do'], rows)}
`;
}
