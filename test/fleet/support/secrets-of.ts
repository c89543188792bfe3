/** What no node of a fleet may write down, whoever its people are. */
import type { RotatingProvider } from '../../support/rotating-provider.ts';
import type { Fleet } from './fleet.ts';

/** Keys, the secret at the provider, and everything that the provider gave out; for `assertCleanOutput`. */
export function secretsOf(
  { config }: Pick<Fleet, 'config'>,
  provider: Pick<RotatingProvider, 'clientSecret' | 'given'>,
): readonly string[] {
  const { keys } = config.session as { readonly keys: Keys };
  const ringed = Array.isArray(keys) ? keys : Object.values(keys).flat();
  return [...ringed, provider.clientSecret, ...provider.given()];
}

type Keys = readonly string[] | Readonly<Record<string, readonly string[]>>;
