/** The part of the store contract that is about many records: tags, lists, deleting thousands. */
import assert from 'node:assert/strict';
import type { Store } from '../../src/stores/store.ts';
import { type Check, type StoreHarness, short } from './store-harness.ts';

const keysOf = (records: readonly { readonly key: string }[]) => records.map(({ key }) => key).sort();

export function checkMany(check: Check): void {
  checkTags(check);
  checkThousands(check);
  checkLists(check);
}

function checkTags(check: Check): void {
  const tagsOf = ({ entry }: StoreHarness, ...names: string[]) => ({
    names,
    until: entry('', 90_000).expiresAt,
  });

  check('finds records by their tags, with label and time and without the value', async (harness) => {
    const { store, entry } = harness;
    const one = { ...entry('secret'), label: Buffer.from('one') };
    await store.set('s:1', one, tagsOf(harness, 'x:p', 'x:q'));
    await store.set('s:2', entry('2'), tagsOf(harness, 'x:p'));
    await store.set('s:3', entry('3'));
    assert.deepEqual(keysOf(await store.tagged('x:p')), ['s:1', 's:2']);
    const [found] = await store.tagged('x:q');
    assert.equal(found?.key, 's:1');
    assert.equal(Buffer.from(found?.label ?? []).toString(), 'one');
    assert.equal(found?.expiresAt, Math.floor(one.expiresAt));
    assert.ok(!('value' in (found ?? {})));
    assert.deepEqual(await store.tagged('x:other'), []);
    assert.deepEqual(await store.tagged('x:'), []);
  });

  check('forgets the tags with the record: deleted, deleted with others, or expired', async (harness) => {
    const { store, entry, pass } = harness;
    const tags = tagsOf(harness, 'x:p');
    for (const key of ['s:1', 's:2', 's:3']) await store.set(key, entry('x'), tags);
    await store.set('s:4', entry('x', short), tags);
    const version = await store.set('s:5', entry('x'), tags);
    await store.delete('s:1');
    await store.deleteAll(['s:2']);
    await store.delete('s:5', version);
    await pass(short);
    assert.deepEqual(keysOf(await store.tagged('x:p')), ['s:3']);
    await store.sweep(100);
    assert.deepEqual(keysOf(await store.tagged('x:p')), ['s:3']);
  });

  check('keeps the tags while the record is written again, each record found once', async (harness) => {
    const { store, entry } = harness;
    const version = await store.set('s:1', entry('1'), tagsOf(harness, 'x:p'));
    const next = await store.compareAndSwap('s:1', version, { ...entry('2'), label: Buffer.from('later') });
    assert.deepEqual(keysOf(await store.tagged('x:p')), ['s:1']);
    assert.equal(Buffer.from((await store.tagged('x:p'))[0]?.label ?? []).toString(), 'later');
    await store.set('s:1', entry('3'));
    assert.deepEqual(keysOf(await store.tagged('x:p')), ['s:1']);
    assert.equal(await store.compareAndSwap('s:1', next as number, entry('4')), null);
    await store.delete('s:1');
    assert.deepEqual(await store.tagged('x:p'), []);
  });
}

function checkThousands(check: Check): void {
  check(
    'lists and deletes 10,000 records of one tag in about ten times the time of 1,000',
    async (harness) => {
      const { store } = harness;
      await measure(harness, 'x:warm', 1000);
      const few = await measure(harness, 'x:few', 1000);
      const many = await measure(harness, 'x:many', 10_000);
      assert.ok(many < 40 * few + 200, `${many} ms for 10,000, ${few} ms for 1,000`);
      assert.deepEqual(await store.tagged('x:many'), []);
    },
  );

  check('counts what it deleted and was alive, each key once', async ({ store, entry, pass }) => {
    await store.set('s:1', entry('x'));
    await store.set('s:2', entry('x'));
    await store.set('s:3', entry('x', short));
    await store.set('s:stays', entry('x'));
    await pass(short);
    assert.equal(await store.deleteAll(['s:1', 's:2', 's:2', 's:3', 's:never']), 2);
    assert.equal(await store.deleteAll(['s:1', 's:2']), 0);
    assert.equal(await store.deleteAll([]), 0);
    assert.notEqual(await store.get('s:stays'), null);
  });
}

/** Milliseconds to list and delete `count` records of one tag. */
async function measure({ store, entry }: StoreHarness, tag: string, count: number): Promise<number> {
  const tags = { names: [tag], until: entry('', 90_000).expiresAt };
  for (let first = 0; first < count; first += 500) {
    await Promise.all(
      Array.from({ length: 500 }, async (_, i) => store.set(`s:${tag}:${first + i}`, entry('x'), tags)),
    );
  }
  const started = performance.now();
  const found = await store.tagged(tag);
  assert.equal(new Set(keysOf(found)).size, count);
  assert.equal(found.length, count);
  assert.equal(await store.deleteAll(keysOf(found)), count);
  return performance.now() - started;
}

function checkLists(check: Check): void {
  check(
    'lists all live records of a prefix, page by page, without values',
    async ({ store, entry, pass }) => {
      for (let i = 0; i < 25; i += 1)
        await store.set(`s:${i}`, { ...entry('x'), label: Buffer.from(`${i}`) });
      await store.set('t:1', entry('x'));
      await store.set('s:gone', entry('x', short));
      await pass(short);
      const all = await allOf(store, 's:');
      assert.deepEqual([...all.keys()].sort(), Array.from({ length: 25 }, (_, i) => `s:${i}`).sort());
      for (const [key, label] of all) assert.equal(`s:${label}`, key);
      assert.deepEqual(await store.list('x:', null, 10), { records: [], cursor: null });
    },
  );

  check('tells everything that stays, whatever is written meanwhile', async ({ store, entry }) => {
    for (let i = 0; i < 200; i += 1) await store.set(`s:${i}`, entry('x'));
    let round = 0;
    const all = await allOf(store, 's:', async () => {
      round += 1;
      await store.set(`s:new${round}`, entry('x'));
      await store.set(`s:${round}`, entry('again'));
      await store.delete(`s:${199 - round}`);
    });
    const stayed = Array.from({ length: 200 }, (_, i) => `s:${i}`).filter(
      (_, i) => i < 199 - round || i === 199,
    );
    for (const key of stayed) assert.ok(all.has(key), key);
  });

  check('takes a cursor of somewhere else without listing what is elsewhere', async ({ store, entry }) => {
    for (const key of ['a:1', 's:1', 'z:1']) await store.set(key, entry('x'));
    for (const cursor of ['a:', 'z:', '', '0', "'", '\u0000', 'é', '9'.repeat(30), 'x'.repeat(5000)]) {
      try {
        const { records } = await store.list('s:', cursor, 10);
        assert.ok(records.every(({ key }) => key.startsWith('s:')));
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'ERR_STORE_UNAVAILABLE');
      }
    }
  });
}

/** Key and label of everything, in pages of about ten. */
async function allOf(store: Store, prefix: string, between?: () => Promise<void>) {
  const all = new Map<string, string>();
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<Store['list']>> = await store.list(prefix, cursor, 10);
    for (const { key, label } of page.records) all.set(key, Buffer.from(label ?? []).toString());
    cursor = page.cursor;
    await between?.();
  } while (cursor !== null);
  return all;
}
