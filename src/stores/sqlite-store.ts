/**
 * A store in one SQLite file: durable, without a server. Every operation is one statement or one small transaction, so
 * it is atomic between processes that share the file. Answers are there at once, unless another process writes at that
 * very moment (then the file is asked again, without blocking this process) or there are many records to go through.
 */
import type { DatabaseSync } from 'node:sqlite';
import type { Clock } from '../core/clock.ts';
import { type Attempt, createAttempt } from './sqlite-attempt.ts';
import { createSqliteCount } from './sqlite-count.ts';
import { storeUnavailable } from './sqlite-error.ts';
import { openSqliteFile, type SqliteFileOptions } from './sqlite-file.ts';
import { createSqliteMany } from './sqlite-many.ts';
import { prepareStatements, type Statements } from './sqlite-statements.ts';
import { createSqliteWatch } from './sqlite-watch.ts';
import type { Entry, Store, StoredRecord, Tags } from './store.ts';

/** What the parts of this store share. */
export interface SqliteParts {
  readonly statements: Statements;
  readonly attempt: Attempt;
  readonly clock: Clock;
  /** One transaction: all of it or nothing. */
  atomically<T>(work: () => T): T;
}

/** Throws `ERR_STORE_UNAVAILABLE` when the file cannot be used, with a message that says what to do. */
export function createSqliteStore(options: SqliteFileOptions, deps: { readonly clock: Clock }): Store {
  const database = openSqliteFile(options);
  const statements = prepareIn(database, options.path);
  const parts: SqliteParts = {
    statements,
    attempt: createAttempt(options.path),
    clock: deps.clock,
    atomically: (work) => atomically(database, { statements, work }),
  };
  const { attempt, clock } = parts;
  const watch = createSqliteWatch(parts);
  return {
    ready() {},
    get: (key) => attempt(() => (statements.get.get(key, clock.now()) ?? null) as StoredRecord | null),
    ...createWrites(parts, watch.wrote),
    ...createSqliteMany(parts),
    count: createSqliteCount(parts),
    sweep: (limit) => attempt(() => Number(statements.sweep.run(clock.now(), limit).changes)),
    watch: watch.add,
    close() {
      watch.close();
      if (database.isOpen) attempt(() => database.close());
    },
  };
}

function prepareIn(database: DatabaseSync, path: string): Statements {
  try {
    return prepareStatements(database);
  } catch (error) {
    database.close();
    throw storeUnavailable(path, error);
  }
}

function createWrites(parts: SqliteParts, wrote: (version: number) => void) {
  const { statements, attempt, clock, atomically } = parts;
  /** Only once it is certain: a version that was rolled back is given to somebody else. */
  const written = (version: number | null): number | null => {
    if (version !== null) wrote(version);
    return version;
  };
  const set = (key: string, { value, label, expiresAt }: Entry): number =>
    versionOf(statements.set.get(key, value, label ?? null, Math.floor(expiresAt))) as number;
  const setWithTags = (key: string, entry: Entry, tags: Tags): number =>
    atomically(() => {
      for (const name of tags.names) statements.tag.run(name, key);
      return set(key, entry);
    });
  return {
    set: (key: string, entry: Entry, tags?: Tags) =>
      attempt(() => written(tags === undefined ? set(key, entry) : setWithTags(key, entry, tags)) as number),
    addIfAbsent: (key: string, { value, label, expiresAt }: Entry) =>
      attempt(() =>
        written(
          versionOf(
            statements.addIfAbsent.get(key, value, label ?? null, Math.floor(expiresAt), clock.now()),
          ),
        ),
      ),
    compareAndSwap: (key: string, version: number, { value, label, expiresAt }: Entry) => {
      const end = Math.floor(expiresAt);
      return attempt(() =>
        written(
          versionOf(statements.compareAndSwap.get(key, value, label ?? null, end, clock.now(), version)),
        ),
      );
    },
    delete: (key: string, version?: number) =>
      attempt(() => {
        const now = clock.now();
        return atomically(() => {
          const row = statements.delete.get(key, version ?? null, now);
          if (row === undefined) return false;
          statements.bury.run(key);
          return Number(row.expiresAt) > now;
        });
      }),
  };
}

function versionOf(row: Record<string, unknown> | undefined): number | null {
  return row === undefined ? null : Number(row.version);
}

function atomically<T>(database: DatabaseSync, run: { statements: Statements; work: () => T }): T {
  const { statements, work } = run;
  statements.begin.run();
  try {
    const answer = work();
    statements.commit.run();
    return answer;
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}
