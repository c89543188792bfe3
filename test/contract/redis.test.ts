/** The Redis store against the contract, on one server. */
import { testRedis } from '../support/redis-contract.ts';
import { startRedis } from '../support/redis-server.ts';

testRedis('one server', async () => {
  const redis = await startRedis();
  return { config: { url: redis.url }, stop: redis.stop };
});
