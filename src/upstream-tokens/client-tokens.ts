/** Tokens of the gate itself (client credentials, RFC 6749 section 4.4): one for each provider and target in a process. */
import type { MaybePromise } from '../core/maybe-promise.ts';
import type { UpstreamTokenRule } from '../core/route.ts';
import type { Provider } from '../oidc/provider.ts';
import type { HeldToken } from './held-token.ts';
import { createKeptToken, type KeptToken, type KeptTokenDeps } from './kept-token.ts';
import type { KnownTargets } from './known-targets.ts';

export type ClientRule = Extract<UpstreamTokenRule, { kind: 'client' }>;

export interface ClientTokens {
  /** As `KeptToken.obtain`. */
  obtain(provider: Provider, rule: ClientRule): MaybePromise<HeldToken>;
}

export function createClientTokens(targets: KnownTargets, deps: KeptTokenDeps): ClientTokens {
  const kept = new Map<Provider, Map<string, KeptToken>>();

  const keep = ({ grants }: Provider, { target }: ClientRule): KeptToken =>
    createKeptToken(
      {
        fetch: () => grants.clientToken(target),
        endsAt: Number.POSITIVE_INFINITY,
        prove: grants.prove,
      },
      deps,
    );

  const keptOf = (provider: Provider): Map<string, KeptToken> => {
    const found = kept.get(provider);
    if (found !== undefined) return found;
    const made = new Map<string, KeptToken>();
    kept.set(provider, made);
    return made;
  };

  return {
    obtain(provider, rule) {
      const { id } = targets(rule);
      const ofProvider = keptOf(provider);
      const found = ofProvider.get(id);
      if (found !== undefined) return found.obtain();
      const made = keep(provider, rule);
      ofProvider.set(id, made);
      return made.obtain();
    },
  };
}
