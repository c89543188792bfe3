/** What a gate makes itself is not told to it: a sign-in would read its new session again, a round trip for nothing. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { startRedis, until } from '../support/redis-server.ts';
import { entry, openRedisStore, record, serves } from '../support/redis-store.ts';

async function open(context: TestContext) {
  const redis = await startRedis();
  context.after(redis.stop);
  const { store } = openRedisStore(context, { url: redis.url });
  const { store: other } = openRedisStore(context, { url: redis.url });
  await Promise.all([store.ready(), other.ready()]);
  const heard = record(store);
  await until('changes are told', () => heard.isWhole());
  heard.clear();
  return { redis, store, other, heard };
}

const tags = () => ({ names: ['somebody'], until: Date.now() + 60_000 });

test('a record that is made here with tags is not told of, and what is written to it next is', async (context) => {
  const { store, other, heard } = await open(context);
  await store.set('s:made', entry('1'), tags());
  await other.set('s:later', entry('1'), tags());
  await until('the later write is told', () => heard.has('s:later'));
  assert.deepEqual(heard.told, ['s:later']);
  assert.equal(await other.delete('s:made'), true);
  await until('the deletion is told', () => heard.has('s:made'));
});

test('a deletion by another right after the record was made is told, a thousand times', async (context) => {
  const { store, other, heard } = await open(context);
  const keys = Array.from({ length: 1000 }, (_, i) => `s:${i}`);
  await Promise.all(
    keys.map(async (key) => {
      await store.set(key, entry('1'), tags());
      assert.equal(await other.delete(key), true);
    }),
  );
  await until('all deletions are told', () => keys.every((key) => heard.has(key)));
});

test('after a write that failed and a connection that was lost nothing is held back', async (context) => {
  const { redis, store, other, heard } = await open(context);
  await redis.kill();
  await assert.rejects(async () => store.set('s:a', entry('1'), tags()));
  await redis.restart();
  await until('changes are told again', async () => heard.has('regained') && (await serves(other)));
  await other.set('s:a', entry('2'));
  await until('the write is told', () => heard.has('s:a'));
});
