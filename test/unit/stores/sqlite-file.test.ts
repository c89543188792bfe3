/** The file behind the SQLite store: whose it is, and what a damaged, foreign or full one is answered with. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { systemClock } from '../../../src/core/clock.ts';
import { SallyportError } from '../../../src/core/errors.ts';
import { createSqliteStore } from '../../../src/stores/sqlite-store.ts';
import { runAsNobody } from '../../support/as-nobody.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const deps = { clock: systemClock };
const soon = () => Date.now() + 60_000;

function fails(work: () => unknown, detail: string, message: RegExp): void {
  assert.throws(work, (error) => {
    assert.ok(error instanceof SallyportError);
    assert.equal(error.code, 'ERR_STORE_UNAVAILABLE');
    assert.equal(error.detail, detail);
    assert.match(error.message, message);
    assert.ok(error.retryAfter !== null);
    return true;
  });
}

test('is made for its user only, with its folder, and in WAL mode', (context) => {
  const folder = join(temporaryFolder(context), 'a', 'data');
  const path = join(folder, 'sessions.db');
  const store = createSqliteStore({ path }, deps);
  store.set('s:a', { value: Buffer.from('x'), expiresAt: soon() });
  assert.equal(statSync(folder).mode & 0o777, 0o700);
  for (const suffix of ['', '-wal', '-shm'])
    assert.equal(statSync(path + suffix).mode & 0o777, 0o600, suffix);
  store.close();
});

test('is closed to other users when it was open to them', (context) => {
  const path = join(temporaryFolder(context), 'sessions.db');
  createSqliteStore({ path }, deps).close();
  chmodSync(path, 0o644);
  createSqliteStore({ path }, deps).close();
  assert.equal(statSync(path).mode & 0o777, 0o600);
});

test('keeps records over a restart', (context) => {
  const path = join(temporaryFolder(context), 'sessions.db');
  const before = createSqliteStore({ path }, deps);
  before.set('s:a', { value: Buffer.from('x'), expiresAt: soon() });
  before.close();
  const after = createSqliteStore({ path }, deps);
  assert.equal(Buffer.from((after.get('s:a') as { value: Uint8Array }).value).toString(), 'x');
  after.close();
});

test('two open stores on one file see each other, and versions are theirs together', (context) => {
  const path = join(temporaryFolder(context), 'sessions.db');
  const [one, two] = [createSqliteStore({ path }, deps), createSqliteStore({ path }, deps)];
  const version = one.set('s:a', { value: Buffer.from('1'), expiresAt: soon() }) as number;
  assert.equal((two.get('s:a') as { version: number }).version, version);
  const next = two.compareAndSwap('s:a', version, { value: Buffer.from('2'), expiresAt: soon() });
  assert.notEqual(next, null);
  assert.equal(one.compareAndSwap('s:a', version, { value: Buffer.from('3'), expiresAt: soon() }), null);
  assert.notEqual(two.addIfAbsent('t:a', { value: Buffer.from('1'), expiresAt: soon() }), null);
  assert.equal(one.addIfAbsent('t:a', { value: Buffer.from('1'), expiresAt: soon() }), null);
  one.close();
  two.close();
});

const unusable = {
  'is text': ['not-a-database', /is not a SQLite database: move it away/, () => 'hello '.repeat(2000)],
  'is random': ['not-a-database', /is not a SQLite database/, () => randomBytes(8192)],
} as const;
for (const [what, [detail, message, content]] of Object.entries(unusable)) {
  test(`a file that ${what} stops the start, and is left as it is`, (context) => {
    const path = join(temporaryFolder(context), 'sessions.db');
    const bytes = Buffer.from(content());
    writeFileSync(path, bytes);
    fails(() => createSqliteStore({ path }, deps), detail, message);
    assert.deepEqual(readFileSync(path), bytes);
  });
}

test('a database of another program stops the start, and is left as it is', (context) => {
  const path = join(temporaryFolder(context), 'other.db');
  const other = new DatabaseSync(path);
  other.exec('CREATE TABLE records (id INTEGER)');
  other.close();
  fails(() => createSqliteStore({ path }, deps), 'foreign', /is a database of another program/);
});

for (const version of [1, 7])
  test(`FL-042: a file of ${version === 1 ? 'an older' : 'a newer'} release stops the start and names both versions`, (context) => {
    const path = join(temporaryFolder(context), 'sessions.db');
    createSqliteStore({ path }, deps).close();
    const newer = new DatabaseSync(path);
    newer.exec(`PRAGMA user_version = ${version}`);
    newer.close();
    fails(
      () => createSqliteStore({ path }, deps),
      'version',
      new RegExp(`has schema version ${version} and this release knows version 2`),
    );
  });

test('a file damaged in the middle fails with a message at start or at use, and never answers "absent"', (context) => {
  const path = join(temporaryFolder(context), 'sessions.db');
  const store = createSqliteStore({ path }, deps);
  for (let i = 0; i < 300; i += 1) store.set(`s:${i}`, { value: randomBytes(3000), expiresAt: soon() });
  store.close();
  truncateSync(path, 16 * 4096);
  fails(
    () => {
      const damaged = createSqliteStore({ path }, deps);
      try {
        for (let i = 0; i < 300; i += 1) assert.notEqual(damaged.get(`s:${i}`), null);
      } finally {
        damaged.close();
      }
    },
    'corrupt',
    /is damaged: restore it from a backup, or move it away/,
  );
});

test('a folder in the place of the file stops the start', (context) => {
  const path = join(temporaryFolder(context), 'sessions.db');
  mkdirSync(path);
  fails(() => createSqliteStore({ path }, deps), 'cannot-open', /is not a file/);
});

test('a file in the place of the folder stops the start', (context) => {
  const folder = join(temporaryFolder(context), 'data');
  writeFileSync(folder, '');
  fails(
    () => createSqliteStore({ path: join(folder, 'sessions.db') }, deps),
    'cannot-open',
    /is a file, not a folder/,
  );
});

test('a file that its user may not open stops the start', (context) => {
  const folder = temporaryFolder(context);
  const path = join(folder, 'sessions.db');
  createSqliteStore({ path }, deps).close();
  chmodSync(path, 0o000);
  chmodSync(folder, 0o555);
  const module = new URL('../../../src/stores/sqlite-file.ts', import.meta.url).href;
  const said = runAsNobody({ module, expression: `it.openSqliteFile({ path: ${JSON.stringify(path)} })` });
  chmodSync(folder, 0o755);
  assert.match(
    said,
    /^ERR_STORE_UNAVAILABLE (permission|cannot-open) the session store .*(may not|cannot) be opened/,
  );
});

test('a full disk fails writes with a message; reads go on, and writes again when there is room', (context) => {
  const path = join(temporaryFolder(context), 'sessions.db');
  const store = createSqliteStore({ path, maxBytes: 200_000 }, deps);
  store.set('s:first', { value: Buffer.from('x'), expiresAt: soon() });
  let written = 0;
  fails(
    () => {
      for (; written < 1000; written += 1)
        store.set(`s:${written}`, { value: randomBytes(3000), expiresAt: soon() });
    },
    'full',
    /cannot grow: the disk, or the limit on its size, is full/,
  );
  assert.ok(written > 10);
  assert.notEqual(store.get('s:first'), null);
  assert.equal(store.delete('s:0'), true);
  assert.equal(store.delete('s:1'), true);
  assert.ok(store.set('s:next', { value: randomBytes(3000), expiresAt: soon() }));
  store.close();
});

test('a lock that another process does not let go of fails in about a second, not never, and blocks nobody meanwhile', async (context) => {
  const path = join(temporaryFolder(context), 'sessions.db');
  const store = createSqliteStore({ path }, deps);
  const other = new DatabaseSync(path);
  other.exec('BEGIN IMMEDIATE');
  let turns = 0;
  const counting = setInterval(() => {
    turns += 1;
  }, 5);
  const entry = { value: Buffer.from('x'), expiresAt: soon() };
  await assert.rejects(async () => store.set('s:a', entry), {
    code: 'ERR_STORE_UNAVAILABLE',
    detail: 'busy',
  });
  clearInterval(counting);
  assert.ok(turns > 20, `${turns} turns`);
  assert.equal(store.get('s:a'), null);
  const late = Promise.resolve(store.set('s:a', entry));
  other.exec('ROLLBACK');
  assert.ok(await late);
  other.close();
  store.close();
});

test('after close every call fails as unavailable, and closing again does not', (context) => {
  const store = createSqliteStore({ path: join(temporaryFolder(context), 'sessions.db') }, deps);
  store.close();
  store.close();
  for (const call of [
    () => store.get('s:a'),
    () => store.set('s:a', { value: Buffer.from('x'), expiresAt: 1 }),
    () => store.delete('s:a'),
  ]) {
    fails(call, 'closed', /is closed/);
  }
});

test('several processes that make the file at once all get it, and one of them wins what is given out once', async (context) => {
  const path = join(temporaryFolder(context), 'data', 'sessions.db');
  const module = new URL('../../../src/stores/sqlite-store.ts', import.meta.url).href;
  const code = `
    const { createSqliteStore } = await import(${JSON.stringify(module)});
    const clock = { now: () => Date.now(), monotonic: () => performance.now() };
    const store = createSqliteStore({ path: ${JSON.stringify(path)} }, { clock });
    let won = 0;
    for (let i = 0; i < 200; i += 1) if (await store.addIfAbsent('t:' + i, { value: Buffer.from('x'), expiresAt: Date.now() + 60000 })) won += 1;
    store.close();
    console.log(won);`;
  const run = promisify(execFile);
  const results = await Promise.all(
    [1, 2, 3, 4].map(() => run(process.execPath, ['--input-type=module', '--eval', code])),
  );
  const won = results.map(({ stdout }) => Number(stdout));
  assert.equal(
    won.reduce((sum, count) => sum + count, 0),
    200,
  );
});
