/**
 * Makes sessions: `authenticate` for every request, `begin` and `end` for sign-in and logout. Everything that is known
 * of a session in this process is one `LiveSession` in the cache; the store has the last word on whether it exists, and
 * tells when it does not any more.
 */
import type { SessionAuthentication } from '../core/authentication.ts';
import type { Clock, RandomBytes } from '../core/clock.ts';
import { noCookies, type SetCookies } from '../core/decision.ts';
import type { Emit } from '../core/events.ts';
import type { MaybePromise } from '../core/maybe-promise.ts';
import type { RequestHead } from '../core/request-head.ts';
import type { SessionEndReason } from '../core/session.ts';
import type { KeyRing } from '../keys/key-ring.ts';
import type { Providers } from '../oidc/provider.ts';
import { createLocks } from '../stores/locks.ts';
import type { Store, StoredRecord } from '../stores/store.ts';
import { admit } from './admission.ts';
import { createBeginning } from './beginning.ts';
import { ambiguous, createCookieReader } from './cookie-header.ts';
import type { CookieNames } from './cookie-names.ts';
import { createSessionDirectory } from './create-session-directory.ts';
import { createEndings } from './endings.ts';
import { createFollowing } from './following.ts';
import { createHolds } from './holds.ts';
import { createLimits, limitReached } from './limits.ts';
import { type LiveSession, timesOf } from './live-session.ts';
import { loginLifetime } from './login-transactions.ts';
import { createSessionCache } from './session-cache.ts';
import type { SessionConfig } from './session-config.ts';
import {
  formatSessionCookie,
  parseSessionCookie,
  type SessionCookie,
  sessionKey,
  sessionKeyPrefix,
} from './session-cookie.ts';
import { createSummaries } from './session-summaries.ts';
import { createSessionWriter } from './session-writer.ts';
import type { AuthenticateOptions, Sessions } from './sessions.ts';
import { serializeSetCookie } from './set-cookie.ts';
import { createTombstones } from './tombstones.ts';
import { createUpkeep } from './upkeep.ts';

export interface SessionsDeps {
  readonly store: Store;
  /** Of tokens at rest: `KeyRings.tokens`. */
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

const none: SessionAuthentication = { kind: 'none' };

/**
 * The answer that ended these sessions took care of the cookie. A request that was sent before and is answered after it
 * must not clear the cookie of the session that came next. And what is sealed under a key that is not here may be a
 * session on the next node: while keys are rolled out its cookie stays, whether the session was known here
 * (`unreadable`) or not. What no key opens is found out by the next request.
 */
const keepsCookie: ReadonlySet<string> = new Set([
  'logout',
  'replaced',
  'elsewhere',
  'unknown-key',
  'unreadable',
]);

/** Ended by somebody who cannot tell the provider: their refresh tokens are revoked where they are known. */
const revoked: ReadonlySet<SessionEndReason> = new Set(['person', 'operator']);

export function createSessions(config: SessionConfig, deps: SessionsDeps): Sessions {
  const { store, keyRing, providers, cookieNames, clock, random, emit } = deps;
  const { origin } = deps.publicUrl;
  const lookEvery = deps.lookEvery ?? 1000;
  const limits = createLimits(config);
  const holds = createHolds();
  const readCookie = createCookieReader(cookieNames.session);
  const cache = createSessionCache({
    size: config.cacheSize,
    isPinned: (live) => live.unsaved || live.refreshing !== null || holds.has(live.key),
  });
  const endings = createEndings({ cache, holds, clock, emit });
  const writer = createSessionWriter({ store, keyRing, limits });
  const locks = createLocks({ store, clock });
  const upkeep = createUpkeep(
    { limits, before: config.refresh.before, lookEvery },
    { store, writer, locks, cache, holds, endings, clock, random, emit },
  );
  const following = createFollowing({
    store,
    writer,
    cache,
    holds,
    endings,
    limits,
    clock,
    onRead: upkeep.changed,
    onLost: locks.storeIsAway,
    onRegained: upkeep.storeIsBack,
    onBehind: upkeep.persist,
  });
  const looking = setInterval(following.look, lookEvery);
  looking.unref();

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
  const rejected = (reason: string): SessionAuthentication => ({
    kind: 'rejected',
    reason,
    setCookies: keepsCookie.has(reason) ? noCookies : cleared,
  });

  const open = (
    cookie: SessionCookie,
    key: string,
    { stored, epoch }: { readonly stored: StoredRecord | null; readonly epoch: number },
  ): LiveSession | string => {
    const ended = endings.find(key);
    if (ended !== null) return ended;
    if (stored === null) return 'unknown';
    const known = cache.find(formatSessionCookie(cookie));
    if (known !== null) return known;
    const admission = admit({ cookie, key, stored }, { keyRing, providers, origin, limits });
    if (admission.kind === 'refused') return admission.reason;
    if (admission.kind === 'unusable') {
      emit('record.discarded', { reason: admission.reason });
      upkeep.discard(key, 'unreadable');
      return admission.reason;
    }
    const { live } = admission;
    live.epoch = epoch;
    cache.add(live);
    upkeep.changed(live);
    if (live.stale) upkeep.persist(live);
    return live;
  };

  const judge = (
    found: LiveSession | string,
    options: AuthenticateOptions,
  ): MaybePromise<SessionAuthentication> => {
    if (typeof found === 'string') return rejected(found);
    const reason = limitReached(timesOf(found), limits, clock.now());
    if (reason === null) return attend(found, options);
    if (reason === 'idle') return judgeIdle(found, options);
    upkeep.discard(found.key, reason);
    return rejected(reason);
  };

  const judgeIdle = async (
    live: LiveSession,
    options: AuthenticateOptions,
  ): Promise<SessionAuthentication> => {
    await upkeep.expireIdle(live);
    return live.ended === null ? attend(live, options) : rejected(live.ended);
  };

  const attend = (
    found: LiveSession,
    { slide, renew }: AuthenticateOptions,
  ): MaybePromise<SessionAuthentication> => {
    if (renew === false) return found.answer;
    const waiting = upkeep.attend(found, slide);
    if (waiting === null) return found.answer;
    return waiting.then(() => (found.ended === null ? found.answer : rejected(found.ended)));
  };

  const load = (value: string, options: AuthenticateOptions): MaybePromise<SessionAuthentication> => {
    const cookie = parseSessionCookie(value);
    if (cookie === null) return rejected('malformed');
    const key = sessionKey(cookie.id);
    const found = following.fetch(key);
    if (found instanceof Promise) return found.then((record) => judge(open(cookie, key, record), options));
    return judge(open(cookie, key, found), options);
  };

  /** The record may have changed since it was read, or there is no telling. */
  const readAgain = (
    live: LiveSession,
    options: AuthenticateOptions,
  ): MaybePromise<SessionAuthentication> => {
    const reading = following.read(live);
    const answer = () => (live.ended === null ? judge(live, options) : rejected(live.ended));
    return reading === undefined ? answer() : reading.then(answer);
  };

  /** The session that the browser came with ends with the new one, if its cookie opens it (SC-001, SC-002). */
  const findReplaced = async (head: RequestHead): Promise<LiveSession | null> => {
    const value = readCookie(head.headers);
    const cookie = typeof value === 'string' ? parseSessionCookie(value) : null;
    if (cookie === null) return null;
    const key = sessionKey(cookie.id);
    const found = cache.find(value as string) ?? open(cookie, key, await following.fetch(key));
    return typeof found === 'string' ? null : found;
  };

  /** The refresh token of a session that ends without its person, where it is known. */
  const revoke = (key: string): void => {
    const live = cache.findByKey(key);
    const token = live?.record.tokens.refreshToken ?? null;
    if (live !== null && token !== null) live.provider.revoke(token).catch(() => {});
  };

  const names = [...providers.keys()];
  const outside = { store, keyRing, limits, clock, providers: names, emit };
  const begin = createBeginning({
    store,
    keyRing,
    limits,
    clock,
    random,
    origin,
    following,
    endings,
    summaries: createSummaries(outside),
    tombstones: createTombstones(outside, loginLifetime + 60_000),
    maxPerPerson: config.maxPerPerson ?? null,
    findReplaced,
    onOverLimit(key) {
      revoke(key);
      endings.end(key, 'limit');
    },
  });

  return {
    authenticate(head, options = everyRequest) {
      const value = readCookie(head.headers);
      if (value === null) return none;
      if (value === ambiguous) return rejected('ambiguous');
      const live = cache.find(value);
      if (live === null) return load(value, options);
      if (live.epoch !== following.current.epoch) return readAgain(live, options);
      const now = clock.now();
      if (now < live.calmFrom || now >= live.calmUntil) return judge(live, options);
      if (options.slide && now - live.lastSeenAt >= 1000) upkeep.touch(live, now);
      return live.answer;
    },

    async begin(head, name, signedIn, startedAt = clock.now()) {
      const provider = providers.get(name);
      if (provider === undefined) throw new Error(`no provider ${name}`);
      const live = await begin({ head, provider, signedIn, startedAt });
      // An operator, or one more sign-in than is allowed, may have ended it already: cached, it would live on here.
      if (endings.find(live.key) === null) {
        cache.add(live);
        upkeep.changed(live);
      }
      const cookie = sessionCookie(formatSessionCookie(live.cookie), null);
      return { session: live.answer.session, setCookies: [cookie] };
    },

    async end(session, reason) {
      await store.delete(session.key);
      endings.end(session.key, reason);
      return cleared;
    },

    async renew(session) {
      const live = cache.findByKey(session.key);
      if (live === null || live.ended !== null) return null;
      if (live.record.tokens.accessToken === session.tokens.accessToken) await upkeep.renew(live);
      const { ended, record, answer } = live;
      const isSame = record.tokens.accessToken === session.tokens.accessToken;
      return ended !== null || isSame ? null : answer.session;
    },

    clearCookies: () => cleared,

    hold(session, onEnd) {
      const ended = endings.find(session.key);
      if (ended === null) {
        const letGo = holds.add(session, onEnd);
        // Not in the cache: nobody would have been told if it had ended since it was found.
        if (cache.findByKey(session.key) === null) following.check(session.key);
        return letGo;
      }
      queueMicrotask(() => onEnd(ended));
      return () => {};
    },

    count: () => store.count(sessionKeyPrefix),
    directory: createSessionDirectory({
      ...outside,
      onEnded(key, reason) {
        if (revoked.has(reason)) revoke(key);
        endings.forget(key, reason);
      },
    }),
    reverify: following.reverify,
    async close() {
      clearInterval(looking);
      await upkeep.close();
      locks.close();
    },
  };
}
