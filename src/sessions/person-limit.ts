/** The most sessions that one person may have: with one more, the oldest end. */
import type { Listed } from '../stores/store.ts';
import type { SessionSummary } from './session-directory.ts';
import type { Summaries } from './session-summaries.ts';

/**
 * Keys of the sessions over the limit among those of one person. Two sign-ins at once find the same ones, so that
 * neither ends one too many (SC-022).
 */
export function overTheLimit(
  listed: readonly Listed[],
  limit: number,
  summaries: Summaries,
): readonly string[] {
  if (listed.length <= limit) return [];
  const known = listed.flatMap((one) => {
    const session = summaries.read(one);
    return session === null ? [] : [{ key: one.key, session }];
  });
  known.sort((a, b) => byAge(a.session, b.session));
  return known.slice(0, Math.max(0, known.length - limit)).map(({ key }) => key);
}

function byAge(a: SessionSummary, b: SessionSummary): number {
  return a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1);
}
