/**
 * Hears of writes by others: a connection of its own to every master, to which the server tells each key that changes
 * (`CLIENT TRACKING` in broadcasting mode, https://redis.io/docs/latest/develop/reference/client-side-caching/). A connection
 * that is silent is no connection: the server is asked all the time, and silence is told as `lost`.
 */
import type { Clock, RandomBytes } from '../../core/clock.ts';
import type { Emit } from '../../core/events.ts';
import type { StoreWatcher } from '../store.ts';
import { backoff } from './backoff.ts';
import { checkMaster, isNoMaster } from './check-master.ts';
import type { RedisConnection } from './redis-connection.ts';
import { redisFailure, redisUnavailable } from './redis-error.ts';
import type { RedisLink } from './redis-link.ts';
import type { Endpoint } from './redis-url.ts';
import type { Topology } from './topology.ts';

export interface Heard {
  readonly onEnd: (error: unknown) => void;
  readonly onInvalidate: (key: string | null) => void;
}

export interface TrackerDeps {
  readonly topology: Topology;
  /** A connection that is ready for commands. */
  readonly open: (endpoint: Endpoint, heard: Heard) => Promise<RedisConnection>;
  /** What all keys of the store begin with. */
  readonly prefix: string;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly emit: Emit;
}

export interface Tracker {
  /**
   * To be called before a record is made under a key that nobody knows yet: what is told of it first is this very write. A
   * change by somebody else cannot be merged with it, since the server makes the key known only after it has told. Answers
   * how to take it back, for when it is not certain that the record was written.
   */
  making(key: string): () => void;
  close(): void;
}

/** Milliseconds; together less than the second in which a change must be told. */
const askEvery = 200;
const longestSilence = 700;

export function createTracker(begin: string, watcher: StoreWatcher, deps: TrackerDeps): Tracker {
  const { topology, clock, prefix } = deps;
  const ears = new Map<RedisLink, Ear>();
  let told: 'nothing' | 'lost' | 'regained' = 'nothing';
  let lostAt = clock.monotonic();
  let closed = false;
  /** Made here, and not told of yet. */
  const own = new Set<string>();

  /** The first connection is waited for in silence; what is told of is that it cannot be had, or was lost. */
  const lose = (reason: string): void => {
    if (closed || told === 'lost') return;
    own.clear();
    if (told === 'regained') {
      lostAt = clock.monotonic();
      watcher.lost();
    }
    told = 'lost';
    deps.emit('store.lost', { reason });
  };
  const regain = (): void => {
    const before = told;
    own.clear();
    told = 'regained';
    watcher.regained();
    if (before === 'lost') deps.emit('store.regained', { durationMs: clock.monotonic() - lostAt });
  };
  const judge = (): void => {
    const masters = topology.masters();
    const whole = masters.length > 0 && masters.every((master) => ears.get(master)?.hears() === true);
    if (whole && told !== 'regained') regain();
    if (!whole && told === 'regained') lose('masters-changed');
  };

  const onChange = (key: string | null): void => {
    if (told !== 'regained') return;
    if (key !== null) {
      if (key.startsWith(prefix) && !own.delete(key)) watcher.changed(key.slice(prefix.length));
      return;
    }
    own.clear();
    // Everything was deleted, or the server no longer knows what it has told.
    watcher.lost();
    watcher.regained();
  };

  const follow = (): void => {
    if (closed) return;
    const masters = topology.masters();
    for (const [master, ear] of ears) {
      if (masters.includes(master)) continue;
      ears.delete(master);
      ear.close();
    }
    for (const master of masters) {
      if (ears.has(master)) continue;
      ears.set(master, createEar(master, `${prefix}${begin}`, { ...deps, onChange, lose, judge }));
    }
    const trouble = topology.trouble();
    if (masters.length === 0 && trouble !== null && trouble.detail !== 'closed')
      lose(trouble.detail ?? 'no-master');
    judge();
  };

  queueMicrotask(() => {
    if (told !== 'regained') watcher.lost();
  });
  topology.onChange(follow);
  follow();
  return {
    making(key) {
      if (told !== 'regained' || !key.startsWith(begin)) return () => {};
      const name = prefix + key;
      own.add(name);
      return () => void own.delete(name);
    },
    close() {
      closed = true;
      for (const ear of ears.values()) ear.close();
    },
  };
}

/** The connection to one master on which it tells of changes. */
interface Ear {
  hears(): boolean;
  close(): void;
}

interface EarDeps extends TrackerDeps {
  readonly onChange: (key: string | null) => void;
  readonly lose: (reason: string) => void;
  /** To be called when `hears` has changed. */
  readonly judge: () => void;
}

function createEar(master: RedisLink, watched: string, deps: EarDeps): Ear {
  const { endpoint } = master;
  let connection: RedisConnection | null = null;
  let retry: NodeJS.Timeout | null = null;
  let closed = false;

  const failed = (error: unknown, attempt: number): void => {
    connection = null;
    if (closed) return;
    deps.lose(redisUnavailable(error).detail ?? 'failed');
    deps.topology.refresh();
    retry = setTimeout(open, backoff(attempt, deps.random), attempt);
    retry.unref();
  };

  const connect = async (): Promise<RedisConnection> => {
    // It may end while it is still being looked at, before it is handed over.
    let handedOver: RedisConnection | null = null;
    const onEnd = (error: unknown): void => {
      if (handedOver !== null && connection === handedOver) failed(error, 1);
    };
    const opened = await deps.open(endpoint, { onEnd, onInvalidate: deps.onChange });
    handedOver = opened;
    try {
      // The library turned tracking on as it connected, in the other mode.
      await opened.send(['CLIENT', 'TRACKING', 'OFF']);
      await opened.send(['CLIENT', 'TRACKING', 'ON', 'BCAST', 'PREFIX', watched]);
    } catch (error) {
      opened.close();
      throw error;
    }
    return opened;
  };

  const open = (attempt: number): void => {
    connect().then(
      (opened) => {
        if (closed) return opened.close();
        connection = opened;
        deps.judge();
      },
      (error) => failed(error, attempt + 1),
    );
  };

  const ask = (): void => {
    if (connection === null) return;
    if (connection.silence() > longestSilence) {
      connection.close();
      failed(redisFailure('timeout', endpoint), 1);
      return;
    }
    askRole(connection);
  };
  /** One that became a replica answers as before, and hears of changes late, or never where it is cut off from its master. */
  const askRole = (asked: RedisConnection): void => {
    checkMaster(asked, longestSilence).catch((error) => {
      if (connection !== asked || !isNoMaster(error)) return;
      asked.close();
      // Commands go to the same server.
      master.renew();
      failed(error, 1);
    });
  };

  // What came while this process was busy is read before the silence is measured.
  const heartbeat = setInterval(() => setImmediate(ask), askEvery);
  heartbeat.unref();
  open(0);

  return {
    hears: () => connection !== null,
    close() {
      closed = true;
      clearInterval(heartbeat);
      if (retry !== null) clearTimeout(retry);
      connection?.close();
      connection = null;
    },
  };
}
