/**
 * Opens the SQLite file of the store: made for its user only, in WAL mode, with a schema that is ours and not newer.
 * See https://sqlite.org/wal.html.
 */
import { chmodSync, closeSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { isBusy, storeFailure, storeUnavailable } from './sqlite-error.ts';

/** `application_id` of the file header: "SPRT". */
const applicationId = 0x53505254;
const schemaVersion = 2;
/** How long opening waits for other processes that open the same file (milliseconds). */
const openTimeout = 1000;
/** A statement blocks the process, so it waits hardly at all; the store tries again later (milliseconds). */
const busyTimeout = 5;
/** How many deletions are remembered for those who watch. */
export const rememberedDeletions = 20_000;

/**
 * `version` is the row id with AUTOINCREMENT and every write replaces the row: a version never comes back, even for a
 * key that was deleted and made again. An ordinary rowid table, because records are larger than `WITHOUT ROWID` is
 * good for; `value` comes last, so that a list is made without reading it. The index by expiry serves the sweep and,
 * as it covers, counting.
 *
 * Tags go with their record. `INSERT OR REPLACE` does not fire the trigger, so they outlive a rewrite.
 * Tombstones tell other processes what was deleted; old ones make room.
 */
const schema = `
  CREATE TABLE records (
    version INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    expires_at INTEGER NOT NULL,
    label BLOB,
    value BLOB NOT NULL
  ) STRICT;
  CREATE INDEX records_by_expiry ON records (expires_at, key);
  CREATE TABLE tags (name TEXT NOT NULL, key TEXT NOT NULL, PRIMARY KEY (name, key)) STRICT, WITHOUT ROWID;
  CREATE INDEX tags_by_key ON tags (key);
  CREATE TRIGGER tags_go_with_their_record AFTER DELETE ON records BEGIN
    DELETE FROM tags WHERE key = OLD.key;
  END;
  CREATE TABLE tombstones (id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL) STRICT;
  CREATE TRIGGER tombstones_make_room AFTER INSERT ON tombstones BEGIN
    DELETE FROM tombstones WHERE id <= NEW.id - ${rememberedDeletions};
  END;
  PRAGMA application_id = ${applicationId};
  PRAGMA user_version = ${schemaVersion};
`;

export interface SqliteFileOptions {
  readonly path: string;
  /** Largest size of the file in bytes; absent: as far as the disk goes. */
  readonly maxBytes?: number;
}

/** Throws `ERR_STORE_UNAVAILABLE` with a message that says what to do. */
export function openSqliteFile(options: SqliteFileOptions): DatabaseSync {
  const { path } = options;
  let database: DatabaseSync | null = null;
  try {
    prepareFile(path);
    database = new DatabaseSync(path);
    database.exec(`PRAGMA busy_timeout = ${openTimeout}; PRAGMA trusted_schema = OFF;`);
    useWriteAheadLog(database, path);
    prepareSchema(database, path);
    if (options.maxBytes !== undefined) limitSize(database, options.maxBytes);
    database.exec(`PRAGMA busy_timeout = ${busyTimeout}`);
    return database;
  } catch (error) {
    if (database?.isOpen === true) database.close();
    throw storeUnavailable(path, error);
  }
}

/** SQLite gives its `-wal` and `-shm` files the mode of the file itself. */
function prepareFile(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) {
    createFile(path);
    return;
  }
  if (!found.isFile()) throw storeFailure(path, 'cannot-open', 'is not a file');
  if ((found.mode & 0o077) !== 0 && found.uid === process.getuid?.()) chmodSync(path, 0o600);
}

/** Never opens a file that is there: closing it again would drop the POSIX locks this process has on it. */
function createFile(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    const raced = error instanceof Error && 'code' in error && error.code === 'EEXIST';
    if (!raced) throw error;
  }
}

function useWriteAheadLog(database: DatabaseSync, path: string): void {
  const mode = retryWhileBusy(() => database.prepare('PRAGMA journal_mode = WAL').get()?.journal_mode);
  if (mode !== 'wal') {
    throw storeFailure(
      path,
      'no-wal',
      'is on a file system without shared memory: put dataDir on a local disk',
    );
  }
  // NORMAL survives the death of the process; a loss of power may take the last moments, never the file.
  database.exec('PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = 16777216;');
  // 16 MiB at most: the indexes of some 100,000 sessions stay in memory.
  database.exec('PRAGMA cache_size = -16384');
}

function prepareSchema(database: DatabaseSync, path: string): void {
  retryWhileBusy(() => database.exec('BEGIN IMMEDIATE'));
  try {
    if (isEmpty(database)) database.exec(schema);
    else assertOurs(database, path);
    database.exec('COMMIT');
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

function isEmpty(database: DatabaseSync): boolean {
  const tables = database.prepare('SELECT count(*) AS tables FROM sqlite_schema').get()?.tables;
  return tables === 0 && pragma(database, 'user_version') === 0 && pragma(database, 'application_id') === 0;
}

function assertOurs(database: DatabaseSync, path: string): void {
  if (pragma(database, 'application_id') !== applicationId) {
    throw storeFailure(path, 'foreign', 'is a database of another program: set another path');
  }
  const version = pragma(database, 'user_version');
  if (version !== schemaVersion) {
    throw storeFailure(
      path,
      'version',
      `has schema version ${version} and this release knows version ${schemaVersion}: run the release that made it, or move it away`,
    );
  }
}

function pragma(database: DatabaseSync, name: string): unknown {
  return database.prepare(`PRAGMA ${name}`).get()?.[name];
}

function limitSize(database: DatabaseSync, maxBytes: number): void {
  const pageSize = Number(pragma(database, 'page_size'));
  database.exec(`PRAGMA max_page_count = ${Math.max(1, Math.floor(maxBytes / pageSize))}`);
}

/** Changing to WAL does not wait for the busy timeout when several processes open a new file at once. */
function retryWhileBusy<T>(work: () => T): T {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return work();
    } catch (error) {
      if (!isBusy(error) || attempt === 40) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 25);
    }
  }
}
