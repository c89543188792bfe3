/** Whether a server is a master: it may have become a replica, and a sentinel that names it may be behind. */
import type { RedisConnection } from './redis-connection.ts';
import { redisFailure, redisUnavailable, replyCode } from './redis-error.ts';

/** Fails with `not-a-master`, or as the command does; `timeout` in milliseconds instead of the usual one. */
export async function checkMaster(connection: RedisConnection, timeout?: number): Promise<void> {
  const role = await unlessRefused(connection.send(['ROLE'], timeout));
  if (Array.isArray(role) && String(role[0]) !== 'master') throw redisFailure('not-a-master');
}

export function isNoMaster(error: unknown): boolean {
  return redisUnavailable(error).detail === 'read-only';
}

/** Null where the user may not ask this: it helps, and is not needed. */
export async function unlessRefused(reply: Promise<unknown>): Promise<unknown> {
  try {
    return await reply;
  } catch (error) {
    if (replyCode(error) === 'NOPERM') return null;
    throw error;
  }
}
