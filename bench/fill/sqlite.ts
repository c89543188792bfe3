/** Fills the SQLite file of a stopped gate with copies of its session. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { keyLike, type StoreSize } from './sessions.ts';

/** Milliseconds over which the ends of the copies are spread, as sign-ins are. */
const spread = 3_600_000;

export function fillSqlite(dataDir: string, count: number): StoreSize {
  const file = readdirSync(dataDir).find((name) => /\.(sqlite|db)$/.test(name));
  if (file === undefined) throw new Error(`no database in ${dataDir}`);
  const path = join(dataDir, file);
  const database = new DatabaseSync(path);
  try {
    // Nobody else has the file, and a half-filled one is of no use: nothing is written twice.
    database.exec('PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -1048576');
    const recordBytes = insertCopies(database, count);
    database.exec('PRAGMA journal_mode = WAL');
    database.close();
    return { store: 'sqlite', sessions: count, bytesPerSession: statSync(path).size / count, recordBytes };
  } finally {
    if (database.isOpen) database.close();
  }
}

function insertCopies(database: DatabaseSync, count: number): number {
  const session = database.prepare("SELECT * FROM records WHERE key LIKE 's:%'").get();
  if (session === undefined) throw new Error('the gate stored no session');
  const key = String(session.key);
  const tags = database.prepare('SELECT name FROM tags WHERE key = ?').all(key);
  const [value, label] = [session.value as Uint8Array, session.label as Uint8Array];
  const insert = database.prepare('INSERT INTO records (key, value, label, expires_at) VALUES (?, ?, ?, ?)');
  const tag = database.prepare('INSERT INTO tags (name, key) VALUES (?, ?)');
  database.exec('BEGIN');
  for (let stored = 1; stored < count; stored += 1) {
    const copy = keyLike(key);
    insert.run(copy, value, label, Number(session.expires_at) + Math.floor((stored / count) * spread));
    for (const { name } of tags) tag.run(keyLike(String(name)), copy);
  }
  database.exec('COMMIT');
  return value.length + label.length;
}
