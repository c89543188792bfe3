/** Runs the store contract on Redis. */
import { after } from 'node:test';
import { createRedisStore } from '../../src/stores/redis/redis-store.ts';
import { redisSchema } from '../../src/stores/redis-config.ts';
import { testStore } from '../contract/store.ts';

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
  testStore(
    `Redis, ${name}`,
    async (clock) => {
      started ??= start();
      const { config } = await started;
      checks += 1;
      const parsed = redisSchema.parse({ ...config, prefix: `gate-${checks}:`, timeout: '5s' });
      return () => createRedisStore(parsed, { clock });
    },
    { time: 'real', shared: true },
  );
}
