/** Who is let in: TLS both ways, and users with few rights. With real servers. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { redisAcl } from '../support/redis-acl.ts';
import { startRedis, until } from '../support/redis-server.ts';
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
