/**
 * What other processes write to the file: asked for a few times a second. While nobody else wrote, that is one question
 * that SQLite answers from shared memory (https://sqlite.org/pragma.html#pragma_data_version).
 */
import type { StatementSync } from 'node:sqlite';
import type { SqliteParts } from './sqlite-store.ts';
import type { StoreWatcher } from './store.ts';

/** Milliseconds. */
const every = 200;
/** Changes in one go. */
const stretch = 1000;

/** A table that grows, and how far it was read. */
interface Trail {
  readonly rows: StatementSync;
  mark: number;
}

export function createSqliteWatch({ statements }: Pick<SqliteParts, 'statements'>) {
  const watchers: { readonly prefix: string; readonly watcher: StoreWatcher }[] = [];
  /** Versions written here since the last look: only others' writes are told. */
  const own = new Set<number>();
  const written: Trail = { rows: statements.written, mark: 0 };
  const deleted: Trail = { rows: statements.deleted, mark: 0 };
  let timer: NodeJS.Timeout | null = null;
  let dataVersion: number | null = null;
  let missing = false;

  const tell = (key: string): void => {
    for (const { prefix, watcher } of watchers) if (key.startsWith(prefix)) watcher.changed(key);
  };

  /** From here on; what came before is not told. Null marks "look at the rows whatever the data version says". */
  const begin = (): void => {
    dataVersion = null;
    const newest = statements.newest.get();
    written.mark = Number(newest?.written);
    deleted.mark = Number(newest?.deleted);
    own.clear();
  };

  /** Answers what was found; the marks move before anybody is told. */
  const read = (trail: Trail): readonly Record<string, unknown>[] => {
    const rows = trail.rows.all(trail.mark, stretch);
    const last = rows.at(-1);
    if (last !== undefined) trail.mark = Number(last.mark);
    return rows;
  };

  /** Old deletions make room for new ones: somebody who did not look for long cannot know all of them. */
  const cameTooLate = (): boolean => {
    const oldest = statements.oldestDeleted.get()?.mark;
    return typeof oldest === 'number' && oldest > deleted.mark + 1;
  };

  const look = (): void => {
    const seen = Number(statements.dataVersion.get()?.data_version);
    if (seen === dataVersion) {
      // All that was written up to this moment is our own.
      for (const version of own) if (version > written.mark) written.mark = version;
      own.clear();
      return;
    }
    if (cameTooLate()) {
      lose();
      return;
    }
    const writes = read(written);
    const deletions = read(deleted);
    const more = writes.length === stretch || deletions.length === stretch;
    if (more) setImmediate(poll);
    dataVersion = more ? null : seen;
    const news = writes.filter((row) => !own.has(Number(row.mark)));
    if (!more) own.clear();
    for (const row of [...news, ...deletions]) tell(String(row.key));
  };

  const lose = (): void => {
    if (missing) return;
    missing = true;
    for (const { watcher } of watchers) watcher.lost();
  };

  const poll = (): void => {
    if (timer === null) return;
    try {
      if (!missing) {
        look();
        return;
      }
      begin();
    } catch {
      lose();
      return;
    }
    missing = false;
    for (const { watcher } of watchers) watcher.regained();
  };
  return {
    /** Told of every write of this store, so that it is not taken for somebody else's. */
    wrote(version: number): void {
      if (timer !== null && !missing) own.add(version);
    },
    add(prefix: string, watcher: StoreWatcher): void {
      watchers.push({ prefix, watcher });
      if (timer !== null) return;
      timer = setInterval(poll, every);
      timer.unref();
      try {
        begin();
      } catch {
        queueMicrotask(lose);
      }
    },
    close(): void {
      if (timer !== null) clearInterval(timer);
      timer = null;
    },
  };
}
