/** The Redis store against the contract, on a cluster of three masters. */
import { testRedis } from '../support/redis-contract.ts';
import { startCluster } from '../support/redis-server.ts';

testRedis('cluster', async () => {
  const cluster = await startCluster(3);
  return { config: { cluster: { nodes: cluster.addresses } }, stop: cluster.stop };
});
