/** Where the metadata of a provider are (OpenID Connect Discovery 1.0 section 4), kept by `metadata-cache.ts`. */
import { type Metadata, parseMetadata } from './metadata.ts';
import { createMetadataCache, type MetadataCache, type MetadataCacheDeps } from './metadata-cache.ts';
import type { ProviderConfig } from './provider-config.ts';

export type Discovery = MetadataCache<Metadata>;
export type DiscoveryDeps = MetadataCacheDeps;

export function createDiscovery(name: string, config: ProviderConfig, deps: DiscoveryDeps): Discovery {
  const parse = (text: string) => parseMetadata(text, config);
  return createMetadataCache(name, { urls: [openidMetadataUrl(config.issuer)], parse }, deps);
}

/** The well-known path comes after that of the issuer. */
export function openidMetadataUrl(issuer: string): string {
  return `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
}

/** RFC 8414 section 3.1: the well-known path comes between host and path of the issuer. */
export function oauthMetadataUrl(issuer: string): string {
  const { origin, pathname } = new URL(issuer);
  return `${origin}/.well-known/oauth-authorization-server${pathname.replace(/\/$/, '')}`;
}
