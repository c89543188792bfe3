/** The Redis store while masters change: sentinels, a cluster with replicas, slots that move. With real servers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type RedisServer, startCluster, startSentinel, until } from '../support/redis-server.ts';
import { assertUnavailable, entry, openRedisStore, record, serves, textOf } from '../support/redis-store.ts';

const aSecond = 1000;

test('FL-006: a failover that the sentinels are asked for is followed, and so are the changes that are told', async (context) => {
  const sentinel = await startSentinel();
  context.after(() => sentinel.stop());
  const config = { sentinel: { master: sentinel.name, nodes: sentinel.addresses } };
  const { store } = openRedisStore(context, config);
  const elsewhere = openRedisStore(context, config).store;
  const told = record(store);
  const version = await store.set('s:a', entry('1'));
  await until('changes are told', () => told.isWhole());
  const before = await sentinel.master();
  await sentinel.servers[0].cli('wait', '1', '1000');
  await sentinel.failover();
  await until('writes go to the new master', () => serves(store), 5000);
  assert.notEqual((await sentinel.master()).port, before.port);
  assert.ok(told.has('lost'));
  await until('changes are told again', () => told.isWhole(), 5000);
  await until('the other one follows too', () => serves(elsewhere), 5000);
  told.clear();
  const next = await elsewhere.compareAndSwap('s:a', version, entry('2'));
  assert.ok(next !== null && next > version);
  await until('a write there is told', () => told.has('s:a'), aSecond);
});

test('FL-006: a master that was killed is replaced by its replica; until then it is a failure, never an empty store', async (context) => {
  const sentinel = await startSentinel();
  context.after(() => sentinel.stop());
  const { store } = openRedisStore(context, {
    sentinel: { master: sentinel.name, nodes: sentinel.addresses },
  });
  const told = record(store);
  await store.set('s:a', entry('kept'));
  const master = await sentinel.master();
  await master.cli('wait', '1', '1000');
  await until('changes are told', () => told.isWhole());
  await master.kill();
  await until('the loss is told', () => told.has('lost'), aSecond);
  let failures = 0;
  await until('the replica serves', async () => {
    try {
      assert.equal(await textOf(store, 's:a'), 'kept');
      return (await sentinel.master()).port !== master.port && (await serves(store));
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
      failures += 1;
      return false;
    }
  });
  assert.ok(failures > 0);
  await until('changes are told again', () => told.isWhole(), 5000);
});

test('sentinels that are away, or know no such master, are told as that', async (context) => {
  const sentinel = await startSentinel();
  context.after(() => sentinel.stop());
  const nodes = sentinel.addresses;
  const unknown = openRedisStore(context, { sentinel: { master: 'other', nodes }, connectTimeout: '400ms' });
  await assertUnavailable(() => unknown.store.ready(), 'no-master');
  const one = openRedisStore(context, {
    sentinel: { master: sentinel.name, nodes: ['127.0.0.1:1', ...nodes] },
  });
  await one.store.ready();
  await sentinel.sentinels[0]?.kill();
  assert.equal(await serves(one.store), true);
  const none = openRedisStore(context, {
    sentinel: { master: sentinel.name, nodes },
    connectTimeout: '400ms',
  });
  await assertUnavailable(() => none.store.ready(), 'refused');
});

test('FL-006: in a cluster the replica of a master that was killed is found, and told changes of', async (context) => {
  const cluster = await startCluster(3, { replicas: true });
  context.after(() => cluster.stop());
  const { store } = openRedisStore(context, { cluster: { nodes: cluster.addresses } });
  const told = record(store);
  const keys = Array.from({ length: 30 }, (_, index) => `s:${index}`);
  await Promise.all(keys.map((key) => store.set(key, entry(key))));
  await until('changes are told', () => told.isWhole());
  const [first] = cluster.nodes as [RedisServer];
  await first.cli('wait', '1', '1000');
  await first.kill();
  await until('the loss is told', () => told.has('lost'), aSecond);
  const all = () => Promise.all(keys.map((key) => textOf(store, key)));
  await until('all keys are served', () =>
    all().then(
      (found) => {
        assert.deepEqual(found, keys);
        return true;
      },
      () => false,
    ),
  );
  await until('changes are told again', () => told.isWhole(), 5000);
  await Promise.all(keys.map((key) => store.set(key, entry('2'))));
});

test('FL-006: a slot that moves is followed, while it moves and after (ASK, MOVED)', async (context) => {
  const cluster = await startCluster(3);
  context.after(() => cluster.stop());
  const [from, to] = cluster.nodes as [RedisServer, RedisServer];
  const { store } = openRedisStore(context, { cluster: { nodes: cluster.addresses } });
  await store.ready();
  const key = await keyOn(from);
  const slot = await from.cli('cluster', 'keyslot', `sallyport:${key}`);
  const version = await store.set(key, entry('1'));
  const [fromId, toId] = [await from.cli('cluster', 'myid'), await to.cli('cluster', 'myid')];
  await to.cli('cluster', 'setslot', slot, 'importing', fromId);
  await from.cli('cluster', 'setslot', slot, 'migrating', toId);
  await from.cli('migrate', '127.0.0.1', `${to.port}`, `sallyport:${key}`, '0', '1000');
  assert.equal(await textOf(store, key), '1');
  const next = await store.compareAndSwap(key, version, entry('2'));
  assert.ok(next !== null);
  for (const node of cluster.nodes) await node.cli('cluster', 'setslot', slot, 'node', toId);
  assert.equal(await textOf(store, key), '2');
  assert.ok((await store.compareAndSwap(key, next, entry('3'))) !== null);
  assert.equal(await store.delete(key), true);
});

/** A key that belongs to this node. */
async function keyOn(node: RedisServer): Promise<string> {
  for (let index = 0; index < 100; index += 1) {
    const reply = await node.cli('get', `sallyport:s:${index}`);
    if (!reply.startsWith('MOVED')) return `s:${index}`;
  }
  throw new Error('no key belongs to this node');
}

test('FL-006: a cluster that is not whole is a failure for the keys that are gone, not for the others', async (context) => {
  const cluster = await startCluster(3, { args: ['--cluster-require-full-coverage', 'no'] });
  context.after(() => cluster.stop());
  const { store } = openRedisStore(context, { cluster: { nodes: cluster.addresses } });
  const keys = Array.from({ length: 20 }, (_, index) => `s:${index}`);
  await Promise.all(keys.map((key) => store.set(key, entry(key))));
  const [first] = cluster.nodes as [RedisServer];
  await first.kill();
  const found = await Promise.allSettled(keys.map((key) => textOf(store, key)));
  assert.ok(found.some(({ status }) => status === 'rejected'));
  for (const [index, outcome] of found.entries()) {
    if (outcome.status === 'fulfilled') assert.equal(outcome.value, keys[index]);
    else
      await assertUnavailable(
        () => Promise.reject(outcome.reason),
        'closed',
        'refused',
        'cluster-down',
        'timeout',
      );
  }
  await first.restart(['--cluster-require-full-coverage', 'no']);
  await until(
    'all are served',
    () =>
      Promise.all(keys.map((key) => serves(store).then((ok) => ok && store.get(key)))).then(
        () => true,
        () => false,
      ),
    8000,
  );
});
