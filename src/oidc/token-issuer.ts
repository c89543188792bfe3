/** An authorization server as those see it who check its access tokens. Made by `createTokenIssuer`, or part of a `Provider`. */

import type { OpenedToken, SignedTokenRules } from './signed-token.ts';
import type { JsonObject } from './strict-json.ts';

/** A token whose signature was checked. */
export interface TrustedToken extends OpenedToken {
  /**
   * Until when the keys that it was checked with count as known: from then on what was remembered of it has to be
   * checked again, for its key may have been withdrawn. Unix time in milliseconds; infinite for keys that do not change.
   */
  readonly trustedUntil: number;
}

export interface TokenIssuer {
  /** Its name in the configuration: of the provider, or of the entry in `issuers`. Fit for a metric label. */
  readonly name: string;
  /** Exactly as in `iss`. */
  readonly issuer: string;
  /** Whether it can be asked about opaque tokens, as far as it is known. */
  readonly canIntrospect: boolean;
  /**
   * Opens a JWT that this issuer signed, with its own keys alone; an encrypted one (JWE) when there is a key for it. `iss`
   * is checked here, every other claim is not.
   * Fails with a `Refusal` that names the check, or with `ERR_PROVIDER_UNAVAILABLE` when there are no keys to check with.
   */
  open(token: string, rules: SignedTokenRules): Promise<TrustedToken>;
  /**
   * Asks about a token (RFC 7662; a JWT in answer by RFC 9701). Answers the members of an active token, and null for
   * one that is not active. Fails with `ERR_PROVIDER_*` when it cannot tell, and with a `Refusal` when the answer is signed
   * and must not be believed: never with null.
   */
  introspect(token: string): Promise<JsonObject | null>;
  close(): Promise<void>;
}
