/**
 * A store in one SQLite file: durable, without a server. Every operation is one statement, so it is atomic between
 * processes that share the file, and answers synchronously.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Clock } from '../core/clock.ts';
import { storeUnavailable } from './sqlite-error.ts';
import { openSqliteFile, type SqliteFileOptions } from './sqlite-file.ts';
import type { Store, StoredRecord } from './store.ts';

interface Statements {
  readonly get: StatementSync;
  readonly set: StatementSync;
  readonly addIfAbsent: StatementSync;
  readonly compareAndSwap: StatementSync;
  readonly delete: StatementSync;
  readonly count: StatementSync;
  readonly sweep: StatementSync;
}

/** Throws `ERR_STORE_UNAVAILABLE` when the file cannot be used, with a message that says what to do. */
export function createSqliteStore(options: SqliteFileOptions, deps: { readonly clock: Clock }): Store {
  const database = openSqliteFile(options);
  const { clock } = deps;
  const attempt = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      throw storeUnavailable(options.path, error);
    }
  };
  const statements = attempt(() => prepare(database));
  return {
    get: (key) => attempt(() => (statements.get.get(key, clock.now()) ?? null) as StoredRecord | null),
    set: (key, value, expiresAt) =>
      attempt(() => versionOf(statements.set.get(key, value, Math.floor(expiresAt))) as number),
    addIfAbsent: (key, value, expiresAt) =>
      attempt(
        () => versionOf(statements.addIfAbsent.get(key, value, Math.floor(expiresAt), clock.now())) !== null,
      ),
    compareAndSwap: (key, version, value, expiresAt) =>
      attempt(() =>
        versionOf(statements.compareAndSwap.get(key, value, Math.floor(expiresAt), version, clock.now())),
      ),
    delete: (key) =>
      attempt(() => {
        const row = statements.delete.get(key);
        return row !== undefined && Number(row.expiresAt) > clock.now();
      }),
    count: (prefix) =>
      attempt(() => Number(statements.count.get(prefix, endOfPrefix(prefix), clock.now())?.records)),
    sweep: (limit) => attempt(() => Number(statements.sweep.run(clock.now(), limit).changes)),
    close() {
      if (database.isOpen) attempt(() => database.close());
    },
  };
}

function prepare(database: DatabaseSync): Statements {
  const columns = 'INTO records (key, value, expires_at)';
  return {
    get: database.prepare(
      'SELECT value, version, expires_at AS expiresAt FROM records WHERE key = ?1 AND expires_at > ?2',
    ),
    set: database.prepare(`INSERT OR REPLACE ${columns} VALUES (?1, ?2, ?3) RETURNING version`),
    addIfAbsent: database.prepare(
      `INSERT OR REPLACE ${columns} SELECT ?1, ?2, ?3
       WHERE NOT EXISTS (SELECT 1 FROM records WHERE key = ?1 AND expires_at > ?4) RETURNING version`,
    ),
    compareAndSwap: database.prepare(
      `INSERT OR REPLACE ${columns} SELECT ?1, ?2, ?3
       WHERE EXISTS (SELECT 1 FROM records WHERE key = ?1 AND version = ?4 AND expires_at > ?5) RETURNING version`,
    ),
    delete: database.prepare('DELETE FROM records WHERE key = ?1 RETURNING expires_at AS expiresAt'),
    count: database.prepare(
      'SELECT count(*) AS records FROM records INDEXED BY records_by_expiry WHERE key >= ?1 AND key < ?2 AND expires_at > ?3',
    ),
    sweep: database.prepare(
      'DELETE FROM records WHERE version IN (SELECT version FROM records WHERE expires_at <= ?1 LIMIT ?2)',
    ),
  };
}

function versionOf(row: Record<string, unknown> | undefined): number | null {
  return row === undefined ? null : Number(row.version);
}

/** The first key after all that begin with `prefix`; keys are ASCII. */
function endOfPrefix(prefix: string): string {
  return `${prefix}\u{10ffff}`;
}
