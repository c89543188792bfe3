/** The token issuer that a provider is as well: it shares calls, metadata, keys and the gate's client with the sign-in. */
import type { Clock } from '../core/clock.ts';
import type { Emit } from '../core/events.ts';
import { assembleTokenIssuer, mayIntrospect, noIntrospection } from './assemble-token-issuer.ts';
import { isConfidential } from './client-authentication-config.ts';
import type { ClientCall } from './client-call.ts';
import type { Discovery } from './discovery.ts';
import { createIntrospection, type Introspect } from './introspection.ts';
import type { ProviderKeys } from './jwks.ts';
import type { ProviderConfig } from './provider-config.ts';
import type { DecryptToken } from './token-decryption.ts';
import type { TokenIssuer } from './token-issuer.ts';

export interface ProviderTokenIssuerDeps {
  readonly discovery: Discovery;
  readonly keys: ProviderKeys;
  readonly decrypt: DecryptToken;
  readonly clientCall: ClientCall;
  readonly clock: Clock;
  readonly emit: Emit;
}

export function createProviderTokenIssuer(
  name: string,
  config: ProviderConfig,
  deps: ProviderTokenIssuerDeps,
): TokenIssuer {
  const { discovery, keys, decrypt } = deps;
  const alert = () => deps.emit('provider.client-refused', { provider: name, call: 'introspection' });
  const jwksUri = async () => (await discovery.metadata()).jwks_uri;
  return assembleTokenIssuer({
    name,
    issuer: config.issuer,
    keys,
    jwksUri,
    decrypt,
    // A public client is told nothing about tokens (RFC 7662 section 2.1).
    introspect: isConfidential(config) ? introspection(config, { ...deps, alert }, jwksUri) : null,
    hasIntrospection: () => mayIntrospect(discovery.known()),
    // The provider closes what they share.
    close: async () => {},
  });
}

function introspection(
  config: ProviderConfig,
  {
    discovery,
    keys,
    decrypt,
    clientCall,
    clock,
    alert,
  }: ProviderTokenIssuerDeps & { readonly alert: () => void },
  uri: () => Promise<string>,
): Introspect {
  const endpoint = async () => {
    const { introspection_endpoint: found } = await discovery.metadata();
    if (found === undefined) throw noIntrospection();
    return found;
  };
  return createIntrospection(
    { ...config, algorithms: config.idTokenSigningAlgorithms },
    { call: clientCall, endpoint, keys: { source: keys, uri }, decrypt, clock, alert },
  );
}
