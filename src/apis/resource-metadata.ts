/** What an API says about itself to clients that come without a token: protected resource metadata (RFC 9728 section 2). */
import type { ResourceMetadata } from './api.ts';
import type { ApiConfig } from './api-config.ts';

const wellKnown = '/.well-known/oauth-protected-resource';

export interface MetadataFacts {
  /** Origin under which the gate is reached. */
  readonly publicUrl: string;
  /** `iss` of each of the issuers. */
  readonly issuers: readonly string[];
  /** Signature algorithms of DPoP proofs. */
  readonly proofAlgorithms: readonly string[];
  /** Whether clients can show a certificate that their token is bound to (RFC 8705). */
  readonly takesCertificates: boolean;
}

type Fields = Pick<ApiConfig, 'resource' | 'audience' | 'scopesSupported' | 'dpop'>;

/** Null when the API has no identifier under `publicUrl`: nobody could look for its metadata here. */
export function createResourceMetadata(config: Fields, facts: MetadataFacts): ResourceMetadata | null {
  const resource = [config.resource ?? config.audience]
    .flat()
    .find((candidate) => isUnder(candidate, facts.publicUrl));
  return resource === undefined
    ? null
    : { path: metadataPath(resource), document: describe(resource, config, facts) };
}

function isUnder(identifier: string, origin: string): boolean {
  return URL.parse(identifier)?.origin === origin && !/[?#\\\s"]/.test(identifier);
}

/** The well-known part goes before the path; a lone slash behind the host is dropped (section 3.1). */
function metadataPath(resource: string): string {
  const { pathname } = new URL(resource);
  return pathname === '/' ? wellKnown : `${wellKnown}${pathname}`;
}

function describe(
  resource: string,
  { scopesSupported, dpop }: Fields,
  { issuers, proofAlgorithms, takesCertificates }: MetadataFacts,
): Readonly<Record<string, unknown>> {
  return Object.freeze({
    resource,
    authorization_servers: issuers,
    ...(scopesSupported.length === 0 ? {} : { scopes_supported: scopesSupported }),
    bearer_methods_supported: ['header'],
    ...(dpop.use === 'never' ? {} : { dpop_signing_alg_values_supported: proofAlgorithms }),
    ...(dpop.use === 'required' ? { dpop_bound_access_tokens_required: true } : {}),
    ...(takesCertificates ? { tls_client_certificate_bound_access_tokens: true } : {}),
  });
}
