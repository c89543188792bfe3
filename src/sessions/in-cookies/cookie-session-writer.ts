/**
 * Writes what has happened to a session into cookies, which the next answers carry, and, where there is a deny-list,
 * tells the other nodes of renewed tokens. There is no version to compare: of two states of a session the one with more
 * renewals counts, and the later activity.
 */
import type { Clock } from '../../core/clock.ts';
import type { MaybePromise } from '../../core/maybe-promise.ts';
import type { LiveSession } from '../live-session.ts';
import type { Reread, SessionWriter } from '../session-writer.ts';
import { type CookieSession, toSeal } from './cookie-session.ts';
import type { CookieSessionCache } from './cookie-session-cache.ts';
import type { DenyList } from './deny-list.ts';
import type { Pieces } from './pieces.ts';
import type { SealedSession } from './sealed-session.ts';
import type { SessionSealer } from './session-sealer.ts';
import { keptFor, type SharedRefreshes } from './shared-refreshes.ts';

export interface CookieSessionWriter extends SessionWriter {
  /** Makes new cookies. False: it has grown and does not fit any more; the browser keeps what it has. */
  renew(session: CookieSession): boolean;
  /** Takes over what a browser, or another node, has; what is known here stays when it is newer. */
  adopt(session: CookieSession, found: SealedSession, pieces: Pieces | null): void;
}

export interface CookieSessionWriterDeps {
  readonly cache: CookieSessionCache;
  readonly sealer: SessionSealer;
  readonly clock: Clock;
  /** Null without a deny-list. */
  readonly fleet: { readonly denyList: DenyList; readonly shared: SharedRefreshes } | null;
  /** Renewed tokens do not fit into cookies any more. */
  readonly onTooLarge: (live: LiveSession) => void;
}

export function createCookieSessionWriter(deps: CookieSessionWriterDeps): CookieSessionWriter {
  const { cache, sealer, clock, fleet } = deps;

  const show = (session: CookieSession, pieces: Pieces, saved: LiveSession['saved']): void => {
    cache.advance(session, pieces);
    session.live.saved = saved;
    session.setCookies.splice(0, Infinity, ...sealer.setCookies(pieces, session.pieces));
  };

  const renew = (session: CookieSession): boolean => {
    const sealed = toSeal(session);
    const pieces = sealer.seal(sealed);
    if (pieces === null) return false;
    show(session, pieces, { version: session.turn, record: sealed.record });
    session.seen = false;
    session.live.stale = false;
    return true;
  };

  /** Tokens that exist only here are kept until the browser has come with them, or is gone for a while. */
  const renewTokens = (session: CookieSession): boolean => {
    session.turn += 1;
    session.keptUntil = clock.monotonic() + keptFor;
    return renew(session);
  };

  const adopt = (session: CookieSession, found: SealedSession, pieces: Pieces | null): void => {
    const { live } = session;
    const newer =
      found.turn > session.turn ||
      (found.turn === session.turn && found.record.lastSeenAt > live.saved.record.lastSeenAt);
    if (found.turn > session.turn) {
      session.turn = found.turn;
      live.record = found.record;
      live.refreshError = null;
    }
    live.lastSeenAt = Math.max(live.lastSeenAt, found.record.lastSeenAt);
    if (pieces === null) return;
    session.pieces = Math.max(session.pieces, pieces.count);
    if (!newer) return;
    show(session, pieces, { version: found.turn, record: found.record });
    session.seen = true;
  };

  const takeShared = (session: CookieSession, found: SealedSession | null): Reread => {
    if (found === null || found.turn <= session.turn) return 'same-tokens';
    adopt(session, found, null);
    session.keptUntil = clock.monotonic() + keptFor;
    return renew(session) ? 'other-tokens' : 'gone';
  };

  const reread = async (session: CookieSession, { denyList, shared }: NonNullable<typeof fleet>) => {
    const { names, live } = session;
    const [verdict, found] = await Promise.all([
      denyList.judge(session.deniable),
      shared.read(live.key, names.id),
    ]);
    return live.ended !== null || verdict.denial !== null ? 'gone' : takeShared(session, found);
  };

  /** Nodes that miss it renew for themselves; a logout that came meanwhile counts (LO-025). */
  const publish = async (session: CookieSession): Promise<boolean> => {
    if (fleet === null) return true;
    try {
      const [verdict] = await Promise.all([
        fleet.denyList.judge(session.deniable),
        fleet.shared.publish(session.live.key, toSeal(session)),
      ]);
      return verdict.denial === null;
    } catch {
      return true;
    }
  };

  return {
    renew,
    adopt,
    reread(live): MaybePromise<Reread> {
      const session = cache.get(live.key);
      if (session === null || live.ended !== null) return 'gone';
      return fleet === null ? 'same-tokens' : reread(session, fleet);
    },
    async save(live) {
      const session = cache.get(live.key);
      if (session === null || live.ended !== null) return 'gone';
      if (!renewTokens(session)) {
        deps.onTooLarge(live);
        return 'gone';
      }
      const stands = await publish(session);
      return stands && live.ended === null ? 'saved' : 'gone';
    },
  };
}
