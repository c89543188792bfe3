/** The statements of the SQLite store, prepared once. Keys are ASCII, so their order is that of their bytes. */
import type { DatabaseSync, StatementSync } from 'node:sqlite';

export type Statements = ReturnType<typeof prepareStatements>;

export function prepareStatements(database: DatabaseSync) {
  const prepare = (text: string): StatementSync => database.prepare(text);
  return {
    begin: prepare('BEGIN IMMEDIATE'),
    commit: prepare('COMMIT'),
    ...writing(prepare),
    ...deleting(prepare),
    ...listing(prepare),
    ...watching(prepare),
  };
}

function writing(prepare: (text: string) => StatementSync) {
  const into = 'INSERT OR REPLACE INTO records (key, value, label, expires_at)';
  return {
    get: prepare(
      'SELECT value, label, version, expires_at AS expiresAt FROM records WHERE key = ?1 AND expires_at > ?2',
    ),
    set: prepare(`${into} VALUES (?1, ?2, ?3, ?4) RETURNING version`),
    tag: prepare('INSERT OR IGNORE INTO tags (name, key) VALUES (?1, ?2)'),
    addIfAbsent: prepare(
      `${into} SELECT ?1, ?2, ?3, ?4
       WHERE NOT EXISTS (SELECT 1 FROM records WHERE key = ?1 AND expires_at > ?5) RETURNING version`,
    ),
    compareAndSwap: prepare(
      `${into} SELECT ?1, ?2, ?3, ?4
       WHERE EXISTS (SELECT 1 FROM records WHERE key = ?1 AND version = ?6 AND expires_at > ?5) RETURNING version`,
    ),
  };
}

/** Keys come as a JSON array. What the sweep removes needs no tombstone: everybody knows the time. */
function deleting(prepare: (text: string) => StatementSync) {
  const theseKeys = 'key IN (SELECT value FROM json_each(?1))';
  return {
    delete: prepare(
      `DELETE FROM records WHERE key = ?1 AND (?2 IS NULL OR (version = ?2 AND expires_at > ?3))
       RETURNING expires_at AS expiresAt`,
    ),
    deleteThese: prepare(`DELETE FROM records WHERE ${theseKeys} RETURNING expires_at AS expiresAt`),
    bury: prepare('INSERT INTO tombstones (key) VALUES (?1)'),
    buryThese: prepare(`INSERT INTO tombstones (key) SELECT key FROM records WHERE ${theseKeys}`),
    sweep: prepare(
      'DELETE FROM records WHERE version IN (SELECT version FROM records WHERE expires_at <= ?1 LIMIT ?2)',
    ),
  };
}

function listing(prepare: (text: string) => StatementSync) {
  const columns = 'records.key, label, expires_at AS expiresAt';
  const listFrom = (first: '>' | '>=') =>
    prepare(
      `SELECT ${columns} FROM records WHERE key ${first} ?1 AND key < ?2 AND expires_at > ?3 ORDER BY key LIMIT ?4`,
    );
  return {
    tagged: prepare(
      `SELECT ${columns} FROM tags CROSS JOIN records ON records.key = tags.key
       WHERE name = ?1 AND tags.key > ?2 AND expires_at > ?3 ORDER BY tags.key LIMIT ?4`,
    ),
    listFrom: listFrom('>='),
    listAfter: listFrom('>'),
    endOfStretch: prepare(
      'SELECT expires_at AS expiresAt FROM records WHERE expires_at > ?1 ORDER BY expires_at LIMIT 1 OFFSET ?2',
    ),
    countStretch: prepare(
      `SELECT count(*) AS records FROM records INDEXED BY records_by_expiry
       WHERE expires_at > ?1 AND expires_at <= ?2 AND key >= ?3 AND key < ?4`,
    ),
  };
}

function watching(prepare: (text: string) => StatementSync) {
  return {
    dataVersion: prepare('PRAGMA data_version'),
    newest: prepare(
      `SELECT (SELECT coalesce(max(version), 0) FROM records) AS written,
              (SELECT coalesce(max(id), 0) FROM tombstones) AS deleted`,
    ),
    written: prepare('SELECT version AS mark, key FROM records WHERE version > ?1 ORDER BY version LIMIT ?2'),
    deleted: prepare('SELECT id AS mark, key FROM tombstones WHERE id > ?1 ORDER BY id LIMIT ?2'),
    oldestDeleted: prepare('SELECT min(id) AS mark FROM tombstones'),
  };
}

/** The first key after all that begin with `prefix`. */
export function endOfPrefix(prefix: string): string {
  return `${prefix}\u{10ffff}`;
}
