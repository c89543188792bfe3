/** Tokens that the gate asks for itself, for the applications behind it. Part of a `Provider`. */
import type { TokenTarget } from '../core/route.ts';
import type { ProvenRequest } from '../core/upstream-token.ts';

export interface OwnToken {
  readonly accessToken: string;
  readonly scheme: 'Bearer' | 'DPoP';
  /** Unix time in milliseconds. */
  readonly expiresAt: number;
  /** As granted, separated by spaces; null when the provider says nothing. */
  readonly scope: string | null;
}

/** Each fails with `ERR_UPSTREAM_TOKEN_DENIED`, `ERR_UPSTREAM_TOKEN` (with `detail`) or `ERR_PROVIDER_*`. */
export interface OwnGrants {
  /** Client credentials (RFC 6749 section 4.4). */
  clientToken(target: TokenTarget): Promise<OwnToken>;
  /** Token exchange (RFC 8693). */
  exchange(subjectToken: string, target: TokenTarget): Promise<OwnToken>;
  /** Entra's on-behalf-of flow (RFC 7523 section 2.1 with `requested_token_use=on_behalf_of`). */
  onBehalfOf(subjectToken: string, target: TokenTarget): Promise<OwnToken>;
  /** Proof of possession for tokens of scheme `DPoP` (RFC 9449); null when the provider's tokens are bearer tokens. */
  readonly prove: ((request: ProvenRequest & { readonly accessToken: string }) => string) | null;
}
