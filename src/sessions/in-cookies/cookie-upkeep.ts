/**
 * What a session in cookies needs while this process knows it: new cookies when it is in use, new tokens when the old
 * ones run out, and its end when its time has come, also for what is held open.
 */
import type { Clock, RandomBytes } from '../../core/clock.ts';
import type { Emit } from '../../core/events.ts';
import type { Locks } from '../../stores/locks.ts';
import type { Endings } from '../endings.ts';
import type { Holds } from '../holds.ts';
import { type Limits, limitReached } from '../limits.ts';
import { type LiveSession, mendTimes, noteUse, renewAnswer, renewCalm, timesOf } from '../live-session.ts';
import { createRefresher } from '../refresh.ts';
import type { CookieSession } from './cookie-session.ts';
import type { CookieSessionCache } from './cookie-session-cache.ts';
import type { CookieSessionWriter } from './cookie-session-writer.ts';

export interface CookieUpkeep {
  /** Notes activity. */
  touch(live: LiveSession, now: number): void;
  /** To be called when the record or the tokens of a session have changed. */
  changed(live: LiveSession): void;
  /**
   * Whatever is due before a session may answer. Null: nothing to wait for. Throws, or rejects with,
   * `ERR_PROVIDER_UNAVAILABLE` when its token has expired and could not be renewed.
   */
  attend(session: CookieSession, slide: boolean): Promise<void> | null;
  /** The limit that it has reached, or null; one that is known here is over then. */
  expire(session: CookieSession): 'idle' | 'absolute' | null;
  /** Waits for refreshes that are under way. */
  close(): Promise<void>;
}

export interface CookieUpkeepOptions {
  readonly limits: Limits;
  /** Milliseconds before its expiry that a token is renewed. */
  readonly before: number;
  /** Milliseconds. */
  readonly lookEvery: number;
}

export interface CookieUpkeepDeps {
  readonly writer: CookieSessionWriter;
  readonly locks: Locks;
  readonly cache: CookieSessionCache;
  readonly holds: Holds;
  readonly endings: Endings;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly emit: Emit;
  /** The provider says that a session is over. Never rejects. */
  readonly onRejected: (live: LiveSession) => Promise<void>;
  /** Called every now and then for what must not wait for a request. */
  readonly onLook: () => void;
}

/** Milliseconds that a request waits for new tokens while the old ones are good: its answer takes them along. */
const patience = 3000;

export function createCookieUpkeep(options: CookieUpkeepOptions, deps: CookieUpkeepDeps): CookieUpkeep {
  const { limits } = options;
  const { writer, cache, holds, endings, clock, emit } = deps;
  const pending = new Set<Promise<unknown>>();

  const refresher = createRefresher({
    writer,
    locks: deps.locks,
    before: options.before,
    clock,
    random: deps.random,
    emit,
    onChanged: (live) => changed(live),
    onGone: (live) => endings.forget(live.key, 'elsewhere'),
    // Cookies take whatever fits, and what does not fit ends the session.
    onUnsaved() {},
    onRejected: deps.onRejected,
  });

  const changed = (live: LiveSession): void => {
    refresher.schedule(live);
    renewAnswer(live, limits);
    renewCalm(live, limits);
  };

  const touch = (live: LiveSession, now: number): void => noteUse(live, now, limits);

  const refresh = (session: CookieSession): Promise<void> => {
    const { live } = session;
    if (live.refreshing !== null) return live.refreshing;
    session.refreshBegan = clock.monotonic();
    const work = refresher.refresh(live);
    pending.add(work);
    return work.finally(() => pending.delete(work));
  };

  const refreshed = async (session: CookieSession): Promise<void> => {
    await refresh(session);
    const { live } = session;
    renewCalm(live, limits);
    if (live.ended === null && refresher.isDead(live)) throw refresher.failure(live);
  };

  /** There is nowhere to put new tokens but into an answer: this one, unless the provider takes its time. */
  const refreshedSoon = async (session: CookieSession): Promise<void> => {
    const work = refresh(session);
    const left = session.refreshBegan + patience - clock.monotonic();
    if (left <= 0) return;
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, left);
    await Promise.race([work, late]);
    clearTimeout(timer);
  };

  /** Both ways: after the wall clock went back the time in the cookie is wrong as well. */
  const needsCookies = ({ live }: CookieSession, now: number): boolean =>
    live.stale || Math.abs(now - live.saved.record.lastSeenAt) >= limits.slideEvery;

  const renewCookies = (session: CookieSession): void => {
    if (writer.renew(session)) renewCalm(session.live, limits);
  };

  /**
   * Another node may have seen it in use since: newer cookies are taken. So an idle one is not remembered as ended, and
   * what is held open here ends with the activity that is known here.
   */
  const endIdle = (live: LiveSession): void => {
    live.ended = 'idle';
    cache.remove(live);
    holds.end(live.key, 'idle');
    emit('session.ended', { session: live.logId, reason: 'idle' });
  };

  const expire = (session: CookieSession): 'idle' | 'absolute' | null => {
    const { live, names } = session;
    const now = clock.now();
    const reason = now >= names.endsAt ? 'absolute' : limitReached(timesOf(live), limits, now);
    if (cache.get(live.key) !== session) return reason;
    if (reason === 'absolute') endings.end(live.key, 'absolute');
    if (reason === 'idle') endIdle(live);
    return reason;
  };

  /** A connection that is held open is not activity: only requests move these times. */
  const look = (): void => {
    const now = clock.now();
    for (const held of holds.sessions()) {
      const session = cache.get(held.key);
      if (session === null) {
        const reason = limitReached(held, limits, now);
        if (reason !== null) holds.end(held.key, reason);
      } else {
        mendTimes(session.live, now);
        expire(session);
      }
    }
    endings.purge();
    deps.onLook();
  };

  const timer = setInterval(look, options.lookEvery);
  timer.unref();

  return {
    touch,
    changed,
    expire,
    attend(session, slide) {
      const { live } = session;
      const now = clock.now();
      mendTimes(live, now);
      if (slide) touch(live, now);
      renewCalm(live, limits);
      if (!refresher.isDue(live, now)) {
        if (slide && needsCookies(session, now)) renewCookies(session);
        if (refresher.isDead(live)) throw refresher.failure(live);
        return null;
      }
      if (refresher.isSpent(live, now)) return refreshed(session);
      return refresher.isBusy() ? null : refreshedSoon(session);
    },
    async close() {
      clearInterval(timer);
      while (pending.size > 0) await Promise.allSettled(pending);
      deps.locks.close();
    },
  };
}
