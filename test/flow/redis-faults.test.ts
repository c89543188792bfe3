/** What the Redis store does when servers stop, stall, refuse or come back: with real servers. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startRedisProxy } from '../support/redis-proxy.ts';
import { type RedisOptions, type RedisServer, startRedis, until } from '../support/redis-server.ts';
import {
  assertUnavailable,
  entry,
  failsWith,
  openRedisStore,
  serves,
  textOf,
} from '../support/redis-store.ts';

async function server(context: TestContext, options: RedisOptions = {}): Promise<RedisServer> {
  const started = await startRedis(options);
  context.after(() => started.stop());
  return started;
}

/** Longest time in which this process did nothing else, in milliseconds. */
function watchEventLoop(context: TestContext): () => number {
  let longest = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  }, 5);
  context.after(() => clearInterval(timer));
  return () => longest;
}

test('FL-004: a server that stopped gives a failure within the timeout, and is used again when it goes on', async (context) => {
  const redis = await server(context);
  const { store } = openRedisStore(context, { url: redis.url, timeout: '200ms', connectTimeout: '1s' });
  await store.set('s:a', entry('kept'));
  redis.freeze();
  const began = performance.now();
  const busy = watchEventLoop(context);
  const asked = Array.from({ length: 300 }, () =>
    assertUnavailable(() => store.get('s:a'), 'timeout', 'closed'),
  );
  await Promise.all(asked);
  assert.ok(performance.now() - began < 2000, 'it waited longer than it may');
  assert.ok(busy() < 400, `the process stood still for ${busy()} ms`);
  await sleep(300);
  const later = performance.now();
  await assertUnavailable(() => store.get('s:a'), 'timeout', 'closed', 'connect-timeout');
  assert.ok(performance.now() - later < 1000);
  redis.thaw();
  await until(
    'it is used again',
    async () => (await textOf(store, 's:a').catch(() => null)) === 'kept',
    5000,
  );
});

test('FL-004: a half-open connection is found and replaced, also when nobody asks', async (context) => {
  const redis = await server(context);
  const proxy = await startRedisProxy(context, redis.port);
  const { store } = openRedisStore(context, { url: proxy.url, timeout: '200ms', connectTimeout: '500ms' });
  await store.set('s:a', entry('kept'));
  assert.equal(proxy.accepted(), 1);
  proxy.swallow();
  await assertUnavailable(() => store.get('s:a'), 'timeout');
  await until('another connection is tried', () => proxy.accepted() > 1, 5000);
  proxy.pass();
  await until(
    'it is used again',
    async () => (await textOf(store, 's:a').catch(() => null)) === 'kept',
    5000,
  );

  const before = proxy.accepted();
  proxy.swallow();
  await until('an idle connection is found dead', () => proxy.accepted() > before, 5000);
});

test('FL-004: an answer that is cut in the middle is no answer, and is asked for again', async (context) => {
  const redis = await server(context);
  const proxy = await startRedisProxy(context, redis.port);
  const { store } = openRedisStore(context, { url: proxy.url });
  await store.set('s:a', { value: Buffer.alloc(100_000, 7), expiresAt: Date.now() + 60_000 });
  await sleep(1100);
  proxy.cutAfter(5000);
  assert.equal((await store.get('s:a'))?.value.length, 100_000);
  assert.equal(proxy.accepted(), 2);
});

test('FL-004: a write whose answer was lost is told as a failure, never done twice in silence', async (context) => {
  const redis = await server(context);
  const proxy = await startRedisProxy(context, redis.port);
  const { store } = openRedisStore(context, { url: proxy.url });
  const version = await store.set('s:a', entry('1'));
  proxy.cutAfter(1);
  await assertUnavailable(() => store.compareAndSwap('s:a', version, entry('2')), 'closed');
  await until('it is back', () => serves(store), 5000);
  assert.equal(await store.compareAndSwap('s:a', version, entry('3')), null);
  assert.equal(await textOf(store, 's:a'), '2');
});

test('FL-071: slow answers are waited for, and nothing is lost when they are quick again', async (context) => {
  const redis = await server(context);
  const proxy = await startRedisProxy(context, redis.port);
  const { store } = openRedisStore(context, { url: proxy.url, timeout: '5s' });
  await store.set('s:a', entry('x'));
  proxy.delay(200);
  const found = await Promise.all(Array.from({ length: 2000 }, () => textOf(store, 's:a')));
  assert.ok(found.every((text) => text === 'x'));
  proxy.delay(0);
  assert.equal(await textOf(store, 's:a'), 'x');
  assert.equal(proxy.accepted(), 1);
});

test('FL-071: no more than so many commands wait for slow answers; the others are refused at once', async (context) => {
  const redis = await server(context);
  const proxy = await startRedisProxy(context, redis.port);
  const { store } = openRedisStore(context, { url: proxy.url, timeout: '5s' });
  await store.set('s:a', entry('x'));
  proxy.delay(200);
  const outcomes = await Promise.allSettled(Array.from({ length: 10_000 }, () => store.get('s:a')));
  const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
  assert.equal(refused.length, 10_000 - 8192);
  for (const { reason } of refused) assert.equal(reason.detail, 'overloaded');
  assert.equal(await textOf(store, 's:a'), 'x');
});

test('FL-009: a store that is down at the start is used as soon as it is there', async (context) => {
  const redis = await server(context);
  await redis.kill();
  const { store } = openRedisStore(context, { url: redis.url, connectTimeout: '300ms' });
  await assertUnavailable(() => store.ready(), 'refused');
  await assertUnavailable(() => store.get('s:a'), 'refused');
  await redis.restart();
  await until('it is used', () => serves(store), 5000);
});

test('FL-009: a server that was killed and comes back without its data is used again, and what it held is gone', async (context) => {
  const redis = await server(context);
  const { store } = openRedisStore(context, { url: redis.url });
  const version = await store.set('s:a', entry('1'));
  await redis.kill();
  await assertUnavailable(() => store.get('s:a'), 'refused', 'closed');
  await sleep(1500);
  await redis.restart();
  await until('it is used again', () => serves(store), 5000);
  assert.equal(await store.get('s:a'), null);
  assert.equal(await store.compareAndSwap('s:a', version, entry('2')), null);
});

test('FL-009: a server that comes back with its data gives out what it held', async (context) => {
  const redis = await server(context, { persist: true });
  const { store } = openRedisStore(context, { url: redis.url });
  await store.set('s:a', entry('kept', { label: 'label' }), { names: ['tag'], until: Date.now() + 60_000 });
  await redis.restart();
  await until('it is used again', () => serves(store), 5000);
  assert.equal(await textOf(store, 's:a'), 'kept');
  assert.deepEqual(
    (await store.tagged('tag')).map(({ key }) => key),
    ['s:a'],
  );
});

test('FL-009: many stores do not come back all at once', async (context) => {
  const redis = await server(context);
  const proxy = await startRedisProxy(context, redis.port);
  const stores = Array.from({ length: 20 }, () => openRedisStore(context, { url: proxy.url }).store);
  await Promise.all(stores.map((store) => store.ready()));
  await proxy.refuse();
  await sleep(1200);
  const before = proxy.accepted();
  await proxy.listen();
  const arrivals: number[] = [];
  const timer = setInterval(() => arrivals.push(proxy.accepted()), 20);
  await until('all are back', () => proxy.accepted() - before >= 20, 5000);
  clearInterval(timer);
  assert.ok(new Set(arrivals).size >= 5, `they came in ${new Set(arrivals).size} steps`);
});

test('FL-006: a server that became a replica refuses writes, and is used again as a master', async (context) => {
  const redis = await server(context);
  const { store } = openRedisStore(context, { url: redis.url });
  await store.set('s:a', entry('1'));
  await redis.cli('replicaof', '127.0.0.1', '1');
  await assertUnavailable(() => store.set('s:a', entry('2')), 'read-only', 'closed');
  await redis.cli('replicaof', 'no', 'one');
  await until('it is used again', () => serves(store), 5000);
});

test('FL-006: a server that is loading its data is waited for', async (context) => {
  const redis = await server(context);
  const fill = "for i = 1, 4000 do redis.call('SET', 'filler' .. i, string.rep('x', 1000)) end";
  await redis.cli('eval', fill, '0');
  const { store } = openRedisStore(context, { url: redis.url });
  await store.set('s:a', entry('kept'));
  await redis.cli('save');
  await redis.restart(['--key-load-delay', '400', '--loading-process-events-interval-bytes', '1024']);
  await until('it says that it is loading', () => failsWith(() => store.get('s:a'), 'loading'));
  await until('it is used again', async () => (await textOf(store, 's:a').catch(() => null)) === 'kept');
});

test('FL-006: a server that is full refuses what is new and serves what is there', async (context) => {
  const redis = await server(context, { args: ['--maxmemory-policy', 'noeviction'] });
  const { store } = openRedisStore(context, { url: redis.url });
  await store.set('s:a', entry('kept'));
  await redis.cli('config', 'set', 'maxmemory', '1mb');
  await assertUnavailable(() => store.set('s:b', entry('x')), 'full');
  await assertUnavailable(() => store.addIfAbsent('s:b', entry('x')), 'full');
  assert.equal(await textOf(store, 's:a'), 'kept');
  assert.equal(await store.delete('s:a'), true);
  await redis.cli('config', 'set', 'maxmemory', '0');
  assert.equal(await serves(store), true);
});

test('FL-006: a password that is wrong, missing or was changed is told as that', async (context) => {
  const redis = await server(context, {
    args: ['--requirepass', 'right'],
    cliArgs: ['-a', 'right', '--no-auth-warning'],
  });
  const wrong = openRedisStore(context, { url: redis.url, password: 'wrong', connectTimeout: '300ms' });
  await assertUnavailable(() => wrong.store.ready(), 'authentication');
  await assert.rejects(async () => wrong.store.ready(), /username.+password/);
  const none = openRedisStore(context, { url: redis.url, connectTimeout: '300ms' });
  await assertUnavailable(() => none.store.ready(), 'authentication');
  const { store } = openRedisStore(context, { url: redis.url.replace('//', '//default:right@') });
  await store.ready();
  await redis.cli('config', 'set', 'requirepass', 'other');
  await redis.cli('-a', 'other', 'client', 'kill', 'type', 'normal');
  await until('the new password is missed', () => failsWith(() => store.get('s:a'), 'authentication'));
});

test('FL-006: no failure tells a password, a key or a value', async (context) => {
  const redis = await server(context, { args: ['--requirepass', 'right'] });
  const url = redis.url.replace('//', '//default:open-sesame@');
  const { store, events } = openRedisStore(context, { url, connectTimeout: '200ms' });
  store.watch('s:', { changed() {}, lost() {}, regained() {} });
  const failures = await Promise.allSettled([
    store.ready(),
    store.set('s:the-key', entry('the-value')),
    store.get('s:the-key'),
  ]);
  await until('an event', () => events.length > 0);
  const told = JSON.stringify(events) + failures.map((failure) => reasonOf(failure)).join();
  assert.doesNotMatch(told, /open-sesame|the-key|the-value/);
});

function reasonOf(failure: PromiseSettledResult<unknown>): string {
  assert.equal(failure.status, 'rejected');
  const { message, stack, cause } = (failure as PromiseRejectedResult).reason;
  return `${message} ${stack} ${cause}`;
}

test('FL-007: after everything was deleted, the store answers as an empty one', async (context) => {
  const redis = await server(context);
  const { store } = openRedisStore(context, { url: redis.url });
  const version = await store.set('s:a', entry('1'), { names: ['tag'], until: Date.now() + 60_000 });
  await redis.cli('flushall');
  await redis.cli('script', 'flush');
  assert.equal(await store.get('s:a'), null);
  assert.deepEqual(await store.tagged('tag'), []);
  assert.equal(await store.compareAndSwap('s:a', version, entry('2')), null);
  assert.ok((await store.set('s:a', entry('3'))) > version);
});

test('FL-008: what somebody else wrote under a key is no record of ours, and can be deleted', async (context) => {
  const redis = await server(context);
  const { store } = openRedisStore(context, { url: redis.url });
  await redis.cli('set', 'sallyport:s:text', 'what is this');
  await redis.cli('set', 'sallyport:s:short', '\x01');
  await redis.cli('lpush', 'sallyport:s:list', 'a');
  for (const key of ['s:text', 's:short', 's:list']) {
    assert.equal((await store.get(key))?.version, 0, key);
    assert.equal(await store.compareAndSwap(key, 1, entry('x')), null);
    assert.equal(await store.addIfAbsent(key, entry('x')), null);
  }
  assert.deepEqual((await store.list('s:', null, 100)).records, []);
  assert.equal(await store.delete('s:text', 0), true);
  assert.equal(await store.delete('s:short'), true);
  assert.ok((await store.set('s:list', entry('x'))) > 0);
  assert.equal(await textOf(store, 's:list'), 'x');
});

test('FL-008: of a record of 10 MB no more than a megabyte is fetched, and the others are served meanwhile', async (context) => {
  const redis = await server(context);
  const { store } = openRedisStore(context, { url: redis.url });
  await store.set('s:large', { ...entry(''), value: Buffer.alloc(10 << 20, 1) });
  await store.set('s:a', entry('a'));
  const sent = async () => Number(/total_net_output_bytes:(\d+)/.exec(await redis.cli('info', 'stats'))?.[1]);
  const before = await sent();
  const found = await store.get('s:large');
  assert.ok((await sent()) - before < 2 << 20);
  assert.ok((found?.value.length ?? 0) > 1 << 20, 'too long for any session');
  assert.equal(await textOf(store, 's:a'), 'a');
  assert.equal(await store.delete('s:large', found?.version), true);
});
