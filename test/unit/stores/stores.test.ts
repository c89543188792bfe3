/** The memory store's bound, the sweeper, and the store whose failures are heard. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SallyportError } from '../../../src/core/errors.ts';
import { createLocks } from '../../../src/stores/locks.ts';
import { createMemoryStore } from '../../../src/stores/memory-store.ts';
import { createObservedStore } from '../../../src/stores/observed-store.ts';
import { createSweeper } from '../../../src/stores/sweeper.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { until } from '../../support/session-fixture.ts';

const value = Buffer.from('x');

test('a full memory store makes room from what has expired, then refuses new keys and keeps the old', () => {
  const clock = createFakeClock();
  const store = createMemoryStore({ clock, maxEntries: 3 });
  store.set('s:old', { value, expiresAt: clock.now() + 10 });
  store.set('s:a', { value, expiresAt: clock.now() + 1000 });
  store.set('s:b', { value, expiresAt: clock.now() + 1000 });
  assert.throws(
    () => store.set('s:c', { value, expiresAt: clock.now() + 1000 }),
    /memory store is full \(3 records\)/,
  );
  clock.advance(10);
  store.set('s:c', { value, expiresAt: clock.now() + 1000 });
  assert.throws(() => store.addIfAbsent('s:d', { value, expiresAt: clock.now() + 1000 }), /full/);
  store.set('s:a', { value: Buffer.from('y'), expiresAt: clock.now() + 1000 });
  assert.equal(store.count('s:'), 3);
});

test('the sweeper removes everything that has expired in small batches', async () => {
  const clock = createFakeClock();
  const store = createMemoryStore({ clock });
  for (let i = 0; i < 25; i += 1) store.set(`s:${i}`, { value, expiresAt: clock.now() + 10 });
  store.set('s:stays', { value, expiresAt: clock.now() + 1000 });
  clock.advance(10);
  const batches: number[] = [];
  const watched = {
    ...store,
    sweep: (limit: number) => batches[batches.push(store.sweep(limit) as number) - 1] as number,
  };
  const sweeper = createSweeper(watched, { every: 5, batch: 10 });
  await until(() => batches.length >= 3);
  sweeper.stop();
  assert.deepEqual(batches.slice(0, 3), [10, 10, 5]);
  assert.equal(store.count('s:'), 1);
});

test('the sweeper goes on after a failure of the store', async () => {
  let calls = 0;
  const store = {
    ...createMemoryStore({ clock: createFakeClock() }),
    sweep() {
      calls += 1;
      if (calls === 1) throw new SallyportError('ERR_STORE_UNAVAILABLE', 'down');
      return 0;
    },
  };
  const sweeper = createSweeper(store, { every: 5 });
  await until(() => calls >= 2);
  sweeper.stop();
});

test('an observed store tells of every failure, thrown or rejected, and passes it on', async () => {
  const down = new SallyportError('ERR_STORE_UNAVAILABLE', 'down', { detail: 'io' });
  const heard: unknown[] = [];
  const store = createObservedStore(
    {
      ...createMemoryStore({ clock: createFakeClock() }),
      get() {
        throw down;
      },
      delete: () => Promise.reject(down),
    },
    { emit: (name, event) => heard.push([name, event]) },
  );
  assert.throws(() => store.get('s:a'), down);
  await assert.rejects(async () => store.delete('s:a'), down);
  assert.deepEqual(heard, [
    ['store.failed', { operation: 'get', reason: 'io' }],
    ['store.failed', { operation: 'delete', reason: 'io' }],
  ]);
});

test('a full memory store remembers no tags of what it refused, and makes room with what has expired', () => {
  const clock = createFakeClock();
  const store = createMemoryStore({ clock, maxEntries: 10 });
  const tags = { names: ['x:p'], until: clock.now() + 1000 };
  for (let i = 0; i < 10; i += 1) store.set(`s:${i}`, { value, expiresAt: clock.now() + 10 }, tags);
  assert.throws(() => store.set('s:10', { value, expiresAt: clock.now() + 1000 }, tags), /full/);
  assert.equal((store.tagged('x:p') as unknown[]).length, 10);
  clock.advance(10);
  store.set('s:11', { value, expiresAt: clock.now() + 1000 }, tags);
  assert.deepEqual(
    (store.tagged('x:p') as readonly { key: string }[]).map(({ key }) => key),
    ['s:11'],
  );
});

test('locks are given out all the same while one command in fifty fails, and wait only after an outage that may have cost some', async () => {
  const clock = createFakeClock();
  const memory = createMemoryStore({ clock });
  let isDown = false;
  let asked = 0;
  const addIfAbsent: typeof memory.addIfAbsent = (...args) => {
    asked += 1;
    if (isDown || asked % 50 === 0) throw new SallyportError('ERR_STORE_UNAVAILABLE', 'late');
    return memory.addIfAbsent(...args);
  };
  const locks = createLocks({ store: { ...memory, addIfAbsent }, clock });
  const isGiven = async (name: string): Promise<boolean> => {
    const lock = await locks.acquire(name).catch(() => null);
    if (lock?.kind === 'acquired') await lock.release();
    return lock?.kind === 'acquired';
  };
  let given = 0;
  for (let i = 0; i < 500; i += 1) {
    if (await isGiven(`${i}`)) given += 1;
    clock.advance(20);
  }
  assert.equal(given, 490);
  isDown = true;
  assert.equal(await isGiven('a'), false);
  clock.advance(1000);
  isDown = false;
  assert.equal(await isGiven('a'), false, 'holders of before come first');
  clock.advance(2500);
  assert.equal(await isGiven('a'), true);
  locks.storeIsAway();
  assert.equal(await isGiven('a'), false);
  locks.close();
});
