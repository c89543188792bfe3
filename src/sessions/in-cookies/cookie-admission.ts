/** From the cookies of a request to an open session, or the reason why there is none. */
import type { Provider, Providers } from '../../oidc/provider.ts';
import { providerOf } from '../admission.ts';
import type { Endings } from '../endings.ts';
import type { Limits } from '../limits.ts';
import { createLiveSession } from '../live-session.ts';
import { sessionKey, sessionLogId } from '../session-cookie.ts';
import { type CookieSession, createCookieSession } from './cookie-session.ts';
import type { CookieSessionCache, Hit } from './cookie-session-cache.ts';
import type { CookieSessionWriter } from './cookie-session-writer.ts';
import type { CookieUpkeep } from './cookie-upkeep.ts';
import { createDeniable } from './denial.ts';
import type { Pieces } from './pieces.ts';
import type { SealedSession } from './sealed-session.ts';
import type { SessionSealer } from './session-sealer.ts';

export interface CookieAdmission {
  /** Opens what a request came with; a session that is known already takes over what is newer. Never throws. */
  admit(values: readonly string[]): Hit | string;
  /** A session as this process would know it. */
  open(sealed: SealedSession, pieces: Pieces, provider: Provider): CookieSession;
  /** From now on it is known here. */
  add(session: CookieSession): void;
}

export interface CookieAdmissionDeps {
  readonly cache: CookieSessionCache;
  readonly sealer: SessionSealer;
  readonly writer: CookieSessionWriter;
  readonly endings: Endings;
  readonly upkeep: CookieUpkeep;
  readonly providers: Providers;
  readonly origin: string;
  readonly limits: Limits;
}

export function createCookieAdmission(deps: CookieAdmissionDeps): CookieAdmission {
  const { cache, sealer, writer, endings, upkeep } = deps;

  const open = (sealed: SealedSession, pieces: Pieces, provider: Provider): CookieSession => {
    const { record, startedAt, issuedAt } = sealed;
    const key = sessionKey(sealed.id);
    const names = { cookie: { id: sealed.id, secret: '' }, key, logId: sessionLogId(key), provider };
    const live = createLiveSession(names, { version: sealed.turn, record }, deps.limits);
    const { subject, sid } = record;
    const deniable = createDeniable({ key, provider: provider.name, subject, sid, startedAt, issuedAt });
    return createCookieSession(live, sealed, { deniable, latest: pieces });
  };

  const add = (session: CookieSession): void => {
    cache.add(session);
    upkeep.changed(session.live);
  };

  const addNew = (sealed: SealedSession, pieces: Pieces): Hit | string => {
    const provider = providerOf(sealed.record, deps.providers);
    if (provider === null) return 'other-provider';
    const session = open(sealed, pieces, provider);
    const limit = upkeep.expire(session);
    if (limit !== null) return limit;
    add(session);
    return { session, pieces };
  };

  /** The request's own pieces when they are the newest, and otherwise what is not: the answer brings the newest. */
  const merge = (session: CookieSession, sealed: SealedSession, pieces: Pieces): Hit => {
    session.live.used = true;
    if (pieces.write === session.latest.write) {
      cache.recognise(session, session.latest);
      return { session, pieces: session.latest };
    }
    writer.adopt(session, sealed, pieces);
    upkeep.changed(session.live);
    return { session, pieces };
  };

  return {
    open,
    add,
    admit(values) {
      const opened = sealer.open(values);
      if (opened.kind !== 'opened') return opened.kind;
      const { session: sealed, pieces, stale } = opened;
      if (sealed.record.origin !== deps.origin) return 'other-origin';
      const key = sessionKey(sealed.id);
      const ended = endings.find(key);
      if (ended !== null) return ended;
      const known = cache.get(key);
      const hit = known === null ? addNew(sealed, pieces) : merge(known, sealed, pieces);
      if (typeof hit !== 'string' && hit.pieces === hit.session.latest) hit.session.live.stale = stale;
      return hit;
    },
  };
}
