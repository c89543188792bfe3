/** An OpenID provider as the rest of the product sees it. Made by `createProvider`; failures are `SallyportError`s. */
import type { Claims, TokenSet } from '../core/identity.ts';
import type { OwnGrants } from './own-grants.ts';
import type { TokenIssuer } from './token-issuer.ts';

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

/** What a logout token says (OpenID Connect Back-Channel Logout 1.0 section 2.4). Subject or sid are there, or both. */
export interface LogoutToken {
  readonly issuer: string;
  readonly subject: string | null;
  readonly sid: string | null;
  /** `jti`, unique at this provider. */
  readonly tokenId: string;
  /** `iat`. Unix time in seconds. */
  readonly issuedAt: number;
  /** From then on it is refused in any case, so its id need not be remembered for longer. Unix time in seconds. */
  readonly expiresAt: number;
}

export interface RevocableToken {
  readonly token: string;
  readonly kind: 'refresh_token' | 'access_token';
}

/** How a browser says goodbye at the provider (OpenID Connect RP-Initiated Logout 1.0 section 2). */
export interface Goodbye {
  /** To be sent to; without the ID token when that would make the address too long. */
  readonly url: string;
  /** The same with the ID token, to be posted. Null when `url` says it all. */
  readonly form: {
    readonly action: string;
    readonly fields: readonly (readonly [name: string, value: string])[];
  } | null;
}

export interface Provider {
  readonly name: string;
  /** Exactly as in the metadata and in `iss`. */
  readonly issuer: string;
  /** How the answer comes back: decides SameSite of the login cookie (RP-022). */
  readonly responseMode: 'query' | 'form_post';
  /**
   * Null: answers are plain parameters. Else they are one signed `response` (JARM), and this reads the `state` out of it,
   * to find the login that it may belong to; null when there is none to read. Nothing is verified by then: `redeem` does.
   */
  readonly readSignedState: ((response: string) => Promise<string | null>) | null;
  /** The URL to send the browser to. Fails with `ERR_PROVIDER_*` when the provider cannot be reached. */
  authorizationUrl(secrets: LoginSecrets, parameters: LoginParameters): Promise<string>;
  /**
   * Redeems the answer to an authorization request and validates everything in it.
   * Fails with `ERR_LOGIN_DENIED`, `ERR_LOGIN_FAILED` (with `detail`) or `ERR_PROVIDER_*`.
   */
  redeem(answer: URLSearchParams, secrets: LoginSecrets): Promise<SignedIn>;
  /** Renews the tokens. Throws `ERR_PROVIDER_*` when it could not be told; the old refresh token then still counts. */
  refresh(subject: string, claims: Claims, tokens: TokenSet): Promise<RefreshOutcome>;
  /**
   * Revokes a token, a refresh token when nothing is said (RFC 7009). Never throws; the outcome is an event. One that
   * failed is tried again in the background.
   */
  revoke(token: string, kind?: RevocableToken['kind']): Promise<void>;
  /**
   * The way to say goodbye, or null when there is no such endpoint or no answer. The provider brings `state` back to
   * `postLogoutRedirectUri`. Without an ID token it asks the person.
   */
  goodbye(idToken: string | null, postLogoutRedirectUri: string, state: string): Promise<Goodbye | null>;
  /**
   * Checks a logout token, which may be encrypted. Fails with `ERR_LOGOUT_TOKEN` (with `detail`), or with
   * `ERR_PROVIDER_*` when there are no keys to check it with. Whether it came before is not known here.
   */
  verifyLogoutToken(token: string): Promise<LogoutToken>;
  /** The same server, as those see it who check its access tokens. Closed with the provider. */
  readonly tokenIssuer: TokenIssuer;
  /** Tokens for the applications behind the gate. */
  readonly grants: OwnGrants;
  /** Origins of the pages that a person sees at the provider, as far as they are known: who may frame the gate. */
  pageOrigins(): readonly string[];
  /** Whether metadata is known and fresh enough to sign in; for readiness. */
  isReady(): boolean;
  close(): Promise<void>;
}

export type Providers = ReadonlyMap<string, Provider>;
