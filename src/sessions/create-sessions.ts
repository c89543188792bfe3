/**
 * Makes sessions: `authenticate` for every request, `begin` and `end` for sign-in and logout. Everything that is known
 * of a session in this process is one `LiveSession` in the cache; the store has the last word on whether it exists.
 */
import type { Authentication } from '../core/authentication.ts';
import type { Clock, RandomBytes } from '../core/clock.ts';
import { noCookies, type SetCookies } from '../core/decision.ts';
import { SallyportError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import type { MaybePromise } from '../core/maybe-promise.ts';
import type { RequestHead } from '../core/request-head.ts';
import type { SessionEndReason } from '../core/session.ts';
import type { KeyRing } from '../keys/key-ring.ts';
import type { Providers, SignedIn } from '../oidc/provider.ts';
import type { Store, StoredRecord } from '../stores/store.ts';
import { admit } from './admission.ts';
import { ambiguous, createCookieReader } from './cookie-header.ts';
import type { CookieNames } from './cookie-names.ts';
import { createEndings } from './endings.ts';
import { createHolds } from './holds.ts';
import { createLimits, limitReached, recordExpiresAt } from './limits.ts';
import { createLiveSession, type LiveSession, timesOf } from './live-session.ts';
import { createSessionCache } from './session-cache.ts';
import type { SessionConfig } from './session-config.ts';
import {
  createSessionCookie,
  formatSessionCookie,
  parseSessionCookie,
  type SessionCookie,
  sessionKey,
  sessionKeyPrefix,
  sessionLogId,
} from './session-cookie.ts';
import { largestRecord, type SessionRecord, sealRecord } from './session-record.ts';
import type { AuthenticateOptions, Sessions } from './sessions.ts';
import { serializeSetCookie } from './set-cookie.ts';
import { createUpkeep } from './upkeep.ts';

export interface SessionsDeps {
  readonly store: Store;
  readonly keyRing: KeyRing;
  readonly providers: Providers;
  readonly cookieNames: CookieNames;
  readonly publicUrl: URL;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly emit: Emit;
  /** Milliseconds between looks at sessions that something holds on to. */
  readonly lookEvery?: number;
}

const everyRequest: AuthenticateOptions = { slide: true };

const none: Authentication = { kind: 'none' };

/**
 * The answer that ended these sessions took care of the cookie. A request that was sent before and is answered after it
 * must not clear the cookie of the session that came next.
 */
const clearedAlready: ReadonlySet<string> = new Set<SessionEndReason>(['logout', 'replaced']);

export function createSessions(config: SessionConfig, deps: SessionsDeps): Sessions {
  const { store, keyRing, providers, cookieNames, clock, random, emit } = deps;
  const { origin } = deps.publicUrl;
  const limits = createLimits(config);
  const holds = createHolds();
  const readCookie = createCookieReader(cookieNames.session);
  const cache = createSessionCache({
    size: config.cacheSize,
    isPinned: (live) => live.unsaved || live.refreshing !== null || holds.has(live.key),
  });
  const endings = createEndings({ cache, holds, clock, emit });
  const upkeep = createUpkeep(
    { limits, before: config.refresh.before, lookEvery: deps.lookEvery ?? 1000 },
    { store, keyRing, cache, holds, endings, clock, random, emit },
  );

  /** Neither `Max-Age` nor `Expires`: the browser forgets it when it closes, the limits are kept here (SC-017). */
  const sessionCookie = (value: string, maxAge: number | null): string =>
    serializeSetCookie({
      name: cookieNames.session,
      value,
      sameSite: config.cookie.sameSite,
      secure: cookieNames.secure,
      maxAge,
    });
  const cleared: SetCookies = [sessionCookie('', 0)];
  const rejected = (reason: string): Authentication => ({
    kind: 'rejected',
    reason,
    setCookies: clearedAlready.has(reason) ? noCookies : cleared,
  });

  const open = (cookie: SessionCookie, key: string, stored: StoredRecord | null): LiveSession | string => {
    const ended = endings.find(key);
    if (ended !== null) return ended;
    if (stored === null) return 'unknown';
    const known = cache.find(formatSessionCookie(cookie));
    if (known !== null) return known;
    const admission = admit({ cookie, key, stored }, { keyRing, providers, origin, limits });
    if (admission.kind === 'refused') {
      if (admission.reason === 'malformed') upkeep.discard(key, 'unreadable');
      return admission.reason;
    }
    cache.add(admission.live);
    upkeep.changed(admission.live);
    if (admission.stale) upkeep.persist(admission.live);
    return admission.live;
  };

  const judge = (found: LiveSession | string, options: AuthenticateOptions): MaybePromise<Authentication> => {
    if (typeof found === 'string') return rejected(found);
    const reason = limitReached(timesOf(found), limits, clock.now());
    if (reason === null) return attend(found, options);
    if (reason === 'idle') return judgeIdle(found, options);
    upkeep.discard(found.key, reason);
    return rejected(reason);
  };

  const judgeIdle = async (live: LiveSession, options: AuthenticateOptions): Promise<Authentication> => {
    await upkeep.expireIdle(live);
    return live.ended === null ? attend(live, options) : rejected(live.ended);
  };

  const attend = (
    found: LiveSession,
    { slide, renew }: AuthenticateOptions,
  ): MaybePromise<Authentication> => {
    if (renew === false) return found.answer;
    const waiting = upkeep.attend(found, slide);
    if (waiting === null) return found.answer;
    return waiting.then(() => (found.ended === null ? found.answer : rejected(found.ended)));
  };

  const load = (value: string, options: AuthenticateOptions): MaybePromise<Authentication> => {
    const cookie = parseSessionCookie(value);
    if (cookie === null) return rejected('malformed');
    const key = sessionKey(cookie.id);
    const stored = store.get(key);
    if (stored instanceof Promise) return stored.then((record) => judge(open(cookie, key, record), options));
    return judge(open(cookie, key, stored), options);
  };

  /** The session that the browser came with, if its cookie opens one, ends with the new one (SC-001, SC-002). */
  const endReplaced = async (head: RequestHead): Promise<void> => {
    const value = readCookie(head.headers);
    const cookie = typeof value === 'string' ? parseSessionCookie(value) : null;
    if (cookie === null) return;
    const key = sessionKey(cookie.id);
    const found = open(cookie, key, await store.get(key));
    if (typeof found === 'string') return;
    await store.delete(key);
    endings.end(key, 'replaced');
  };

  return {
    authenticate(head, options = everyRequest) {
      const value = readCookie(head.headers);
      if (value === null) return none;
      if (value === ambiguous) return rejected('ambiguous');
      const live = cache.find(value);
      if (live === null) return load(value, options);
      const now = clock.now();
      if (now < live.calmFrom || now >= live.calmUntil) return judge(live, options);
      if (options.slide && now - live.lastSeenAt >= 1000) upkeep.touch(live, now);
      return live.answer;
    },

    async begin(head, provider, signedIn) {
      await endReplaced(head);
      const cookie = createSessionCookie(random);
      const key = sessionKey(cookie.id);
      const record = newRecord(provider, signedIn);
      const sealed = sealRecord(record, keyRing, cookie);
      if (sealed.length > largestRecord) {
        throw new SallyportError('ERR_LOGIN_FAILED', 'claims and tokens are too large for a session', {
          detail: 'session-too-large',
        });
      }
      const version = await store.set(key, { value: sealed, expiresAt: recordExpiresAt(record, limits) });
      const names = { cookie, key, logId: sessionLogId(key), provider: knownProvider(provider) };
      const live = createLiveSession(names, { version, record }, limits);
      cache.add(live);
      upkeep.changed(live);
      return { session: live.answer.session, setCookies: [sessionCookie(formatSessionCookie(cookie), null)] };
    },

    async end(session, reason) {
      await store.delete(session.key);
      endings.end(session.key, reason);
      return cleared;
    },

    clearCookies: () => cleared,

    hold(session, onEnd) {
      const ended = endings.find(session.key);
      if (ended === null) return holds.add(session, onEnd);
      queueMicrotask(() => onEnd(ended));
      return () => {};
    },

    count: () => store.count(sessionKeyPrefix),
    close: () => upkeep.close(),
  };

  function newRecord(provider: string, { subject, claims, tokens }: SignedIn): SessionRecord {
    const now = clock.now();
    const { issuer } = knownProvider(provider);
    const times = { tokensReceivedAt: now, createdAt: now, lastSeenAt: now };
    return { origin, provider, issuer, subject, claims, tokens, ...times };
  }

  function knownProvider(name: string) {
    const provider = providers.get(name);
    if (provider === undefined) throw new Error(`no provider ${name}`);
    return provider;
  }
}
