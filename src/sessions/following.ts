/**
 * Keeps what is cached in step with the store. A session that this process knows costs no round trip, because the store
 * tells of writes by others: then it is read again, in the background, and what holds on to it is told when it is gone.
 * While the store cannot tell, every request reads its session.
 *
 * `LiveSession.epoch` says in which epoch a session was opened last; it is negative when it has to be read again.
 */
import type { Clock } from '../core/clock.ts';
import type { MaybePromise } from '../core/maybe-promise.ts';
import type { Store, StoredRecord } from '../stores/store.ts';
import type { Endings } from './endings.ts';
import type { Holds } from './holds.ts';
import { type Limits, limitReached } from './limits.ts';
import { type LiveSession, timesOf } from './live-session.ts';
import type { SessionCache } from './session-cache.ts';
import { sessionKeyPrefix } from './session-cookie.ts';
import type { Reread, SessionWriter } from './session-writer.ts';
import { createTurnstile } from './turnstile.ts';

export interface Following {
  /** Only a session of this epoch may be used without reading it again. No session is while the store cannot tell. */
  readonly current: { readonly epoch: number };
  /** Reads a session again; look at `live.ended` afterwards. Throws `ERR_STORE_UNAVAILABLE`. */
  read(live: LiveSession): MaybePromise<void>;
  /** Reads a record that is not cached. `epoch` is for the session that is made of it. */
  fetch(key: string): MaybePromise<{ readonly stored: StoredRecord | null; readonly epoch: number }>;
  /** Notes changes of a record from now on, until the epoch of the session in it is asked for. */
  track(key: string): () => number;
  /** Looks in the background whether the record is still there. */
  check(key: string): void;
  /** Everything that was opened must be opened again: a key is gone. */
  reverify(): void;
  /** Looks at what is held and not known to be up to date; every second or so. */
  look(): void;
}

export interface FollowingDeps {
  readonly store: Store;
  readonly writer: SessionWriter;
  readonly cache: SessionCache;
  readonly holds: Holds;
  readonly endings: Endings;
  readonly limits: Limits;
  readonly clock: Clock;
  /** The record behind this session was read again. */
  readonly onRead: (live: LiveSession) => void;
  /** Changes were told and are not any more. */
  readonly onLost: () => void;
  /** Changes are told again. */
  readonly onRegained: () => void;
  /** What the store holds should be written anew: it is behind, or sealed under an old key. */
  readonly onBehind: (live: LiveSession) => void;
}

/** A read that is under way, and the one after it, for who came too late to trust the first. */
interface Reading {
  readonly promise: Promise<void>;
  next: Promise<void> | null;
  /** The record was changed after this read began. */
  outdated: boolean;
}

export function createFollowing(deps: FollowingDeps): Following {
  const { store, writer, cache, holds, endings } = deps;
  let firm = 1;
  let lost = false;
  const current = { epoch: firm };
  const readings = new Map<LiveSession, Reading>();
  const tracked = new Map<string, Set<{ changed: boolean }>>();
  /** Held, not cached, and perhaps ended elsewhere. */
  const unsure = new Set<string>();

  const settle = (live: LiveSession, asked: number, found: Reread): void => {
    const outdated = readings.get(live)?.outdated === true;
    live.epoch = outdated || lost || asked !== firm ? -asked : asked;
    if (found === 'gone') endGone(live);
    else if (found === 'unreadable') endings.drop(live.key);
    else deps.onRead(live);
    if (live.ended === null && (found === 'older' || live.stale)) deps.onBehind(live);
  };

  /** A record that has expired is not one that somebody ended. */
  const endGone = (live: LiveSession): void => {
    const limit = limitReached(timesOf(live), deps.limits, deps.clock.now());
    if (limit === null) endings.forget(live.key, 'elsewhere');
    else endings.end(live.key, limit);
  };

  const start = (live: LiveSession): MaybePromise<void> => {
    if (live.ended !== null) return;
    const asked = firm;
    const found = writer.reread(live, Math.abs(live.epoch) !== asked);
    if (!(found instanceof Promise)) return settle(live, asked, found);
    const promise = found
      .then((answer) => settle(live, asked, answer))
      .finally(() => {
        if (readings.get(live)?.promise === promise) readings.delete(live);
      });
    readings.set(live, { promise, next: null, outdated: false });
    return promise;
  };

  /** A read that began before this call says nothing about now: who comes during one shares the next. */
  const read = (live: LiveSession): MaybePromise<void> => {
    const reading = readings.get(live);
    if (reading === undefined) return start(live);
    const again = () => start(live);
    reading.next ??= reading.promise.then(again, again);
    return reading.next;
  };

  /** For what is held and not cached: without the cookie nobody can open it, but it is there or not. */
  const exists = (key: string): MaybePromise<void> => {
    unsure.add(key);
    const found = store.get(key);
    return found instanceof Promise ? found.then((record) => heard(key, record)) : heard(key, found);
  };

  const heard = (key: string, record: StoredRecord | null): void => {
    unsure.delete(key);
    if (record === null) endings.forget(key, 'elsewhere');
  };

  const turnstile = createTurnstile((key) => {
    const live = cache.findByKey(key);
    if (live !== null) return live.epoch === current.epoch ? undefined : read(live);
    return holds.has(key) ? exists(key) : undefined;
  });

  const track = (key: string): (() => number) => {
    const asked = firm;
    const mark = { changed: lost };
    const marks = tracked.get(key) ?? new Set();
    tracked.set(key, marks.add(mark));
    return () => {
      if (marks.delete(mark) && marks.size === 0) tracked.delete(key);
      return mark.changed || lost || asked !== firm ? -asked : asked;
    };
  };

  const changed = (key: string): void => {
    for (const mark of tracked.get(key) ?? []) mark.changed = true;
    const live = cache.findByKey(key);
    if (live !== null) {
      live.epoch = -Math.abs(live.epoch);
      const reading = readings.get(live);
      if (reading !== undefined) reading.outdated = true;
    }
    if (live !== null || holds.has(key)) turnstile.add(key);
  };

  /** From one moment to the next nothing that was read before counts. */
  const turn = (): void => {
    firm += 1;
    if (!lost) current.epoch = firm;
    for (const { key } of holds.sessions()) turnstile.add(key);
  };

  store.watch(sessionKeyPrefix, {
    changed,
    lost() {
      // At the start nothing has been told yet, and nothing is lost.
      if (firm > 1) deps.onLost();
      lost = true;
      current.epoch = Number.NaN;
    },
    regained() {
      lost = false;
      turn();
      deps.onRegained();
    },
  });

  return {
    current,
    read,
    track,
    check: (key) => turnstile.add(key),
    fetch(key) {
      const epochOf = track(key);
      try {
        const stored = store.get(key);
        if (!(stored instanceof Promise)) return { stored, epoch: epochOf() };
        return stored.then((record) => ({ stored: record, epoch: epochOf() })).finally(epochOf);
      } catch (error) {
        epochOf();
        throw error;
      }
    },
    reverify: turn,
    look() {
      for (const { key } of holds.sessions()) {
        const live = cache.findByKey(key);
        const upToDate = live === null ? !lost && !unsure.has(key) : live.epoch === current.epoch;
        if (!upToDate) turnstile.add(key);
      }
    },
  };
}
