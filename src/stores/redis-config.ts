/** Configuration of the Redis store: where it is, how one gets in, and how long one waits. */
import { z } from 'zod';
import { secret } from '../core/scalars.ts';

export const redisSchema = z.strictObject({
  url: secret().describe('Where Redis or Valkey is: `redis://host:6379`, `rediss://…` for TLS.'),
});

export type RedisConfig = z.output<typeof redisSchema>;
