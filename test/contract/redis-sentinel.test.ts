/** The Redis store against the contract, behind sentinels. */
import { testRedis } from '../support/redis-contract.ts';
import { startSentinel } from '../support/redis-server.ts';

testRedis('sentinels', async () => {
  const sentinel = await startSentinel();
  const config = { sentinel: { master: sentinel.name, nodes: sentinel.addresses } };
  return { config, stop: sentinel.stop };
});
