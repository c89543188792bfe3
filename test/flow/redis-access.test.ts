/** Who is let in: TLS both ways, and users with few rights. With real servers. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { redisAcl } from '../support/redis-acl.ts';
import { startCluster, startRedis, startSentinel, until } from '../support/redis-server.ts';
import { assertUnavailable, entry, openRedisStore, record, serves } from '../support/redis-store.ts';
import { makeRedisTls } from '../support/redis-tls.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

async function overTls(context: TestContext) {
  const tls = await makeRedisTls(temporaryFolder(context));
  const redis = await startRedis({ tls: true, args: tls.serverArgs, cliArgs: tls.cliArgs });
  context.after(() => redis.stop());
  return { redis, tls };
}

const quick = { connectTimeout: '500ms' };

test('a server whose certificate is not trusted, or a gate that is not, is told as a failure of TLS', async (context) => {
  const { redis, tls } = await overTls(context);
  const { ca, certificate, key, stranger } = tls;
  const good = openRedisStore(context, { url: redis.url, tls: { ca, certificate, key } });
  assert.equal(await serves(good.store), true);
  const told = record(good.store);
  await until('changes are told over TLS', () => told.isWhole());
  const refused: readonly (readonly [string, object])[] = [
    ['no own authority', { certificate, key }],
    ['another authority', { ca: stranger.certificate, certificate, key }],
    ['no client certificate', { ca }],
    ['a client certificate of a stranger', { ca, ...stranger }],
    ['another name', { ca, certificate, key, serverName: 'other.example' }],
  ];
  for (const [what, options] of refused) {
    const { store } = openRedisStore(context, { url: redis.url, tls: options, ...quick });
    await assertUnavailable(() => store.ready(), 'tls', 'closed').catch((error) => {
      throw new Error(`${what}: ${error.message}`);
    });
    await store.close();
  }
});

test('a server without TLS is not spoken to in the clear when TLS is asked for', async (context) => {
  const redis = await startRedis();
  context.after(() => redis.stop());
  const { store } = openRedisStore(context, { url: redis.url.replace('redis:', 'rediss:'), ...quick });
  await assertUnavailable(() => store.ready(), 'tls', 'closed', 'connect-timeout');
});

test('a user who may do less than is needed is told as that, and what is said names no key', async (context) => {
  const redis = await startRedis();
  context.after(() => redis.stop());
  await redis.cli('acl', 'setuser', ...redisAcl('gate', 'open', 'sallyport:'));
  const config = { url: redis.url, username: 'gate', password: 'open' };
  assert.equal(await serves(openRedisStore(context, config).store), true);
  const other = openRedisStore(context, { ...config, prefix: 'other:' }).store;
  await other.ready();
  await assertUnavailable(() => other.get('s:a'), 'permission');
  await assertUnavailable(() => other.set('s:a', entry('x')), 'permission');
  await redis.cli('acl', 'setuser', 'gate', '-client|tracking');
  const { store, events } = openRedisStore(context, config);
  const told = record(store);
  await until('the missing right is told', () => JSON.stringify(events).includes('"permission"'));
  assert.equal(told.isWhole(), false);
  assert.equal(await serves(store), true);
});

test('a user with the rights of the guide gets along in another database too', async (context) => {
  const redis = await startRedis();
  context.after(() => redis.stop());
  await redis.cli('acl', 'setuser', ...redisAcl('gate', 'open', 'sallyport:'));
  const config = { url: `${redis.url}/3`, username: 'gate', password: 'open' };
  assert.equal(await serves(openRedisStore(context, config).store), true);
});

const gateRights = redisAcl('gate', 'open', 'sallyport:');
const asGate = { username: 'gate', password: 'open' };

test('a user with the rights of the guide gets along with a cluster', async (context) => {
  const cluster = await startCluster();
  context.after(() => cluster.stop());
  await Promise.all(cluster.nodes.map((node) => node.cli('acl', 'setuser', ...gateRights)));
  const nodes = cluster.addresses.slice(0, 1);
  const { store } = openRedisStore(context, { cluster: { nodes }, ...asGate });
  const told = record(store);
  await until('changes are told', () => told.isWhole());
  for (const key of ['s:a', 's:b', 's:c', 's:d']) await store.set(key, entry('x'));
  assert.equal(await serves(store), true);
});

test('a user with the rights of the guide gets along with a master behind sentinels', async (context) => {
  const group = await startSentinel();
  context.after(() => group.stop());
  await Promise.all(group.servers.map((server) => server.cli('acl', 'setuser', ...gateRights)));
  const sentinel = { master: group.name, nodes: [...group.addresses] };
  const { store } = openRedisStore(context, { sentinel, ...asGate });
  const told = record(store);
  await until('changes are told', () => told.isWhole());
  assert.equal(await serves(store), true);
});

test('a server can be reached by a socket of the file system, and another database chosen', async (context) => {
  const folder = temporaryFolder(context);
  const redis = await startRedis({ args: ['--unixsocket', `${folder}/redis.sock`] });
  context.after(() => redis.stop());
  const { store } = openRedisStore(context, { url: `unix://${folder}/redis.sock` });
  assert.equal(await serves(store), true);
  const third = openRedisStore(context, { url: `${redis.url}/3` }).store;
  const told = record(third);
  assert.equal(await third.get('s:probe'), null);
  await until('changes are told', () => told.isWhole());
  await third.set('s:a', entry('x'));
  assert.equal(await redis.cli('-n', '3', 'exists', 'sallyport:s:a'), '1');
  await until('it is told', () => told.has('s:a'), 1000);
});
