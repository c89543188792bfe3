/** A directory over a map of sessions, for the endpoints alone: each of its abilities can be switched off. */

import { SallyportError } from '../../src/core/errors.ts';
import type { Session, SessionEndReason } from '../../src/core/session.ts';
import type {
  SessionDirectory,
  SessionFilter,
  SessionSummary,
} from '../../src/sessions/session-directory.ts';

type ByProvider = Parameters<SessionDirectory['endByProvider']>[0];

export interface MapDirectory extends SessionDirectory {
  abilities: SessionDirectory['abilities'];
  readonly words: Map<string, number>;
  readonly reasons: SessionEndReason[];
  readonly told: ByProvider[];
  /** `User-Agent` of every session. */
  userAgent: string | null;
  /** What fails, beside everything when the store is down. */
  failing: 'end' | 'useOnce' | null;
  /** Whether the provider has told of a logout since then (Unix time in milliseconds). */
  hasLoggedOut(
    who: { readonly provider: string; readonly subject: string; readonly sid: unknown },
    since: number,
  ): boolean;
}

function summaryOf(session: Session, userAgent: string | null): SessionSummary {
  const { provider, issuer, subject, claims } = session.identity;
  return {
    id: session.key,
    logId: session.logId,
    provider,
    issuer,
    subject,
    sid: typeof claims.sid === 'string' ? claims.sid : null,
    name: null,
    createdAt: session.createdAt,
    lastSeenAt: session.lastSeenAt,
    expiresAt: session.expiresAt,
    address: '192.0.2.7',
    userAgent,
  };
}

const fits = (summary: SessionSummary, filter: SessionFilter): boolean =>
  (['id', 'provider', 'subject', 'sid'] as const).every(
    (name) => filter[name] === undefined || filter[name] === summary[name],
  );

/** `reach` throws when the store is down. */
export function createMapDirectory(live: Map<string, Session>, reach: () => void): MapDirectory {
  const check = (what: MapDirectory['failing']) => {
    reach();
    if (directory.failing === what) {
      throw new SallyportError('ERR_STORE_UNAVAILABLE', 'store is down', { retryAfter: 2 });
    }
  };
  const find = (filter: SessionFilter) =>
    [...live.values()]
      .map((session) => summaryOf(session, directory.userAgent))
      .filter((summary) => fits(summary, filter));
  const directory: MapDirectory = {
    abilities: 'all',
    words: new Map(),
    reasons: [],
    told: [],
    userAgent: null,
    failing: null,
    async list(filter, page) {
      reach();
      const found = find(filter);
      const limit = page?.limit ?? 100;
      return { sessions: found.slice(0, limit), cursor: found.length > limit ? 'more' : null };
    },
    async find(id) {
      reach();
      return find({ id })[0] ?? null;
    },
    async end(filter, { reason, except }) {
      check('end');
      const ended = find(filter).filter(({ id }) => id !== except);
      for (const { id } of ended) live.delete(id);
      directory.reasons.push(reason);
      return ended.length;
    },
    async endByProvider(logout, reason) {
      check('end');
      directory.told.push(logout);
      const { provider, subject, sid } = logout;
      const whom = sid === null ? { subject: subject ?? '' } : { sid };
      return directory.end({ provider, ...whom }, { reason });
    },
    async useOnce(word, until) {
      check('useOnce');
      if (directory.words.has(word)) return false;
      directory.words.set(word, until);
      return true;
    },
    hasLoggedOut: (who, since) =>
      directory.told.some(
        ({ provider, subject, sid, issuedAt }) =>
          provider === who.provider &&
          issuedAt * 1000 >= since &&
          (sid === null ? subject === who.subject : sid === who.sid),
      ),
  };
  return directory;
}
