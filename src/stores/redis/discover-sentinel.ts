/** Asks sentinels who the master is (https://redis.io/docs/latest/develop/reference/sentinel-clients/). */
import { redisFailure, redisUnavailable } from './redis-error.ts';
import type { RedisLink } from './redis-link.ts';
import { type Endpoint, nameOf } from './redis-url.ts';
import type { Discover } from './topology.ts';

/**
 * All sentinels are asked at once and the answer of most counts, so that one that was cut off and missed a failover
 * cannot lead us back to the old master.
 */
export function createSentinelDiscover(master: string, sentinels: readonly RedisLink[]): Discover {
  return async () => {
    const answers = await Promise.allSettled(sentinels.map((sentinel) => ask(sentinel, master)));
    const votes = new Map<string, { readonly endpoint: Endpoint; readonly count: number }>();
    for (const answer of answers) {
      if (answer.status === 'rejected' || answer.value === null) continue;
      const name = nameOf(answer.value);
      votes.set(name, { endpoint: answer.value, count: (votes.get(name)?.count ?? 0) + 1 });
    }
    const [most] = [...votes.values()].sort((a, b) => b.count - a.count);
    if (most !== undefined) return { masters: [most.endpoint], slots: null };
    const failed = answers.find((answer) => answer.status === 'rejected');
    throw failed === undefined ? redisFailure('no-master') : redisUnavailable(failed.reason);
  };
}

/** Null: this sentinel watches no master of that name. */
async function ask(sentinel: RedisLink, master: string): Promise<Endpoint | null> {
  const reply = await sentinel.send(['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', master]);
  if (!Array.isArray(reply) || reply.length !== 2) return null;
  const [host, port] = reply.map(String) as [string, string];
  return { host, port: Number(port) };
}
