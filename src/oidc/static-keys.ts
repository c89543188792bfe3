/** Keys that stand in the configuration: they are never fetched and never change. */
import type { ProviderKeys } from './jwks.ts';
import { createKeySet } from './key-set.ts';
import { Refusal } from './refusal.ts';

/** The configuration has refused keys that cannot be used; `skipped` is told of one that turns out so only here. */
export function createStaticKeys(
  keys: readonly unknown[],
  skipped: (reason: string) => void,
): Pick<ProviderKeys, 'select' | 'trustedUntil'> {
  const set = createKeySet(keys, skipped);
  return {
    select(_uri, hint) {
      const found = set.select(hint);
      if (found.length === 0) throw new Refusal('key-unknown');
      return found;
    },
    trustedUntil: () => Number.POSITIVE_INFINITY,
  };
}
