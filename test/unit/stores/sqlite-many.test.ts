/** What the SQLite store does with many records: counted and gone through in stretches, so that nobody waits for all. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { createSqliteStore } from '../../../src/stores/sqlite-store.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

/** A store with `count` records `s:0`, `s:1`, … that expire when `endOf` says. */
function filled(context: TestContext, count: number, endOf: (index: number) => number) {
  const path = join(temporaryFolder(context), 'sessions.db');
  const clock = createFakeClock();
  const store = createSqliteStore({ path }, { clock });
  context.after(() => store.close());
  const database = new DatabaseSync(path);
  const add = database.prepare("INSERT INTO records (key, value, expires_at) VALUES (?, x'', ?)");
  database.exec('BEGIN');
  for (let i = 0; i < count; i += 1) add.run(`s:${i}`, clock.now() + endOf(i));
  database.exec('COMMIT');
  database.close();
  return { store, clock };
}

/** Runs `work` and answers how often others got a turn of the event loop meanwhile. */
async function turnsDuring(work: () => Promise<unknown>): Promise<number> {
  let turns = 0;
  let over = false;
  const count = (): void => {
    turns += 1;
    if (!over) setImmediate(count);
  };
  setImmediate(count);
  await work();
  over = true;
  return turns;
}

for (const [what, endOf] of [
  ['each at its own time', (index: number) => 1000 + index],
  ['all at the same time', () => 1000],
  ['at two times, in halves', (index: number) => (index % 2 === 0 ? 1000 : 2000)],
  ['at the time where a stretch ends', (index: number) => (index < 5000 ? 1000 : 1001)],
] as const) {
  test(`counts 12,345 records that expire ${what}, each once`, async (context) => {
    const { store } = filled(context, 12_345, endOf);
    assert.equal(await store.count('s:'), 12_345);
  });
}

test('counts without those that have expired, and asks again after a while', async (context) => {
  const { store, clock } = filled(context, 12_000, (index) => (index < 4000 ? 1000 : 60_000));
  clock.advance(1000);
  assert.equal(await store.count('s:'), 8000);
  await store.deleteAll(['s:5000']);
  assert.equal(await store.count('s:'), 8000, 'kept for some seconds');
  clock.advance(10_000);
  assert.equal(await store.count('s:'), 7999);
});

test('whoever goes through all records lets others in between the pages', async (context) => {
  const { store } = filled(context, 5000, () => 60_000);
  let pages = 0;
  const turns = await turnsDuring(async () => {
    let cursor: string | null = null;
    do {
      cursor = (await store.list('s:', cursor, 100)).cursor;
      pages += 1;
    } while (cursor !== null);
  });
  assert.ok(pages >= 50 && turns >= pages, `${turns} turns for ${pages} pages`);
});

test('whoever deletes thousands lets others in between', async (context) => {
  const { store } = filled(context, 5000, () => 60_000);
  const keys = Array.from({ length: 5000 }, (_, i) => `s:${i}`);
  const turns = await turnsDuring(async () => assert.equal(await store.deleteAll(keys), 5000));
  assert.ok(turns >= 20, `${turns}`);
});
