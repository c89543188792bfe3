/**
 * Tells access tokens from the other tokens of a server that gives all of them the type `JWT` or none (profile
 * `lenient`). First of all the audience does; this is for when an API has the client id of an application as its audience.
 */
import { Refusal } from '../oidc/refusal.ts';
import type { JsonObject } from '../oidc/strict-json.ts';

export interface ReadClaims {
  readonly audiences: readonly string[];
  /** Null when the token names none. */
  readonly namedClient: string | null;
  readonly scopes: ReadonlySet<string>;
}

/** Only ID tokens have hashes (OpenID Connect Core 1.0 section 3.3.2.11), only logout tokens events. */
const foreignClaims: readonly string[] = ['at_hash', 'c_hash', 's_hash', 'events'];

/** How Keycloak (`typ`) and Cognito (`token_use`) say in the claims what a token is for. */
const kindClaims: Readonly<Record<string, readonly unknown[]>> = {
  typ: ['Bearer', 'DPoP'],
  token_use: ['access'],
};

/** Fails with a `Refusal` when it is, or may be, an ID token, a logout token or a refresh token (RFC 8725 section 3.11). */
export function checkIsAccessToken(claims: JsonObject, read: ReadClaims): void {
  if (foreignClaims.some((name) => claims[name] !== undefined)) throw new Refusal('other-kind');
  for (const [name, kinds] of Object.entries(kindClaims)) {
    if (claims[name] !== undefined && !kinds.includes(claims[name])) throw new Refusal('other-kind');
  }
  if (read.scopes.size > 0) return;
  // Issued to an application, for that application, and granting nothing: so are ID tokens, with or without a nonce. They
  // need not name their application but by their audience.
  const { audiences, namedClient } = read;
  const isForItsClient = namedClient === null || (audiences.length === 1 && audiences[0] === namedClient);
  if (claims.nonce !== undefined || isForItsClient) throw new Refusal('other-kind');
}
