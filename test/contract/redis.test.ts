/** The Redis store against the contract: on one server, on a cluster, behind sentinels, and over TLS as a user with few rights. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { createRedisStore } from '../../src/stores/redis/redis-store.ts';
import { redisSchema } from '../../src/stores/redis-config.ts';
import { redisAcl } from '../support/redis-acl.ts';
import { startCluster, startRedis, startSentinel } from '../support/redis-server.ts';
import { makeRedisTls } from '../support/redis-tls.ts';
import { testStore } from './store.ts';

interface Place {
  readonly config: object;
  stop(): Promise<void>;
}

/** One set of servers for all checks; each check has a prefix of its own. */
function testOn(name: string, start: () => Promise<Place>): void {
  let started: Promise<Place> | null = null;
  let checks = 0;
  after(async () => (await started)?.stop());
  testStore(
    `Redis, ${name}`,
    async (clock) => {
      started ??= start();
      const { config } = await started;
      checks += 1;
      const parsed = redisSchema.parse({ ...config, prefix: `gate-${checks}:` });
      return () => createRedisStore(parsed, { clock });
    },
    { time: 'real', shared: true },
  );
}

testOn('one server', async () => {
  const redis = await startRedis();
  return { config: { url: redis.url }, stop: redis.stop };
});

testOn('cluster', async () => {
  const cluster = await startCluster(3);
  return { config: { cluster: { nodes: cluster.addresses } }, stop: cluster.stop };
});

testOn('sentinels', async () => {
  const sentinel = await startSentinel();
  const config = { sentinel: { master: sentinel.name, nodes: sentinel.addresses } };
  return { config, stop: sentinel.stop };
});

testOn('TLS with client certificate and ACL', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-tls-'));
  const tls = await makeRedisTls(folder);
  const acl = ['--user', ...redisAcl('gate', 'open', 'gate-')];
  const redis = await startRedis({ tls: true, args: [...tls.serverArgs, ...acl], cliArgs: tls.cliArgs });
  const { ca, certificate, key } = tls;
  return {
    config: { url: redis.url, username: 'gate', password: 'open', tls: { ca, certificate, key } },
    async stop() {
      await redis.stop();
      rmSync(folder, { recursive: true });
    },
  };
});
