/** Tokens of the gate itself (client credentials, RFC 6749 section 4.4): one for each provider and target in a process. */
import type { MaybePromise } from '../core/maybe-promise.ts';
import type { UpstreamTokenRule } from '../core/route.ts';
import type { Provider } from '../oidc/provider.ts';
import type { HeldToken } from './held-token.ts';
import { createKeptToken, type KeptToken, type KeptTokenDeps } from './kept-token.ts';
import { createTargetIds } from './target-ids.ts';

export type ClientRule = Extract<UpstreamTokenRule, { kind: 'client' }>;

export interface ClientTokens {
  /** As `KeptToken.obtain`. */
  obtain(provider: Provider, rule: ClientRule): MaybePromise<HeldToken>;
}

export function createClientTokens(deps: KeptTokenDeps): ClientTokens {
  const idOf = createTargetIds();
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

  return {
    obtain(provider, rule) {
      const id = idOf(rule);
      const ofProvider = kept.get(provider) ?? new Map<string, KeptToken>();
      kept.set(provider, ofProvider);
      const found = ofProvider.get(id) ?? keep(provider, rule);
      ofProvider.set(id, found);
      return found.obtain();
    },
  };
}
