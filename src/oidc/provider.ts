/** An OpenID provider as the rest of the product sees it. Made by `createProvider`; failures are `SallyportError`s. */
import type { Claims, TokenSet } from '../core/identity.ts';

/** What a login may ask of the provider; an allow-list, reserved parameters cannot be set (RD-052). */
export interface LoginParameters {
  readonly prompt?: string;
  readonly login_hint?: string;
  readonly ui_locales?: string;
}

/** What has to be remembered between the authorization request and its answer, bound to the browser. */
export interface LoginSecrets {
  readonly state: string;
  readonly nonce: string;
  /** PKCE (RFC 7636). */
  readonly codeVerifier: string;
}

export interface SignedIn {
  readonly subject: string;
  /** Claims of the ID token, with those of userinfo below them when the ID token is thin. */
  readonly claims: Claims;
  readonly tokens: TokenSet;
}

export type RefreshOutcome =
  | { readonly kind: 'refreshed'; readonly tokens: TokenSet; readonly claims: Claims }
  /** The provider, or a check, says that this session is over. `reason` is a stable word. */
  | { readonly kind: 'rejected'; readonly reason: string };

export interface Provider {
  readonly name: string;
  /** Exactly as in the metadata and in `iss`. */
  readonly issuer: string;
  /** How the answer comes back: decides SameSite of the login cookie (RP-022). */
  readonly responseMode: 'query' | 'form_post';
  /** The URL to send the browser to. Fails with `ERR_PROVIDER_*` when the provider cannot be reached. */
  authorizationUrl(secrets: LoginSecrets, parameters: LoginParameters): Promise<string>;
  /**
   * Redeems the answer to an authorization request and validates everything in it.
   * Fails with `ERR_LOGIN_DENIED`, `ERR_LOGIN_FAILED` (with `detail`) or `ERR_PROVIDER_*`.
   */
  redeem(answer: URLSearchParams, secrets: LoginSecrets): Promise<SignedIn>;
  /** Renews the tokens. Throws `ERR_PROVIDER_*` when it could not be told; the old refresh token then still counts. */
  refresh(subject: string, claims: Claims, tokens: TokenSet): Promise<RefreshOutcome>;
  /** Revokes the refresh token (RFC 7009). Never throws; the outcome is an event. */
  revoke(refreshToken: string): Promise<void>;
  /**
   * The RP-initiated logout URL (OpenID Connect RP-Initiated Logout 1.0), or null when there is no endpoint or no
   * answer. The provider brings `state` back to `postLogoutRedirectUri`. Without an ID token it asks the person.
   */
  endSessionUrl(idToken: string | null, postLogoutRedirectUri: string, state: string): Promise<string | null>;
  /** Whether metadata is known and fresh enough to sign in; for readiness. */
  isReady(): boolean;
  close(): Promise<void>;
}

export type Providers = ReadonlyMap<string, Provider>;
