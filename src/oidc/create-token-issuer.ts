/** Puts together an authorization server whose tokens are only checked: see `token-issuer.ts` for what it promises. */
import type { Clock, RandomBytes } from '../core/clock.ts';
import type { Emit } from '../core/events.ts';
import { assembleTokenIssuer, mayIntrospect, noIntrospection } from './assemble-token-issuer.ts';
import { createClientAuthentication } from './client-authentication.ts';
import { createClientCall } from './client-call.ts';
import type { Network } from './connect-guard.ts';
import { oauthMetadataUrl, openidMetadataUrl } from './discovery.ts';
import { createIntrospection, type Introspect } from './introspection.ts';
import { type IssuerMetadata, parseIssuerMetadata } from './issuer-metadata.ts';
import { createProviderKeys } from './jwks.ts';
import { createMetadataCache, type MetadataCache } from './metadata-cache.ts';
import { createProviderHttp, type ProviderHttp } from './provider-http.ts';
import type { KeySource } from './signed-token.ts';
import { signingAlgorithms } from './signing-key.ts';
import { createStaticKeys } from './static-keys.ts';
import { createTokenDecryption, type DecryptToken } from './token-decryption.ts';
import type { TokenIssuer } from './token-issuer.ts';
import type { TokenIssuerConfig } from './token-issuer-config.ts';

export interface TokenIssuerDeps {
  readonly emit: Emit;
  readonly clock: Clock;
  readonly random: RandomBytes;
  /** For tests: another resolver and connector. */
  readonly network?: Network;
}

/** Makes no call until it is used; `jwksRefresh` begins with the first use. */
export function createTokenIssuer(
  name: string,
  config: TokenIssuerConfig,
  deps: TokenIssuerDeps,
): TokenIssuer {
  const { emit, clock } = deps;
  const http = createProviderHttp(name, { ...config, endpointHosts: allowedHosts(config) }, deps);
  const source = {
    urls: [openidMetadataUrl(config.issuer), oauthMetadataUrl(config.issuer)],
    parse: (text: string) => parseIssuerMetadata(text, config),
  } as const;
  const discovery = createMetadataCache(name, source, { http, ...deps });
  const fetched = createProviderKeys(name, { http, emit, clock, refreshEvery: config.jwksRefresh });
  const skipped = (reason: string) => emit('key.skipped', { provider: name, reason });
  const keys = config.jwks === undefined ? fetched : createStaticKeys(config.jwks.keys, skipped);
  const jwksUri = () => config.jwksUri ?? (config.jwks ? '' : jwksUriOf(discovery));
  const decrypt = createTokenDecryption(config);
  return assembleTokenIssuer({
    name,
    issuer: config.issuer,
    keys,
    jwksUri,
    decrypt,
    introspect: introspection(config, {
      alert: () => emit('provider.client-refused', { provider: name, call: 'introspection' }),
      ...deps,
      http,
      discovery,
      decrypt,
      keys: { source: keys, uri: jwksUri },
    }),
    hasIntrospection: () => config.introspectionEndpoint !== undefined || mayIntrospect(discovery.known()),
    async close() {
      fetched.close();
      await http.close();
    },
  });
}

async function jwksUriOf(discovery: MetadataCache<IssuerMetadata>): Promise<string> {
  return (await discovery.metadata()).jwks_uri;
}

interface Parts extends TokenIssuerDeps {
  readonly http: ProviderHttp;
  readonly discovery: MetadataCache<IssuerMetadata>;
  readonly decrypt: DecryptToken;
  readonly keys: KeySource;
  readonly alert: () => void;
}

function introspection(config: TokenIssuerConfig, parts: Parts): Introspect | null {
  const { clientId } = config;
  if (clientId === undefined) return null;
  const { http, discovery, decrypt, keys, clock, alert } = parts;
  const call = createClientCall({
    http,
    authenticate: createClientAuthentication(config, parts),
    dpop: null,
  });
  const endpoint = async () => {
    const found = config.introspectionEndpoint ?? (await discovery.metadata()).introspection_endpoint;
    if (found === undefined) throw noIntrospection();
    return found;
  };
  return createIntrospection(
    { ...config, clientId, algorithms: signingAlgorithms },
    { call, endpoint, keys, decrypt, clock, alert },
  );
}

/** What the operator has named by its whole address may live anywhere. */
function allowedHosts({ endpointHosts, jwksUri, introspectionEndpoint }: TokenIssuerConfig): string[] {
  const named = [jwksUri, introspectionEndpoint].filter((url) => url !== undefined);
  return [...endpointHosts, ...named.map((url) => new URL(url).hostname)];
}
