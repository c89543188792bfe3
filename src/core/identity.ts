/** Who a request speaks for. The key of a person is (issuer, subject), never an email address. */

/** Claims as one parse of the token gave them; an object without prototype, read with own properties only. */
export type Claims = Readonly<Record<string, unknown>>;

export interface Identity {
  /** Name of the provider in the configuration. */
  readonly provider: string;
  /** `iss` of the ID token, exactly as issued. */
  readonly issuer: string;
  /** `sub` of the ID token. */
  readonly subject: string;
  readonly claims: Claims;
}

/** The tokens of a session. They never leave the server except towards the cluster that a route names. */
export interface TokenSet {
  readonly accessToken: string;
  /** Unix time in milliseconds. */
  readonly accessTokenExpiresAt: number;
  readonly refreshToken: string | null;
  readonly idToken: string;
  /** The granted scope, separated by spaces (RFC 6749 section 3.3). */
  readonly scope: string;
}
