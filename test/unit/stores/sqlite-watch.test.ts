/** What one process hears of another that writes to the same SQLite file, and that it hears when it may have missed something. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { systemClock } from '../../../src/core/clock.ts';
import { createSqliteStore } from '../../../src/stores/sqlite-store.ts';
import type { Store } from '../../../src/stores/store.ts';
import { eventually } from '../../contract/store-harness.ts';
import { entry } from '../../support/redis-store.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

function place(context: TestContext) {
  const path = join(temporaryFolder(context), 'sessions.db');
  const store = createSqliteStore({ path }, { clock: systemClock });
  context.after(() => store.close());
  return { path, store };
}

/** Watches `s:` and keeps what is told, from a moment on at which the watch has begun. */
async function listen(store: Store): Promise<string[]> {
  const told: string[] = [];
  store.watch('s:', {
    changed: (key) => told.push(key),
    lost: () => told.push('lost'),
    regained: () => told.push('regained'),
  });
  await eventually(() => false, 250);
  told.length = 0;
  return told;
}

/** Another process that does this to `store`, and is waited for. */
async function elsewhere(path: string, work: string): Promise<void> {
  const src = new URL('../../../src/', import.meta.url);
  const text = `
    import { createSqliteStore } from '${src}stores/sqlite-store.ts';
    import { systemClock } from '${src}core/clock.ts';
    const store = createSqliteStore({ path: ${JSON.stringify(path)} }, { clock: systemClock });
    const entry = { value: Buffer.from('x'), expiresAt: Date.now() + 60_000 };
    ${work}
    await store.close();`;
  const options = { env: { PATH: process.env.PATH }, stdio: 'ignore' } as const;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', text], options);
  const [code] = await once(child, 'exit');
  assert.equal(code, 0);
}

test('writes and deletions of another process are told, each of them, and none of one’s own', async (context) => {
  const { path, store } = place(context);
  for (let i = 0; i < 50; i += 1) await store.set(`s:old${i}`, entry('x'));
  const told = await listen(store);
  await store.set('s:own', entry('x'));
  await elsewhere(
    path,
    `for (let i = 0; i < 2500; i += 1) await store.set('s:' + i, entry);
     for (let i = 0; i < 50; i += 1) await store.delete('s:old' + i);
     await store.set('t:other', entry);`,
  );
  assert.ok(await eventually(() => new Set(told).size >= 2550));
  assert.ok(!told.includes('lost') && !told.includes('t:other') && !told.includes('s:own'));
});

test('two processes that write all the time miss nothing of each other', async (context) => {
  const { path, store } = place(context);
  const told = await listen(store);
  let over = false;
  const writing = (async () => {
    for (let i = 0; !over; i += 1) {
      await store.set(`s:own${i}`, entry('x'));
      await new Promise((resolve) => setImmediate(resolve));
    }
  })();
  await elsewhere(
    path,
    `for (let i = 0; i < 3000; i += 1) {
       await store.set('s:' + i, entry);
       if (i % 3 === 0) await store.delete('s:' + i);
     }`,
  );
  over = true;
  await writing;
  const others = () => new Set(told.filter((key) => !key.startsWith('s:own'))).size;
  assert.ok(await eventually(() => others() === 3000), `${others()}`);
  assert.ok(!told.includes('lost'));
});

test('more deletions than are remembered are told as lost and regained', async (context) => {
  const { path, store } = place(context);
  const told = await listen(store);
  const database = new DatabaseSync(path);
  database.exec(`BEGIN;
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20500)
    INSERT INTO tombstones (key) SELECT 's:' || i FROM n;
    COMMIT;`);
  assert.equal(database.prepare('SELECT count(*) AS kept FROM tombstones').get()?.kept, 20_000);
  assert.ok(await eventually(() => told.includes('regained')));
  assert.deepEqual(told.slice(0, 2), ['lost', 'regained']);
  told.length = 0;
  database.exec("INSERT INTO tombstones (key) VALUES ('s:after')");
  database.close();
  assert.ok(await eventually(() => told.includes('s:after')));
});

test('a file that cannot be read for a while is told as lost, and as regained when it can', async (context) => {
  const { path, store } = place(context);
  await store.set('s:a', entry('x'));
  const told = await listen(store);
  const database = new DatabaseSync(path);
  database.exec("ALTER TABLE tombstones RENAME TO away; INSERT INTO away (key) VALUES ('s:missed')");
  assert.ok(await eventually(() => told.includes('lost')));
  await eventually(() => false, 500);
  assert.deepEqual(told, ['lost'], 'told once, and nothing else meanwhile');
  database.exec('ALTER TABLE away RENAME TO tombstones');
  assert.ok(await eventually(() => told.includes('regained')));
  database.exec("INSERT INTO tombstones (key) VALUES ('s:after')");
  database.close();
  assert.ok(await eventually(() => told.includes('s:after')));
});
