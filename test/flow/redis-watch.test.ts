/** Writes by others are heard within a second, or it is told that they may be missed: with real servers. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startRedisProxy } from '../support/redis-proxy.ts';
import { startCluster, startRedis, until } from '../support/redis-server.ts';
import { assertUnavailable, entry, openRedisStore, record, textOf } from '../support/redis-store.ts';

/** In which a change must be told, or the loss of it. */
const aSecond = 1000;

async function watched(context: TestContext) {
  const redis = await startRedis();
  context.after(() => redis.stop());
  const proxy = await startRedisProxy(context, redis.port);
  const here = openRedisStore(context, { url: proxy.url });
  const elsewhere = openRedisStore(context, { url: redis.url }).store;
  const told = record(here.store);
  await until('changes are told', () => told.isWhole());
  told.clear();
  return { redis, proxy, here, elsewhere, told };
}

test('every kind of write by another store is told, by its key', async (context) => {
  const { elsewhere, told } = await watched(context);
  const version = await elsewhere.set('s:a', entry('1'));
  await until('set', () => told.has('s:a'), aSecond);
  told.clear();
  await elsewhere.compareAndSwap('s:a', version, entry('2'));
  await until('swap', () => told.has('s:a'), aSecond);
  told.clear();
  await elsewhere.delete('s:a');
  await until('delete', () => told.has('s:a'), aSecond);
  await elsewhere.set('s:b', entry('1'));
  await elsewhere.set('s:c', { value: Buffer.from('1'), expiresAt: Date.now() + 150 });
  told.clear();
  await elsewhere.deleteAll(['s:b', 's:never']);
  await until('delete all', () => told.has('s:b'), aSecond);
  await until('expiry', () => told.has('s:c'), 3000);
});

test('writes to keys that are not watched are not told', async (context) => {
  const { redis, elsewhere, told } = await watched(context);
  await elsewhere.set('t:a', entry('1'));
  await redis.cli('set', 's:foreign', '1');
  await redis.cli('set', 'other:s:foreign', '1');
  await elsewhere.set('s:a', entry('1'));
  await until('the last one', () => told.has('s:a'), aSecond);
  assert.deepEqual(told.told, ['s:a']);
});

test('FL-007: deleting everything is told as a loss', async (context) => {
  const { redis, told } = await watched(context);
  await redis.cli('flushall');
  await until('it is told', () => told.has('lost') && told.isWhole(), aSecond);
});

test('FL-004: a connection that hears nothing any more is told as lost within a second', async (context) => {
  const { proxy, elsewhere, here, told } = await watched(context);
  proxy.swallow();
  await elsewhere.set('s:a', entry('1'));
  await until('it is told', () => told.has('lost'), aSecond);
  assert.ok(here.events.some(({ name }) => name === 'store.lost'));
  proxy.pass();
  await until('it is regained', () => told.isWhole(), 5000);
  assert.ok(here.events.some(({ name }) => name === 'store.regained'));
  told.clear();
  await elsewhere.set('s:b', entry('1'));
  await until('changes are told again', () => told.has('s:b'), aSecond);
});

test('FL-004: a server that stopped is told as lost within a second', async (context) => {
  const { redis, told } = await watched(context);
  redis.freeze();
  await until('it is told', () => told.has('lost'), aSecond);
  redis.thaw();
  await until('it is regained', () => told.isWhole(), 5000);
});

test('a connection that was cut and is back at once is told as lost and regained', async (context) => {
  const { proxy, told, elsewhere } = await watched(context);
  proxy.cut();
  await until('both are told', () => told.has('lost') && told.isWhole(), 5000);
  assert.ok(told.told.indexOf('lost') < told.told.indexOf('regained'));
  told.clear();
  await elsewhere.set('s:a', entry('1'));
  await until('changes are told again', () => told.has('s:a'), aSecond);
});

test('FL-009: a restart of the server is told as lost, and regained when it is back', async (context) => {
  const { redis, told } = await watched(context);
  await redis.restart();
  await until('it is regained', () => told.has('lost') && told.isWhole(), 5000);
});

test('FL-006: a server that is a replica now is told as lost and asked nothing, though it answers: it may be behind', async (context) => {
  const { redis, here, told } = await watched(context);
  await here.store.set('s:a', entry('x'));
  await until('it is told', () => told.has('s:a'));
  told.clear();
  await redis.cli('replicaof', '127.0.0.1', '1');
  await until('it is lost', () => told.has('lost'), 2 * aSecond);
  await assertUnavailable(() => here.store.get('s:a'), 'read-only', 'closed');
  await sleep(700);
  assert.deepEqual(told.told, ['lost'], 'once, as long as it is one');
  await redis.cli('replicaof', 'no', 'one');
  await until('it is regained', () => told.isWhole(), 5000);
  await until('it is used again', async () => (await textOf(here.store, 's:a').catch(() => null)) === 'x');
});

test('nothing may be trusted before the first connection, and a server that is down at the start is told', async (context) => {
  const redis = await startRedis();
  context.after(() => redis.stop());
  await redis.kill();
  const { store, events } = openRedisStore(context, { url: redis.url });
  const told = record(store);
  await until('it is told', () => events.some(({ name }) => name === 'store.lost'));
  assert.deepEqual(told.told, ['lost']);
  await redis.restart();
  await until('it is regained', () => told.isWhole(), 5000);
});

test('nothing is told after the store was closed', async (context) => {
  const { here, elsewhere, told } = await watched(context);
  await here.store.close();
  await elsewhere.set('s:a', entry('1'));
  await sleep(100);
  assert.deepEqual(told.told, []);
});

test('in a cluster the writes on every master are told', async (context) => {
  const cluster = await startCluster(3);
  context.after(() => cluster.stop());
  const here = openRedisStore(context, { cluster: { nodes: cluster.addresses } }).store;
  const elsewhere = openRedisStore(context, { cluster: { nodes: cluster.addresses.slice(1) } }).store;
  const told = record(here);
  await until('changes are told', () => told.isWhole());
  const keys = Array.from({ length: 30 }, (_, index) => `s:${index}`);
  await Promise.all(keys.map((key) => elsewhere.set(key, entry('1'))));
  await until('all are told', () => keys.every((key) => told.has(key)), aSecond);
});
