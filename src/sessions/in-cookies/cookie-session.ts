/** A session of which nothing is kept but the browser's cookies, as this process knows it for a while. */
import type { LiveSession } from '../live-session.ts';
import type { Deniable } from './denial.ts';
import { neverJudged, type Verdict } from './deny-list.ts';
import type { Pieces } from './pieces.ts';
import type { SealedSession } from './sealed-session.ts';

export interface CookieSession {
  /** Members of the record are those of the browser's newest cookies. */
  readonly live: LiveSession;
  /** What is sealed beside the record and never changes, but for `turn`. */
  readonly names: Omit<SealedSession, 'record' | 'turn'>;
  readonly deniable: Deniable;
  turn: number;
  /** The newest cookies that are known: read from a request, or written here. */
  latest: Pieces;
  /** Those before, which requests that are under way still carry. */
  earlier: Pieces | null;
  /** Whether a request has come with `latest`. Until then renewed tokens may exist only here. */
  seen: boolean;
  /** Monotonic time until which a session that is not `seen` must not be dropped from memory. */
  keptUntil: number;
  /** The most pieces that the browser may still hold of older cookies. */
  pieces: number;
  /**
   * `Set-Cookie` fields for `latest`. Answers that are under way hold this very list: it always has the newest cookies,
   * and nothing once the session has ended, so that no late answer brings back what is over (LO-049).
   */
  readonly setCookies: string[];
  /** Epoch of the deny-list in which it was judged last. */
  judged: number;
  /** Under way, or null: one look at the deny-list for a session, whoever waits. */
  judging: Promise<Verdict> | null;
  /** Monotonic time at which the refresh that is under way was begun. */
  refreshBegan: number;
}

export function createCookieSession(
  live: LiveSession,
  session: SealedSession,
  parts: { readonly deniable: Deniable; readonly latest: Pieces },
): CookieSession {
  const { record: _record, turn, ...names } = session;
  return {
    live,
    names,
    deniable: parts.deniable,
    turn,
    latest: parts.latest,
    earlier: null,
    seen: true,
    keptUntil: 0,
    pieces: parts.latest.count,
    setCookies: [],
    judged: neverJudged,
    judging: null,
    refreshBegan: 0,
  };
}

/** All that there is to seal, with the activity that is known here. */
export function toSeal(session: CookieSession): SealedSession {
  const { live, names, turn } = session;
  return { ...names, turn, record: { ...live.record, lastSeenAt: live.lastSeenAt } };
}
