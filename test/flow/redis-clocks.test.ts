/** Clocks that differ or jump change nothing about which records live in Redis. With a real server. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import { startRedis, until } from '../support/redis-server.ts';
import { entry, openRedisStore, record, textOf } from '../support/redis-store.ts';

/** A clock that is wrong by so many milliseconds. */
const skewed = (by: number): Clock => ({ now: () => Date.now() + by, monotonic: systemClock.monotonic });

async function server(context: TestContext) {
  const redis = await startRedis();
  context.after(() => redis.stop());
  return redis;
}

test('FL-051: two stores whose clocks differ by a minute agree on what lives', async (context) => {
  const { url } = await server(context);
  const early = skewed(-30_000);
  const late = skewed(30_000);
  const a = openRedisStore(context, { url }, early).store;
  const b = openRedisStore(context, { url }, late).store;
  const tags = (clock: Clock) => ({ names: ['tag'], until: clock.now() + 60_000 });
  // Ten seconds to live: over for the late clock by its own reckoning, and yet alive.
  await a.set('s:a', { value: Buffer.from('a'), expiresAt: early.now() + 10_000 }, tags(early));
  const version = await b.set('s:b', { value: Buffer.from('b'), expiresAt: late.now() + 10_000 }, tags(late));
  for (const store of [a, b]) {
    assert.equal(await textOf(store, 's:a'), 'a');
    assert.equal(await textOf(store, 's:b'), 'b');
    assert.deepEqual((await store.tagged('tag')).map(({ key }) => key).sort(), ['s:a', 's:b']);
    assert.equal(await store.addIfAbsent('s:a', entry('x', { now: early.now() })), null);
  }
  const next = await a.compareAndSwap('s:b', version, {
    value: Buffer.from('c'),
    expiresAt: early.now() + 300,
  });
  assert.ok(next !== null && next > version);
  assert.equal(await textOf(b, 's:b'), 'c');
  await until('it ends by the time of the server', async () => (await b.get('s:b')) === null, 3000);
  assert.equal(await a.get('s:b'), null);
});

test('FL-050: whatever the clock says, nothing lives for ever and Redis is asked nothing that it refuses', async (context) => {
  const redis = await server(context);
  for (const year of [1970, 2026, 2040, 9999]) {
    const clock: Clock = { now: () => Date.UTC(year, 0, 1), monotonic: systemClock.monotonic };
    const { store } = openRedisStore(context, { url: redis.url, prefix: `y${year}:` }, clock);
    for (const left of [-1e15, -1, 0, 0.4, 1, 60_000, 1e15, Number.POSITIVE_INFINITY]) {
      const tags = { names: ['tag'], until: clock.now() + left };
      const expiresAt = clock.now() + left;
      const version = await store.set('s:a', { value: Buffer.from('x'), expiresAt }, tags);
      await store.compareAndSwap('s:a', version, { value: Buffer.from('y'), expiresAt });
      await store.delete('s:a');
      await store.addIfAbsent('s:a', { value: Buffer.from('z'), expiresAt });
      const ttl = Number(await redis.cli('pttl', `y${year}:s:a`));
      assert.ok(ttl === -2 || ttl > 0, `${year} ${left}: ${ttl}`);
      await store.delete('s:a');
    }
    const ttl = Number(await redis.cli('pttl', `y${year}:i:tag`));
    assert.ok(ttl > 0, `the tag would stay for ever: ${ttl}`);
  }
});

test('a record with its tags, and the answer, take one way to the server and back', async (context) => {
  const redis = await server(context);
  const { store } = openRedisStore(context, { url: redis.url });
  await store.set('s:warm', entry('x'), { names: ['one', 'two'], until: Date.now() + 60_000 });
  const readsOf = async () =>
    Number(/total_reads_processed:(\d+)/.exec(await redis.cli('info', 'stats'))?.[1]);
  const idle = -(await readsOf()) + (await readsOf());
  const before = await readsOf();
  await store.set('s:a', entry('x'), { names: ['one', 'two'], until: Date.now() + 60_000 });
  assert.ok((await readsOf()) - before - idle <= 1);
});

test('entries of a tag whose records have gone are taken out after a while, never those that live', async (context) => {
  const redis = await server(context);
  let ahead = 0;
  const clock: Clock = { now: systemClock.now, monotonic: () => systemClock.monotonic() + ahead };
  const { store } = openRedisStore(context, { url: redis.url }, clock);
  const tags = { names: ['tag'], until: Date.now() + 60_000 };
  for (const key of ['s:a', 's:b', 's:c']) await store.set(key, entry('x'), tags);
  await store.deleteAll(['s:a', 's:b']);
  assert.deepEqual(
    (await store.tagged('tag')).map(({ key }) => key),
    ['s:c'],
  );
  await store.sweep(10);
  assert.equal(await redis.cli('zcard', 'sallyport:i:tag'), '3');
  // One of them was only late.
  await store.set('s:b', entry('x'));
  ahead = 11_000;
  await store.sweep(10);
  assert.equal(await redis.cli('zcard', 'sallyport:i:tag'), '2');
  assert.deepEqual((await store.tagged('tag')).map(({ key }) => key).sort(), ['s:b', 's:c']);
  // The time of a tag is that of its records: it goes with the last.
  await store.set('s:d', entry('x'), { names: ['brief'], until: Date.now() + 200 });
  await until('the tag is gone', async () => (await redis.cli('exists', 'sallyport:i:brief')) === '0', 3000);
});

test('somebody who signs in and out thousands of times leaves no pile of entries behind', async (context) => {
  const redis = await server(context);
  let ahead = 0;
  const clock: Clock = { now: systemClock.now, monotonic: () => systemClock.monotonic() + ahead };
  const { store } = openRedisStore(context, { url: redis.url }, clock);
  const tags = () => ({ names: ['tag'], until: Date.now() + 600_000 });
  const kept = Array.from({ length: 30 }, (_, i) => `s:kept${i}`);
  for (const key of kept) await store.set(key, entry('x'), tags());
  for (let round = 0; round < 20; round += 1) {
    const keys = Array.from({ length: 100 }, (_, i) => `s:${round}.${i}`);
    await Promise.all(keys.map((key) => store.set(key, entry('x'), tags())));
    await store.deleteAll(keys);
    ahead += 11_000;
    await store.sweep(100);
  }
  assert.ok(Number(await redis.cli('zcard', 'sallyport:i:tag')) < 600, 'of 2030 that were made');
  assert.deepEqual((await store.tagged('tag')).map(({ key }) => key).sort(), kept.toSorted());
});

test('a watch of one prefix hears records only, not their tags', async (context) => {
  const { url } = await server(context);
  const { store } = openRedisStore(context, { url });
  const { store: other } = openRedisStore(context, { url });
  const told = record(store);
  await until('changes are told', () => told.isWhole());
  told.clear();
  await other.ready();
  await other.set('s:a', entry('x'), { names: ['s:odd'], until: Date.now() + 60_000 });
  await until('it is told', () => told.has('s:a'), 1000);
  assert.deepEqual(told.told, ['s:a']);
});
