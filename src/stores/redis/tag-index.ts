/**
 * Which records were made with a tag: one sorted set for each tag, of keys by the time from which they may be forgotten. An
 * entry without a record is harmless. It is taken out when it is met, but not at once: the record may be on its way.
 */
import type { Clock } from '../../core/clock.ts';
import type { Listed, Tags } from '../store.ts';
import { chunks, inBatches } from './in-batches.ts';
import { readLabels } from './labels.ts';
import { timeToLive } from './record-format.ts';
import type { Router } from './router.ts';
import { addToTag } from './scripts.ts';

export interface TagIndex {
  /** One command for each tag, in this very tick. */
  add(key: string, tags: Tags): readonly Promise<unknown>[];
  /** The live records, in no order. */
  find(tag: string): Promise<readonly Listed[]>;
  /** Takes out those that were met a while ago and have no record. */
  tidy(): Promise<void>;
}

export interface TagIndexDeps {
  readonly router: Router;
  readonly prefix: string;
  readonly clock: Clock;
}

/** Milliseconds in which a record that was announced is surely written, or never. */
const grace = 10_000;
/** Entries that may have no record and are kept in mind; the others are met again. */
const mostDoubtful = 10_000;

interface Doubtful {
  readonly tag: string;
  readonly key: string;
  /** Monotonic time. */
  readonly since: number;
}

export function createTagIndex({ router, prefix, clock }: TagIndexDeps): TagIndex {
  const doubtful = new Map<string, Doubtful>();
  const nameOf = (tag: string): string => `${prefix}i:${tag}`;

  const doubt = (tag: string, key: string): void => {
    const name = `${tag} ${key}`;
    if (doubtful.size < mostDoubtful && !doubtful.has(name)) {
      doubtful.set(name, { tag, key, since: clock.monotonic() });
    }
  };

  return {
    add(key, { names, until }) {
      const left = timeToLive(until, clock.now());
      if (left === 0) return [];
      return names.map(async (tag) => {
        for (const met of keysIn(await router.call(addToTag, nameOf(tag), [key, `${left}`])))
          if (met !== key) doubt(tag, met);
      });
    },
    async find(tag) {
      const keys = keysIn(await router.read(nameOf(tag), ['ZRANGE', nameOf(tag), '0', '-1']));
      const labels = await readLabels(router, prefix, keys);
      const found = labels.filter((listed) => listed !== null);
      if (found.length < keys.length) {
        for (const [index, listed] of labels.entries())
          if (listed === null) doubt(tag, keys[index] as string);
      }
      return found;
    },
    async tidy() {
      const ripe = [...doubtful].filter(([, { since }]) => clock.monotonic() - since > grace);
      for (const [name] of ripe) doubtful.delete(name);
      const entries = ripe.map(([, entry]) => entry);
      const there = await readLabels(
        router,
        prefix,
        entries.map(({ key }) => key),
      );
      const gone = entries.filter((_, index) => there[index] === null);
      const byTag = Map.groupBy(gone, ({ tag }) => tag);
      const removals = [...byTag].flatMap(([tag, found]) =>
        chunks(found, 500).map((some) => ['ZREM', nameOf(tag), ...some.map(({ key }) => key)] as const),
      );
      await inBatches(removals, (args) => router.run(args[1], args));
    },
  };
}

function keysIn(reply: unknown): readonly string[] {
  return Array.isArray(reply) ? reply.map(String) : [];
}
