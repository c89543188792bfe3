/** What every store must do. One suite, run against every implementation. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Clock } from '../../src/core/clock.ts';
import type { Store } from '../../src/stores/store.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';

export type CreateStore = (clock: Clock, context: TestContext) => Store;

const bytes = (text: string) => Buffer.from(text, 'utf8');

export function testStore(name: string, create: CreateStore): void {
  const check = (title: string, body: (store: Store, clock: FakeClock) => Promise<void>) =>
    test(`${name}: ${title}`, async (context) => {
      const clock = createFakeClock();
      const store = create(clock, context);
      try {
        await body(store, clock);
      } finally {
        await store.close();
      }
    });
  const textOf = async (store: Store, key: string) => {
    const record = await store.get(key);
    return record === null ? null : Buffer.from(record.value).toString('utf8');
  };

  check('gives back the bytes, the version and the time that were written', async (store, clock) => {
    const value = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    const version = await store.set('s:a', { value, expiresAt: clock.now() + 1000 });
    const record = await store.get('s:a');
    assert.ok(record !== null);
    assert.deepEqual(Buffer.from(record.value), value);
    assert.equal(record.version, version);
    assert.equal(record.expiresAt, clock.now() + 1000);
  });

  check('takes empty values and values of a megabyte', async (store, clock) => {
    await store.set('s:empty', { value: Buffer.alloc(0), expiresAt: clock.now() + 1000 });
    await store.set('s:large', { value: Buffer.alloc(1 << 20, 7), expiresAt: clock.now() + 1000 });
    assert.equal((await store.get('s:empty'))?.value.length, 0);
    assert.equal((await store.get('s:large'))?.value.length, 1 << 20);
  });

  check('keeps its own copy of what was written', async (store, clock) => {
    const value = bytes('before');
    await store.set('s:a', { value, expiresAt: clock.now() + 1000 });
    value.fill(0);
    assert.equal(await textOf(store, 's:a'), 'before');
  });

  check('tells keys apart byte for byte', async (store, clock) => {
    for (const key of ['s:a', 's:A', 's:a ', "s:'; DROP TABLE records; --", '__proto__', 's:%', 's:_']) {
      await store.set(key, { value: bytes(key), expiresAt: clock.now() + 1000 });
    }
    for (const key of ['s:a', 's:A', 's:a ', "s:'; DROP TABLE records; --", '__proto__', 's:%', 's:_']) {
      assert.equal(await textOf(store, key), key);
    }
    assert.equal(await store.get('s:b'), null);
    assert.equal(await store.get('constructor'), null);
  });

  check('does not give out a record at or past its end', async (store, clock) => {
    await store.set('s:a', { value: bytes('x'), expiresAt: clock.now() + 1000 });
    clock.advance(999);
    assert.equal(await textOf(store, 's:a'), 'x');
    clock.advance(1);
    assert.equal(await store.get('s:a'), null);
  });

  check('takes a time in the past as expired, without failing (FL-050)', async (store, clock) => {
    await store.set('s:a', { value: bytes('x'), expiresAt: clock.now() - 5000 });
    await store.set('s:b', { value: bytes('x'), expiresAt: -1 });
    assert.equal(await store.get('s:a'), null);
    assert.equal(await store.get('s:b'), null);
  });

  check('keeps times with fractions of a millisecond and far in the future', async (store, clock) => {
    await store.set('s:a', { value: bytes('x'), expiresAt: clock.now() + 1000.75 });
    await store.set('s:b', { value: bytes('x'), expiresAt: clock.now() + 400 * 86_400_000 });
    assert.equal(await textOf(store, 's:a'), 'x');
    clock.advance(399 * 86_400_000);
    assert.equal(await textOf(store, 's:b'), 'x');
  });

  check('overwrites with set, under a new version', async (store, clock) => {
    const first = await store.set('s:a', { value: bytes('1'), expiresAt: clock.now() + 1000 });
    const second = await store.set('s:a', { value: bytes('2'), expiresAt: clock.now() + 1000 });
    assert.notEqual(first, second);
    assert.equal(await textOf(store, 's:a'), '2');
  });

  check('adds only where nothing lives', async (store, clock) => {
    assert.equal(await store.addIfAbsent('t:a', { value: bytes('1'), expiresAt: clock.now() + 1000 }), true);
    assert.equal(await store.addIfAbsent('t:a', { value: bytes('2'), expiresAt: clock.now() + 9000 }), false);
    assert.equal(await textOf(store, 't:a'), '1');
    clock.advance(1000);
    assert.equal(await store.addIfAbsent('t:a', { value: bytes('3'), expiresAt: clock.now() + 1000 }), true);
    assert.equal(await textOf(store, 't:a'), '3');
  });

  check('lets exactly one of many add', async (store, clock) => {
    const tries = Array.from({ length: 50 }, async () =>
      store.addIfAbsent('t:a', { value: bytes('x'), expiresAt: clock.now() + 1000 }),
    );
    assert.equal((await Promise.all(tries)).filter(Boolean).length, 1);
  });

  check('swaps only over the version that was read', async (store, clock) => {
    const version = await store.set('s:a', { value: bytes('1'), expiresAt: clock.now() + 1000 });
    const next = await store.compareAndSwap('s:a', version, { value: bytes('2'), expiresAt: clock.now() + 2000 });
    assert.ok(next !== null && next !== version);
    assert.equal(await store.compareAndSwap('s:a', version, { value: bytes('3'), expiresAt: clock.now() + 1000 }), null);
    const record = await store.get('s:a');
    assert.equal(record?.version, next);
    assert.equal(record?.expiresAt, clock.now() + 2000);
    assert.equal(await textOf(store, 's:a'), '2');
  });

  check('lets exactly one of many swap', async (store, clock) => {
    const version = await store.set('s:a', { value: bytes('0'), expiresAt: clock.now() + 1000 });
    const tries = Array.from({ length: 50 }, async (_, i) =>
      store.compareAndSwap('s:a', version, { value: bytes(`${i}`), expiresAt: clock.now() + 1000 }),
    );
    assert.equal((await Promise.all(tries)).filter((answer) => answer !== null).length, 1);
  });

  check('swaps nothing that was deleted, has expired or never was', async (store, clock) => {
    const version = await store.set('s:a', { value: bytes('1'), expiresAt: clock.now() + 1000 });
    await store.delete('s:a');
    assert.equal(await store.compareAndSwap('s:a', version, { value: bytes('2'), expiresAt: clock.now() + 1000 }), null);
    assert.equal(await store.get('s:a'), null);
    const other = await store.set('s:b', { value: bytes('1'), expiresAt: clock.now() + 1000 });
    clock.advance(1000);
    assert.equal(await store.compareAndSwap('s:b', other, { value: bytes('2'), expiresAt: clock.now() + 1000 }), null);
    assert.equal(await store.compareAndSwap('s:c', 1, { value: bytes('2'), expiresAt: clock.now() + 1000 }), null);
  });

  check('never repeats a version of a key that was deleted and made again', async (store, clock) => {
    const seen = new Set<number>();
    for (let round = 0; round < 5; round += 1) {
      const version = await store.set('s:a', { value: bytes('x'), expiresAt: clock.now() + 1000 });
      assert.ok(!seen.has(version));
      seen.add(version);
      if (round % 2 === 0) await store.delete('s:a');
      else clock.advance(1000);
      await store.sweep(10);
    }
    await store.addIfAbsent('s:a', { value: bytes('new'), expiresAt: clock.now() + 1000 });
    for (const version of seen) {
      assert.equal(await store.compareAndSwap('s:a', version, { value: bytes('late'), expiresAt: clock.now() + 1000 }), null);
    }
    assert.equal(await textOf(store, 's:a'), 'new');
  });

  check('tells whether what it deleted was alive', async (store, clock) => {
    await store.set('s:a', { value: bytes('x'), expiresAt: clock.now() + 1000 });
    assert.equal(await store.delete('s:a'), true);
    assert.equal(await store.delete('s:a'), false);
    assert.equal(await store.get('s:a'), null);
    await store.set('s:b', { value: bytes('x'), expiresAt: clock.now() + 1000 });
    clock.advance(1000);
    assert.equal(await store.delete('s:b'), false);
  });

  check('counts live records by what their keys begin with', async (store, clock) => {
    await store.set('s:a', { value: bytes('x'), expiresAt: clock.now() + 1000 });
    await store.set('s:b', { value: bytes('x'), expiresAt: clock.now() + 5000 });
    await store.set('s:', { value: bytes('x'), expiresAt: clock.now() + 5000 });
    await store.set('s:~', { value: bytes('x'), expiresAt: clock.now() + 5000 });
    await store.set('t:a', { value: bytes('x'), expiresAt: clock.now() + 5000 });
    await store.set('r:a', { value: bytes('x'), expiresAt: clock.now() + 5000 });
    assert.equal(await store.count('s:'), 4);
    clock.advance(1000);
    assert.equal(await store.count('s:'), 3);
    assert.equal(await store.count('t:'), 1);
    assert.equal(await store.count('x:'), 0);
  });

  check('sweeps what has expired, a batch at a time, and nothing else', async (store, clock) => {
    for (let i = 0; i < 25; i += 1)
      await store.set(`s:${i}`, { value: bytes('x'), expiresAt: clock.now() + (i % 5 === 0 ? 9000 : 10) });
    assert.equal(await store.sweep(10), 0);
    clock.advance(10);
    assert.equal(await store.sweep(15), 15);
    assert.equal(await store.sweep(15), 5);
    assert.equal(await store.sweep(15), 0);
    assert.equal(await store.count('s:'), 5);
  });
}
