/** The query of `/admin/sessions`, exactly: a filter with a slip in it must not end everybody's sessions. */
import type { SessionFilter } from '../sessions/session-directory.ts';

export interface ListQuery {
  readonly filter: SessionFilter;
  readonly cursor: string | null;
  readonly limit: number;
}

/** What is wrong with a query, for the operator. */
export type Wrong = string;

const filters = { provider: 'provider', sub: 'subject', sid: 'sid' } as const;

const largestValue = 1024;
const largestPage = 1000;

/** `search` without the question mark. */
export function readListQuery(search: string): ListQuery | Wrong {
  const fields = readFields(search, [...Object.keys(filters), 'cursor', 'limit']);
  if (typeof fields === 'string') return fields;
  const limit = fields.get('limit') ?? '100';
  if (!/^[1-9]\d{0,3}$/.test(limit) || Number(limit) > largestPage)
    return `limit is no number of sessions: write one from 1 to ${largestPage}`;
  return { filter: filterOf(fields), cursor: fields.get('cursor') ?? null, limit: Number(limit) };
}

/** The sessions that are to end. */
export function readEndQuery(search: string): SessionFilter | Wrong {
  const fields = readFields(search, [...Object.keys(filters), 'all']);
  if (typeof fields === 'string') return fields;
  const all = fields.get('all');
  if (all === undefined) {
    return fields.size > 0
      ? filterOf(fields)
      : 'whose sessions? write provider=, sub= or sid=, or all=true for everybody';
  }
  if (all !== 'true') return 'all is true or absent';
  return fields.size === 1 ? {} : 'all=true stands alone: with a filter, leave it out';
}

function filterOf(fields: ReadonlyMap<string, string>): SessionFilter {
  const filter: Record<string, string> = {};
  for (const [name, member] of Object.entries(filters)) {
    const value = fields.get(name);
    if (value !== undefined) filter[member] = value;
  }
  return filter;
}

/** Each name at most once, none unknown, none empty. */
function readFields(search: string, known: readonly string[]): ReadonlyMap<string, string> | Wrong {
  const fields = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(search)) {
    if (!known.includes(name)) return `unknown parameter: write ${known.join(', ')}`;
    if (fields.has(name)) return `${name} is there twice: write it once`;
    if (value === '') return `${name} is empty: write a value, or leave it out`;
    if (value.length > largestValue) return `${name} is longer than ${largestValue} characters`;
    fields.set(name, value);
  }
  return fields;
}
