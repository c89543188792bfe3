/**
 * What has to be done for open sessions besides answering: sliding, refreshing, writing back, and a look at those that
 * something holds on to. One coarse timer for all of them; none of it is tied to a request.
 */
import type { Clock, RandomBytes } from '../core/clock.ts';
import type { Emit } from '../core/events.ts';
import type { Session, SessionEndReason } from '../core/session.ts';
import type { Locks } from '../stores/locks.ts';
import type { Store } from '../stores/store.ts';
import type { Endings } from './endings.ts';
import type { Holds } from './holds.ts';
import { type Limits, limitReached } from './limits.ts';
import {
  type LiveSession,
  letGo,
  mendTimes,
  noteUse,
  renewAnswer,
  renewCalm,
  timesOf,
} from './live-session.ts';
import { createRefresher } from './refresh.ts';
import type { SessionCache } from './session-cache.ts';
import type { SessionWriter } from './session-writer.ts';

export interface Upkeep {
  /** Notes activity. */
  touch(live: LiveSession, now: number): void;
  /**
   * Whatever is due before a session may answer. Null: nothing to wait for. Throws, or rejects with,
   * `ERR_PROVIDER_UNAVAILABLE` when its token has expired and could not be renewed.
   */
  attend(live: LiveSession, slide: boolean): Promise<void> | null;
  /**
   * Renews the tokens before they are due, unless an earlier try forbids it, or they were renewed a moment ago, on
   * whatever node. Never rejects: look at the session.
   */
  renew(live: LiveSession): Promise<void>;
  /** To be called when the record or the tokens of a session have changed. */
  changed(live: LiveSession): void;
  /** Writes the session back, soon and in the background. */
  persist(live: LiveSession): void;
  /** The store can be written again: what it could not take goes there now, before anybody uses an old refresh token. */
  storeIsBack(): void;
  /** Ends a session that was idle here for too long, unless another process has seen it in use since. Never rejects. */
  expireIdle(live: LiveSession): Promise<void>;
  /** Ends a session that is over anyway, and removes its record if the store is there. */
  discard(key: string, reason: SessionEndReason): void;
  /** Waits for refreshes and writes that are under way, so that no rotated token is lost. */
  close(): Promise<void>;
}

export interface UpkeepOptions {
  readonly limits: Limits;
  /** Milliseconds before its expiry that a token is renewed. */
  readonly before: number;
  /** Milliseconds. */
  readonly lookEvery: number;
}

export interface UpkeepDeps {
  readonly store: Store;
  readonly writer: SessionWriter;
  readonly locks: Locks;
  readonly cache: SessionCache;
  readonly holds: Holds;
  readonly endings: Endings;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly emit: Emit;
}

/** Milliseconds after a failed write in which the store is left alone; less than the locks wait for it (`stores/locks.ts`). */
const writeBackOff = 500;
/**
 * Milliseconds after a refresh in which nobody gets another one before it is due: an application that takes no token at
 * all must not cost the provider one with each request.
 */
const betweenForced = 30_000;

export function createUpkeep(options: UpkeepOptions, deps: UpkeepDeps): Upkeep {
  const { limits } = options;
  const { store, writer, cache, holds, endings, clock } = deps;
  const pending = new Set<Promise<unknown>>();
  const unsaved = new Set<LiveSession>();

  const refresher = createRefresher({
    writer,
    locks: deps.locks,
    before: options.before,
    clock,
    random: deps.random,
    emit: deps.emit,
    onChanged: (live) => changed(live),
    onGone(live, why) {
      if (why === 'gone') endings.forget(live.key, 'elsewhere');
      else endings.drop(live.key);
    },
    onUnsaved(live) {
      live.unsaved = true;
      unsaved.add(live);
      live.saveNotBefore = clock.monotonic() + writeBackOff;
    },
    async onRejected(live) {
      await store.delete(live.key);
      endings.end(live.key, 'refresh-rejected');
    },
  });

  const track = <T>(work: Promise<T>): Promise<T> => {
    if (pending.has(work)) return work;
    pending.add(work);
    const done = () => pending.delete(work);
    work.then(done, done);
    return work;
  };

  const changed = (live: LiveSession): void => {
    refresher.schedule(live);
    renewAnswer(live, limits);
    renewCalm(live, limits);
  };

  const touch = (live: LiveSession, now: number): void => noteUse(live, now, limits);

  const write = async (live: LiveSession): Promise<void> => {
    try {
      if ((await writer.save(live)) === 'gone') endings.forget(live.key, 'elsewhere');
      else changed(live);
      live.unsaved = false;
      unsaved.delete(live);
      // A refresh that has begun meanwhile has a lock of its own, and lets it go itself.
      if (live.refreshing === null) await letGo(live);
    } catch {
      live.saveNotBefore = clock.monotonic() + writeBackOff;
    }
  };

  const persist = (live: LiveSession): void => {
    if (live.saving !== null || live.refreshing !== null || clock.monotonic() < live.saveNotBefore) return;
    void track(write(live));
  };

  const refreshed = async (live: LiveSession): Promise<void> => {
    await track(refresher.refresh(live));
    if (live.ended === null && refresher.isDead(live)) throw refresher.failure(live);
  };

  const discard = (key: string, reason: SessionEndReason): void => {
    endings.end(key, reason);
    void track(removeRecord(key));
  };

  const expireIdle = async (live: LiveSession): Promise<void> => {
    try {
      if ((await writer.reread(live)) !== 'gone') changed(live);
    } catch {
      // The store cannot tell: what is known here counts.
    }
    if (live.ended === null && limitReached(timesOf(live), limits, clock.now()) !== null)
      discard(live.key, 'idle');
  };

  const removeRecord = async (key: string): Promise<void> => {
    try {
      await store.delete(key);
    } catch {
      // It has expired or cannot be read: it opens nothing, and the sweeper takes it.
    }
  };

  const look = (): void => {
    const now = clock.now();
    for (const session of holds.sessions()) lookAt(session, now);
    for (const live of unsaved) persist(live);
    endings.purge();
  };

  /** A connection that is held open is not activity: only requests move these times. */
  const lookAt = (session: Session, now: number): void => {
    const live = cache.findByKey(session.key);
    if (live !== null) mendTimes(live, now);
    const reason = limitReached(live === null ? session : timesOf(live), limits, now);
    if (reason === 'idle' && live !== null) void track(expireIdle(live));
    else if (reason !== null) discard(session.key, reason);
  };

  const timer = setInterval(look, options.lookEvery);
  timer.unref();

  return {
    touch,
    changed,
    persist,
    storeIsBack() {
      for (const live of unsaved) {
        live.saveNotBefore = 0;
        persist(live);
      }
    },
    expireIdle: (live) => track(expireIdle(live)),
    async renew(live) {
      const mayNot = clock.monotonic() < live.refreshNotBefore || isRestingFrom(live, clock.now());
      if ((mayNot || live.record.tokens.refreshToken === null) && live.refreshing === null) return;
      await track(refresher.refresh(live));
    },
    discard,
    attend(live, slide) {
      const now = clock.now();
      mendTimes(live, now);
      if (slide) touch(live, now);
      renewCalm(live, limits);
      if (!refresher.isDue(live, now)) {
        // Both ways: after the wall clock went back the time in the store is wrong as well.
        const unwritten = Math.abs(now - live.saved.record.lastSeenAt);
        if (slide && unwritten >= limits.slideEvery) persist(live);
        if (refresher.isDead(live)) throw refresher.failure(live);
        return null;
      }
      if (refresher.isSpent(live, now)) return refreshed(live);
      if (!refresher.isBusy()) void track(refresher.refresh(live));
      return null;
    },
    async close() {
      clearInterval(timer);
      while (pending.size > 0) await Promise.allSettled(pending);
      await Promise.allSettled([...unsaved].map(write));
    },
  };
}

/** The record tells of a refresh on any node; the tokens of the sign-in itself (fence 0) need not rest. */
function isRestingFrom({ record }: LiveSession, now: number): boolean {
  return record.fence > 0 && Math.abs(now - record.tokensReceivedAt) < betweenForced;
}
