/** Thousands of records at a time, in stretches with pauses, so that other requests are served in between. */
import { setImmediate as pause } from 'node:timers/promises';
import type { MaybePromise } from '../core/maybe-promise.ts';
import { endOfPrefix } from './sqlite-statements.ts';
import type { SqliteParts } from './sqlite-store.ts';
import type { Listed, Page } from './store.ts';

/** Records in one go: some milliseconds, also where each of them is on a page of the file that was not read lately. */
const stretch = 250;

export function createSqliteMany({ statements, attempt, clock, atomically }: SqliteParts) {
  const deleteSome = (keys: readonly string[]): MaybePromise<number> => {
    const json = JSON.stringify(keys);
    return attempt(() =>
      atomically(() => {
        const now = clock.now();
        statements.buryThese.run(json);
        return statements.deleteThese.all(json).filter((row) => Number(row.expiresAt) > now).length;
      }),
    );
  };

  const deleteMany = async (keys: readonly string[]): Promise<number> => {
    let deleted = 0;
    for (let first = 0; first < keys.length; first += stretch) {
      deleted += await deleteSome(keys.slice(first, first + stretch));
      await pause();
    }
    return deleted;
  };

  const taggedAfter = (tag: string, key: string): MaybePromise<readonly Listed[]> =>
    attempt(() => listed(statements.tagged.all(tag, key, clock.now(), stretch)));

  const taggedRest = async (tag: string, first: readonly Listed[]): Promise<readonly Listed[]> => {
    const all = [...first];
    for (let last = first; last.length === stretch; ) {
      await pause();
      last = await taggedAfter(tag, (last.at(-1) as Listed).key);
      all.push(...last);
    }
    return all;
  };

  const pageAt = (prefix: string, cursor: string | null, size: number): MaybePromise<Page> =>
    attempt(() => {
      // A cursor of somewhere else would list what does not begin with `prefix`.
      const goesOn = cursor?.startsWith(prefix) === true;
      const statement = goesOn ? statements.listAfter : statements.listFrom;
      const records = listed(statement.all(goesOn ? cursor : prefix, endOfPrefix(prefix), clock.now(), size));
      return { records, cursor: records.length < size ? null : (records.at(-1)?.key ?? null) };
    });

  return {
    deleteAll: (keys: readonly string[]) => (keys.length <= stretch ? deleteSome(keys) : deleteMany(keys)),
    tagged(tag: string): MaybePromise<readonly Listed[]> {
      const first = taggedAfter(tag, '');
      if (first instanceof Promise) return first.then((records) => taggedRest(tag, records));
      return first.length < stretch ? first : taggedRest(tag, first);
    },
    async list(prefix: string, cursor: string | null, limit: number): Promise<Page> {
      const page = await pageAt(prefix, cursor, Math.min(Math.max(1, Math.floor(limit)), stretch));
      // Who goes through a million records comes back at once.
      await pause();
      return page;
    },
  };
}

function listed(rows: readonly unknown[]): readonly Listed[] {
  return rows as readonly Listed[];
}
