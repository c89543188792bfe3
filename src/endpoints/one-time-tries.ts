/**
 * Lets a logout token succeed once, and be tried again while it has not: a provider repeats a logout that got a 503,
 * with the same token, and that must neither be lost as a replay nor let a real replay through (LO-016, LO-020).
 *
 * A token has a few tries, each a word of its own that the store gives out once. A success uses up those that are left.
 * So a replay finds none, here, on another node and after a restart; after a failure the next one is still there.
 */
import { createHash } from 'node:crypto';
import type { SessionDirectory } from '../sessions/session-directory.ts';

const triesPerToken = 3;

export interface OneTime {
  /** Unique together: who gave the id, and the id. */
  readonly provider: string;
  readonly tokenId: string;
  /** Unix time in milliseconds, from which on nobody accepts it anyway. */
  readonly until: number;
}

/**
 * Runs `work` unless that has succeeded for this token before, which answers false. Fails as `work` does, and with
 * `ERR_STORE_UNAVAILABLE`; then it may be called again.
 */
export async function tryOnce(
  directory: Pick<SessionDirectory, 'useOnce'>,
  { provider, tokenId, until }: OneTime,
  work: () => Promise<unknown>,
): Promise<boolean> {
  const digest = createHash('sha256')
    .update(JSON.stringify([provider, tokenId]))
    .digest('base64url');
  const use = (index: number) => directory.useOnce(`jti:${digest}:${index}`, until);
  let taken = 0;
  while (taken < triesPerToken && !(await use(taken))) taken += 1;
  if (taken === triesPerToken) return false;
  await work();
  const left = Array.from({ length: triesPerToken - taken - 1 }, (_, i) => taken + 1 + i);
  await Promise.all(left.map(use));
  return true;
}
