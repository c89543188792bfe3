/** Fills a Redis server, while no gate is connected, with copies of the one session that it holds. */
import type { BenchRedis } from '../redis.ts';
import { keyLike, type StoreSize } from './sessions.ts';

const prefix = 'sallyport:';
/** Sessions in one call. */
const batch = 2000;

/** ARGV: record, its time to live, time to live of tags, when they end, tags of each session; then names: key, tags. */
const copy = `
local tags = tonumber(ARGV[5])
for i = 6, #ARGV, 1 + tags do
  redis.call('SET', ARGV[i], ARGV[1], 'PX', ARGV[2])
  for t = i + 1, i + tags do
    redis.call('ZADD', ARGV[t], ARGV[4], string.sub(ARGV[i], ${prefix.length + 1}))
    redis.call('PEXPIRE', ARGV[t], ARGV[3])
  end
end`;

export async function fillRedis(redis: BenchRedis, count: number): Promise<StoreSize> {
  const [key] = await names(redis, `${prefix}s:*`);
  if (key === undefined) throw new Error('the gate stored no session');
  const tags = await names(redis, `${prefix}i:*`);
  const record = (await redis.send('GET', key)) as Buffer;
  const [recordLives, tagLives] = [await livesFor(redis, key), await livesFor(redis, tags[0] ?? key)];
  const head = [record, `${recordLives}`, `${tagLives}`, `${Date.now() + tagLives}`, `${tags.length}`];
  const before = await redis.memory();
  for (let stored = 1; stored < count; stored += batch) {
    const copies = Array.from({ length: Math.min(batch, count - stored) }, () => [key, ...tags].map(keyLike));
    await redis.send('EVAL', copy, '0', ...head, ...copies.flat());
  }
  const bytesPerSession = ((await redis.memory()) - before) / (count - 1);
  return { store: 'redis', sessions: count, bytesPerSession, recordBytes: record.length };
}

async function names(redis: BenchRedis, pattern: string): Promise<readonly string[]> {
  return ((await redis.send('KEYS', pattern)) as Buffer[]).map(String);
}

async function livesFor(redis: BenchRedis, key: string): Promise<number> {
  return Number(await redis.send('PTTL', key));
}
