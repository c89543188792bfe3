/** The Redis store against the contract, over TLS as a user with few rights. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { redisAcl } from '../support/redis-acl.ts';
import { testRedis } from '../support/redis-contract.ts';
import { startRedis } from '../support/redis-server.ts';
import { makeRedisTls } from '../support/redis-tls.ts';

testRedis('TLS with client certificate and ACL', async () => {
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
