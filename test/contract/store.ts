/** What every store must do. One suite, run against every implementation; `store-harness.ts` says how. */
import assert from 'node:assert/strict';
import {
  type Check,
  createCheck,
  eventually,
  type StorePlace,
  type StoreTraits,
  short,
} from './store-harness.ts';
import { checkMany } from './store-many.ts';
import { checkWatch } from './store-watch.ts';

export function testStore(name: string, place: StorePlace, traits: StoreTraits): void {
  const check = createCheck(name, place, traits);
  checkRecords(check);
  checkExpiry(check);
  checkRaces(check);
  checkVersions(check);
  checkMany(check);
  checkWatch(check);
}

function checkRecords(check: Check): void {
  check('gives back the bytes, the label, the version and the time', async ({ store, clock }) => {
    const value = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    const label = Buffer.from([0, 255, 10, 13]);
    const expiresAt = clock.now() + 60_000;
    const version = await store.set('s:a', { value, label, expiresAt });
    const record = await store.get('s:a');
    assert.ok(record !== null);
    assert.deepEqual(Buffer.from(record.value), value);
    assert.deepEqual(Buffer.from(record.label ?? []), label);
    assert.equal(record.version, version);
    assert.equal(record.expiresAt, Math.floor(expiresAt));
  });

  check('has no label where none was written, and every write replaces it', async ({ store, entry }) => {
    const label = Buffer.from('one');
    const version = await store.set('s:a', { ...entry('1'), label });
    await store.compareAndSwap('s:a', version, entry('2'));
    assert.equal((await store.get('s:a'))?.label, null);
    await store.addIfAbsent('s:b', { ...entry('1'), label });
    assert.deepEqual(Buffer.from((await store.get('s:b'))?.label ?? []), label);
  });

  check('takes empty values and values of a megabyte', async ({ store, entry }) => {
    await store.set('s:empty', entry(''));
    await store.set('s:large', { ...entry(''), value: Buffer.alloc(1 << 20, 7) });
    assert.equal((await store.get('s:empty'))?.value.length, 0);
    assert.equal((await store.get('s:large'))?.value.length, 1 << 20);
  });

  check('keeps its own copy of what was written', async ({ store, entry, textOf }) => {
    const value = Buffer.from('before');
    await store.set('s:a', { ...entry(''), value });
    value.fill(0);
    assert.equal(await textOf('s:a'), 'before');
  });

  check('tells keys apart byte for byte', async ({ store, entry, textOf }) => {
    const keys = [
      's:a',
      's:A',
      's:a ',
      "s:'; DROP TABLE records; --",
      '__proto__',
      's:%',
      's:_',
      's:*',
      's:{a}',
    ];
    for (const key of keys) await store.set(key, entry(key));
    for (const key of keys) assert.equal(await textOf(key), key);
    assert.equal(await store.get('s:b'), null);
    assert.equal(await store.get('constructor'), null);
  });

  check('counts live records by what their keys begin with, now or some seconds later', async (harness) => {
    const { store, entry } = harness;
    for (const key of ['s:a', 's:b', 's:', 's:~', 't:a', 'r:a']) await store.set(key, entry('x'));
    await store.delete('s:b');
    if ((await store.count('s:')) === null) return;
    assert.ok(await eventually(async () => (await store.count('s:')) === 3));
    assert.ok(await eventually(async () => (await store.count('t:')) === 1));
    assert.ok(await eventually(async () => (await store.count('x:')) === 0));
  });
}

function checkExpiry(check: Check): void {
  check('does not give out a record past its end', async ({ store, entry, pass, textOf }) => {
    await store.set('s:a', entry('x', short));
    assert.equal(await textOf('s:a'), 'x');
    await pass(short);
    assert.equal(await store.get('s:a'), null);
  });

  check(
    'does not give out a record at its very end',
    async ({ store, entry, pass, textOf }) => {
      await store.set('s:a', entry('x', 1000));
      await pass(999);
      assert.equal(await textOf('s:a'), 'x');
      await pass(1);
      assert.equal(await store.get('s:a'), null);
    },
    { time: 'fake' },
  );

  check('takes a time in the past as expired, without failing (FL-050)', async ({ store, entry }) => {
    for (const [key, expiresAt] of [
      ['s:a', entry('').expiresAt - 90_000],
      ['s:b', -1],
      ['s:c', 0],
    ] as const) {
      await store.set(key, entry('old'));
      await store.set(key, { ...entry('x'), expiresAt });
      assert.equal(await store.get(key), null, key);
      const version = await store.set(key, entry('old'));
      assert.notEqual(await store.compareAndSwap(key, version, { ...entry('x'), expiresAt }), null);
      assert.equal(await store.get(key), null, key);
    }
  });

  check(
    'keeps times with fractions of a millisecond and far in the future',
    async ({ store, entry, textOf }) => {
      await store.set('s:a', entry('x', 60_000.75));
      await store.set('s:b', entry('x', 400 * 86_400_000));
      assert.equal(await textOf('s:a'), 'x');
      assert.equal(await textOf('s:b'), 'x');
    },
  );

  check(
    'keeps a record for 400 days',
    async ({ store, entry, pass, textOf }) => {
      await store.set('s:a', entry('x', 400 * 86_400_000));
      await pass(399 * 86_400_000);
      assert.equal(await textOf('s:a'), 'x');
    },
    { time: 'fake' },
  );

  check(
    'sweeps what has expired, a batch at a time, and nothing else',
    async ({ store, entry, pass }) => {
      for (let i = 0; i < 25; i += 1) await store.set(`s:${i}`, entry('x', i % 5 === 0 ? 9000 : 10));
      assert.equal(await store.sweep(10), 0);
      await pass(10);
      assert.equal(await store.sweep(15), 15);
      assert.equal(await store.sweep(15), 5);
      assert.equal(await store.sweep(15), 0);
      assert.equal(await store.count('s:'), 5);
    },
    { time: 'fake' },
  );

  check('tells whether what it deleted was alive', async ({ store, entry, pass }) => {
    await store.set('s:a', entry('x'));
    assert.equal(await store.delete('s:a'), true);
    assert.equal(await store.delete('s:a'), false);
    assert.equal(await store.get('s:a'), null);
    await store.set('s:b', entry('x', short));
    await pass(short);
    assert.equal(await store.delete('s:b'), false);
  });
}

function checkRaces(check: Check): void {
  check('adds only where nothing lives', async ({ store, entry, pass, textOf }) => {
    assert.notEqual(await store.addIfAbsent('t:a', entry('1', short)), null);
    assert.equal(await store.addIfAbsent('t:a', entry('2')), null);
    assert.equal(await textOf('t:a'), '1');
    await pass(short);
    assert.notEqual(await store.addIfAbsent('t:a', entry('3')), null);
    assert.equal(await textOf('t:a'), '3');
  });

  check('lets exactly one of many add', async ({ store, entry }) => {
    const tries = Array.from({ length: 50 }, async () => store.addIfAbsent('t:a', entry('x')));
    assert.equal((await Promise.all(tries)).filter((answer) => answer !== null).length, 1);
  });

  check('swaps only over the version that was read', async ({ store, entry, textOf }) => {
    const version = await store.set('s:a', entry('1'));
    const later = entry('2', 90_000);
    const next = await store.compareAndSwap('s:a', version, later);
    assert.ok(next !== null && next !== version);
    assert.equal(await store.compareAndSwap('s:a', version, entry('3')), null);
    const record = await store.get('s:a');
    assert.equal(record?.version, next);
    assert.equal(record?.expiresAt, Math.floor(later.expiresAt));
    assert.equal(await textOf('s:a'), '2');
  });

  check('lets exactly one of many swap', async ({ store, entry }) => {
    const version = await store.set('s:a', entry('0'));
    const tries = Array.from({ length: 50 }, async (_, i) =>
      store.compareAndSwap('s:a', version, entry(`${i}`)),
    );
    assert.equal((await Promise.all(tries)).filter((answer) => answer !== null).length, 1);
  });

  check('swaps nothing that was deleted, has expired or never was', async ({ store, entry, pass }) => {
    const version = await store.set('s:a', entry('1'));
    await store.delete('s:a');
    assert.equal(await store.compareAndSwap('s:a', version, entry('2')), null);
    assert.equal(await store.get('s:a'), null);
    const other = await store.set('s:b', entry('1', short));
    await pass(short);
    assert.equal(await store.compareAndSwap('s:b', other, entry('2')), null);
    assert.equal(await store.get('s:b'), null);
    assert.equal(await store.compareAndSwap('s:c', 1, entry('2')), null);
  });

  check('deletes only the version that was meant, once', async ({ store, entry, textOf }) => {
    const first = await store.set('s:a', entry('1'));
    const second = (await store.compareAndSwap('s:a', first, entry('2'))) as number;
    assert.equal(await store.delete('s:a', first), false);
    assert.equal(await textOf('s:a'), '2');
    assert.equal(await store.delete('s:a', second), true);
    assert.equal(await store.delete('s:a', second), false);
    assert.equal(await store.get('s:a'), null);
  });

  check(
    'is one place however many stores are open on it',
    async ({ store, another, entry }) => {
      const other = await another();
      const version = await store.set('s:a', entry('1'));
      assert.equal((await other.get('s:a'))?.version, version);
      const next = await other.compareAndSwap('s:a', version, entry('2'));
      assert.ok(next !== null && next > version);
      assert.equal(await store.compareAndSwap('s:a', version, entry('3')), null);
      const tries = Array.from({ length: 20 }, async (_, i) =>
        (i % 2 === 0 ? store : other).addIfAbsent('t:a', entry('x')),
      );
      assert.equal((await Promise.all(tries)).filter((answer) => answer !== null).length, 1);
    },
    { shared: true },
  );
}

function checkVersions(check: Check): void {
  check('gives every write of a key a greater version', async ({ store, entry, pass }) => {
    let last = 0;
    const grows = (version: number | null) => {
      assert.ok(version !== null && version > last, `${version} after ${last}`);
      last = version;
    };
    grows(await store.set('s:a', entry('1')));
    grows(await store.set('s:a', entry('2')));
    grows(await store.compareAndSwap('s:a', last, entry('3')));
    await store.delete('s:a');
    grows(await store.addIfAbsent('s:a', entry('4', short)));
    await pass(short);
    await store.sweep(10);
    grows(await store.addIfAbsent('s:a', entry('5')));
    await store.deleteAll(['s:a']);
    grows(await store.set('s:a', entry('6')));
  });

  check(
    'never repeats a version of a key that was deleted and made again',
    async ({ store, entry, textOf }) => {
      const seen: number[] = [];
      for (let round = 0; round < 5; round += 1) {
        seen.push(await store.set('s:a', entry('x')));
        await store.delete('s:a');
      }
      assert.equal(new Set(seen).size, 5);
      await store.addIfAbsent('s:a', entry('new'));
      for (const version of seen) {
        assert.equal(await store.compareAndSwap('s:a', version, entry('late')), null);
        assert.equal(await store.delete('s:a', version), false);
      }
      assert.equal(await textOf('s:a'), 'new');
    },
  );
}
