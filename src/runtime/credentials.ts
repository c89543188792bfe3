/** What requests are known by besides sessions, and what applications get: everything around tokens and keys, put together. */
import type { ApiKeys } from '../api-keys/api-keys.ts';
import { createApiKeys } from '../api-keys/create-api-keys.ts';
import type { Apis } from '../apis/api.ts';
import { createApis } from '../apis/create-apis.ts';
import type { NonceSeal } from '../apis/dpop-nonce.ts';
import type { Config } from '../config/schema.ts';
import type { Route } from '../core/route.ts';
import type { KeyRing } from '../keys/key-ring.ts';
import { createTokenIssuer } from '../oidc/create-token-issuer.ts';
import type { TokenIssuer } from '../oidc/token-issuer.ts';
import { type Assertions, createAssertions } from '../upstream-tokens/assertion.ts';
import { type AssertionKeySet, loadAssertionKeys, publicKeySet } from '../upstream-tokens/assertion-keys.ts';
import { createUpstreamTokens } from '../upstream-tokens/create-upstream-tokens.ts';
import type { UpstreamTokens } from '../upstream-tokens/upstream-tokens.ts';
import type { AllDeps, SharedDeps } from './identity.ts';

export interface CredentialParts {
  readonly apis: Apis;
  readonly apiKeys: ApiKeys;
  readonly upstreamTokens: UpstreamTokens;
  /** Null when no route sends assertions. */
  readonly assertionKeys: AssertionKeySet | null;
  close(): Promise<void>;
}

export function createCredentialParts(
  config: Config,
  { assertions, keySet }: AssertionParts,
  deps: AllDeps,
): CredentialParts {
  const made: TokenIssuer[] = [];
  const apis = createApis(config.apis, {
    ...deps,
    issuers: new Map([...deps.providers].map(([name, provider]) => [name, provider.tokenIssuer])),
    makeIssuer(name, issuer) {
      const one = createTokenIssuer(name, issuer, deps);
      made.push(one);
      return one;
    },
    sealing: nonceSeal(deps.rings.tokens),
    takesCertificates: takesCertificates(config),
    anyHost: config.listen.hosts.includes('*'),
  });
  const upstreamTokens = createUpstreamTokens({
    ...deps,
    keyRing: deps.rings.tokens,
    assertions,
    audiencesOf: (cluster) => config.clusters[cluster]?.audiences ?? [],
  });
  return {
    apis,
    apiKeys: createApiKeys(config.apiKeys, deps),
    upstreamTokens,
    assertionKeys: keySet,
    async close() {
      await upstreamTokens.close();
      await Promise.all(made.map((issuer) => issuer.close()));
    },
  };
}

/** Every header that a request is identified by here or at an application: no client may set what the gate vouches for. */
export function identityHeadersOf(
  { listen }: Pick<Config, 'listen'>,
  routes: readonly Route[],
  apiKeys: ApiKeys,
): readonly string[] {
  const names = routes.flatMap(({ requestHeaders, upstreamToken }) => [
    ...requestHeaders.map(({ name }) => name),
    ...(typeof upstreamToken === 'object' && upstreamToken.kind === 'assertion'
      ? [upstreamToken.header]
      : []),
  ]);
  const certificate = listen.clientCertificateHeader?.name;
  // Where nobody takes keys the header may be an application's own.
  const takesKeys = routes.some(({ authenticate }) => authenticate.includes('api-key'));
  return [
    ...new Set([
      ...names,
      ...(takesKeys ? [apiKeys.header] : []),
      ...(certificate === undefined ? [] : [certificate]),
    ]),
  ];
}

export interface AssertionParts {
  /** Null when no route sends assertions. */
  readonly assertions: Assertions | null;
  readonly keySet: AssertionKeySet | null;
}

/** Throws `ERR_KEYS_UNAVAILABLE` when a key is needed and cannot be had. */
export function createAssertionParts(
  config: Config,
  routes: readonly Route[],
  deps: SharedDeps,
): AssertionParts {
  const isUsed = routes.some(
    ({ upstreamToken }) => typeof upstreamToken === 'object' && upstreamToken.kind === 'assertion',
  );
  if (!isUsed) return { assertions: null, keySet: null };
  const keys = loadAssertionKeys(config.assertions, { ...deps, dataDir: config.dataDir });
  const issuer = config.assertions.issuer ?? deps.publicUrl.origin;
  return { assertions: createAssertions({ ...deps, issuer, keys }), keySet: publicKeySet(keys) };
}

function nonceSeal(ring: KeyRing): NonceSeal {
  return {
    seal: (plaintext) => ring.seal('dpop-nonce', plaintext),
    open: (sealed) => ring.open('dpop-nonce', sealed)?.plaintext ?? null,
  };
}

function takesCertificates({ listen }: Config): boolean {
  const asked = listen.tls?.clientCertificates ?? 'none';
  return asked !== 'none' || listen.clientCertificateHeader !== undefined;
}
