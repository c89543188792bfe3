/** Request ids: one random prefix per process and a counter, so that they cost nothing and are unique across replicas. */
import type { RandomBytes } from '../core/clock.ts';

export function createRequestIds(random: RandomBytes): () => string {
  const prefix = random(6).toString('hex');
  let count = 0;
  return () => `${prefix}-${(++count).toString(36)}`;
}
