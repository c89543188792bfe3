/** What the demo's OpenID provider keeps on disk, so that sessions outlive a restart: its keys and its records. */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

export interface ProviderKeys {
  readonly jwks: { readonly keys: readonly object[] };
  readonly cookieKeys: readonly string[];
}

/** The signing and cookie keys, made at the first start. */
export function loadProviderKeys(dataDir: string): ProviderKeys {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const file = join(dataDir, 'provider-keys.json');
  if (!existsSync(file)) {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const key = { ...privateKey.export({ format: 'jwk' }), kid: randomBytes(8).toString('hex'), use: 'sig' };
    const keys = { jwks: { keys: [key] }, cookieKeys: [randomBytes(32).toString('base64url')] };
    writeFileSync(file, JSON.stringify(keys), { mode: 0o600 });
  }
  return JSON.parse(readFileSync(file, 'utf8')) as ProviderKeys;
}

type Payload = Record<string, unknown>;

/** The storage contract of `oidc-provider` for one of its models. */
interface Adapter {
  upsert(id: string, payload: Payload, expiresIn?: number): Promise<void>;
  find(id: string): Promise<Payload | undefined>;
  findByUid(uid: string): Promise<Payload | undefined>;
  findByUserCode(code: string): Promise<Payload | undefined>;
  consume(id: string): Promise<void>;
  destroy(id: string): Promise<void>;
  revokeByGrantId(grantId: string): Promise<void>;
}

export interface ProviderStorage {
  readonly adapter: (model: string) => Adapter;
  close(): void;
}

/** One SQLite table for all models. */
export function openProviderStorage(dataDir: string): ProviderStorage {
  const database = new DatabaseSync(join(dataDir, 'provider.sqlite'));
  database.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    CREATE TABLE IF NOT EXISTS records (
      model TEXT, id TEXT, payload TEXT NOT NULL, uid TEXT, grant_id TEXT, expires_at INTEGER,
      PRIMARY KEY (model, id)
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS by_grant ON records (grant_id);
    DELETE FROM records WHERE expires_at < unixepoch();
  `);
  return { adapter: (model) => createAdapter(database, model), close: () => database.close() };
}

function createAdapter(database: DatabaseSync, model: string): Adapter {
  const live = '(expires_at IS NULL OR expires_at > unixepoch())';
  const byId = database.prepare(`SELECT payload FROM records WHERE model = ? AND id = ? AND ${live}`);
  const byUid = database.prepare(`SELECT payload FROM records WHERE model = ? AND uid = ? AND ${live}`);
  const write = database.prepare('INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?, ?, ?)');
  const consume = database.prepare(
    `UPDATE records SET payload = json_set(payload, '$.consumed', unixepoch()) WHERE model = ? AND id = ?`,
  );
  const destroy = database.prepare('DELETE FROM records WHERE model = ? AND id = ?');
  const revoke = database.prepare('DELETE FROM records WHERE grant_id = ? AND model <> ?');
  const parse = (row: Record<string, unknown> | undefined): Payload | undefined =>
    row === undefined ? undefined : (JSON.parse(String(row.payload)) as Payload);
  return {
    async upsert(id, payload, expiresIn) {
      const expiresAt = expiresIn === undefined ? null : Math.floor(Date.now() / 1000) + expiresIn;
      const uid = typeof payload.uid === 'string' ? payload.uid : null;
      const grantId = typeof payload.grantId === 'string' ? payload.grantId : null;
      write.run(model, id, JSON.stringify(payload), uid, grantId, expiresAt);
    },
    find: async (id) => parse(byId.get(model, id)),
    findByUid: async (uid) => parse(byUid.get(model, uid)),
    findByUserCode: async () => undefined,
    consume: async (id) => void consume.run(model, id),
    destroy: async (id) => void destroy.run(model, id),
    // The browser's session at the provider names grants too; it is not a token of theirs.
    revokeByGrantId: async (grantId) => void revoke.run(grantId, 'Session'),
  };
}
