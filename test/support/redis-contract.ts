/** Runs the contracts of stores and locks on Redis. */
import { after } from 'node:test';
import { createRedisStore } from '../../src/stores/redis/redis-store.ts';
import { redisSchema } from '../../src/stores/redis-config.ts';
import { testLocks } from '../contract/locks.ts';
import { testStore } from '../contract/store.ts';
import type { StorePlace } from '../contract/store-harness.ts';

export interface RedisPlace {
  /** As in a file, without the prefix. */
  readonly config: object;
  stop(): Promise<void>;
}

/** One set of servers for all checks; each check has a prefix of its own. */
export function testRedis(name: string, start: () => Promise<RedisPlace>): void {
  let started: Promise<RedisPlace> | null = null;
  let checks = 0;
  after(async () => (await started)?.stop());
  const place: StorePlace = async (clock) => {
    started ??= start();
    const { config } = await started;
    checks += 1;
    // Generous: here a busy machine is no failure.
    const parsed = redisSchema.parse({ ...config, prefix: `gate-${checks}:`, timeout: '5s' });
    return () => createRedisStore(parsed, { clock });
  };
  testStore(`Redis, ${name}`, place, { time: 'real', shared: true });
  testLocks(`Redis, ${name}`, place);
}
