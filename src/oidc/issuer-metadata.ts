/** What is needed of the metadata (RFC 8414 section 2) of a server at which nobody signs in. */
import { usesMutualTls } from './client-authentication-config.ts';
import { checkIssuer, parseDocument, readEndpoint, withAliases } from './metadata.ts';
import type { TokenIssuerConfig } from './token-issuer-config.ts';

export interface IssuerMetadata {
  readonly jwks_uri: string;
  readonly introspection_endpoint?: string;
}

/** What the configuration says counts more, and what it makes useless is not looked at. Fails with `ERR_PROVIDER_METADATA`. */
export function parseIssuerMetadata(text: string, config: TokenIssuerConfig): IssuerMetadata {
  const document = parseDocument(text);
  checkIssuer(document.issuer, config.issuer);
  const json = usesMutualTls(config) ? withAliases(document) : document;
  const { introspection_endpoint: endpoint } = json;
  return {
    jwks_uri: config.jwksUri ?? (config.jwks ? '' : readEndpoint('jwks_uri', json.jwks_uri, config)),
    ...(config.clientId === undefined || endpoint === undefined || endpoint === null
      ? {}
      : { introspection_endpoint: readEndpoint('introspection_endpoint', endpoint, config) }),
  };
}
