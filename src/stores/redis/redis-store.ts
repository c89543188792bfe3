/** Sessions in Redis or Valkey: one server, a master behind sentinels, or a cluster. For a fleet. */
import { type Clock, type RandomBytes, systemRandom } from '../../core/clock.ts';
import type { Emit } from '../../core/events.ts';
import type { RedisConfig } from '../redis-config.ts';
import { type Entry, largestLabel, type Store, type Tags } from '../store.ts';
import { connectTo } from './connect-to.ts';
import { hashSlot } from './hash-slot.ts';
import { chunks, inBatches } from './in-batches.ts';
import { createListing } from './listing.ts';
import { decodeRecord, encodeTail, headLength, timeToLive } from './record-format.ts';
import { redisFailure } from './redis-error.ts';
import { createRouter } from './router.ts';
import { deleteVersion, writeRecord } from './scripts.ts';
import { createTagIndex } from './tag-index.ts';
import { createTracker, type Tracker } from './tracker.ts';
import { untilConnected } from './until-connected.ts';

export interface RedisStoreDeps {
  readonly clock: Clock;
  /** Spreads reconnects of a fleet over time. */
  readonly random?: RandomBytes;
  readonly emit?: Emit;
}

/** Bytes that are read of a record. What is longer is nothing of ours, and must not hold up the connection of all (FL-008). */
const largestRead = headLength + largestLabel + (1 << 20) + 1;
const somethingElse = decodeRecord(Buffer.alloc(0));

/** Keys in one command where all keys are on one server. */
const keysAtOnce = 500;

/** Connects in the background: a server that is down is a failure of what asks it, not of this. */
export function createRedisStore(config: RedisConfig, deps: RedisStoreDeps): Store {
  const { clock, random = systemRandom, emit = () => {} } = deps;
  const { prefix, timeout } = config;
  const { topology, open, close } = connectTo(config, { clock, random });
  const router = createRouter({ topology, clock, timeout });
  const tags = createTagIndex({ router, prefix, clock });
  const list = createListing({ topology, router, prefix });
  const trackers: Tracker[] = [];

  const write = async (key: string, entry: Entry, condition: string): Promise<number | null> => {
    const left = timeToLive(entry.expiresAt, clock.now());
    const version = await router.call(writeRecord, prefix + key, [encodeTail(entry), `${left}`, condition]);
    return version === null ? null : Number(version);
  };

  /** One write to the socket: the tags go before the record, since a record that no tag leads to cannot be ended by it. */
  const make = async (key: string, entry: Entry, tagged: Tags): Promise<number | null> => {
    // What has expired already is not written, and not told.
    const lives = timeToLive(entry.expiresAt, clock.now()) > 0;
    const undo = lives ? trackers.map((tracker) => tracker.making(key)) : [];
    try {
      const indexed = tags.add(key, tagged);
      const [version] = await Promise.all([write(key, entry, 'always'), ...indexed]);
      return version;
    } catch (error) {
      for (const takeBack of undo) takeBack();
      throw error;
    }
  };

  return {
    ready: () => untilConnected(topology, config.connectTimeout),
    async get(key) {
      const bytes = await router.read(prefix + key, ['GETRANGE', prefix + key, '0', `${largestRead - 1}`]);
      if (!Buffer.isBuffer(bytes)) return somethingElse;
      return bytes.length === 0 ? null : decodeRecord(bytes);
    },
    async set(key, entry, tagged) {
      const version = await (tagged === undefined ? write(key, entry, 'always') : make(key, entry, tagged));
      if (version === null) throw redisFailure('unexpected');
      return version;
    },
    addIfAbsent: (key, entry) => write(key, entry, 'absent'),
    compareAndSwap: (key, version, entry) => write(key, entry, `${version}`),
    async delete(key, version) {
      if (version === undefined)
        return Number(await router.run(prefix + key, ['UNLINK', prefix + key])) === 1;
      return Number(await router.call(deleteVersion, prefix + key, [`${version}`])) === 1;
    },
    async deleteAll(keys) {
      const groups = groupsOf(
        keys.map((key) => prefix + key),
        config.cluster !== undefined,
      );
      const counts = await inBatches(groups, (group) => router.run(group[0] as string, ['UNLINK', ...group]));
      return counts.reduce<number>((sum, count) => sum + Number(count), 0);
    },
    tagged: (tag) => tags.find(tag),
    list,
    count: () => null,
    async sweep() {
      // Redis removes what has expired by itself.
      await tags.tidy();
      return 0;
    },
    watch(begin, watcher) {
      trackers.push(createTracker(begin, watcher, { topology, open, prefix, clock, random, emit }));
    },
    close() {
      for (const tracker of trackers) tracker.close();
      close();
    },
  };
}

/** In a cluster only keys of one slot may stand in one command. */
function groupsOf(keys: readonly string[], cluster: boolean): (readonly string[])[] {
  if (!cluster) return chunks(keys, keysAtOnce);
  return [...Map.groupBy(keys, hashSlot).values()].flatMap((group) => chunks(group, keysAtOnce));
}
