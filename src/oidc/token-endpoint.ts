/** Asks the token endpoint: for the tokens of a code and for those of a refresh token, checked before anybody sees them. */
import { authorizationCodeGrant, refreshTokenGrant } from 'openid-client';
import type { Clock } from '../core/clock.ts';
import { SallyportError } from '../core/errors.ts';
import type { Claims } from '../core/identity.ts';
import { type IdTokenExpectations, verifyIdToken } from './id-token.ts';
import type { ProviderKeys } from './jwks.ts';
import type { LibraryClient } from './library-client.ts';
import { translateLibraryError } from './library-errors.ts';
import type { Metadata } from './metadata.ts';
import type { LoginSecrets } from './provider.ts';
import type { ProviderConfig } from './provider-config.ts';
import { Refusal } from './refusal.ts';
import type { DecryptToken } from './token-decryption.ts';
import { parseTokenResponse, type TokenResponse } from './token-response.ts';

export interface Obtained extends TokenResponse {
  /** Unix time in milliseconds, counted from before the request was sent. */
  readonly accessTokenExpiresAt: number;
  /** Claims of the ID token; null when none came that could be checked (refresh only). */
  readonly claims: Claims | null;
}

export interface Redemption {
  readonly answer: { readonly code: string; readonly issuer: string | null };
  readonly redirectUri: string;
  readonly secrets: LoginSecrets;
}

export interface TokenEndpoint {
  /** Fails with a `Refusal` or `ERR_PROVIDER_*`. */
  redeem(metadata: Metadata, redemption: Redemption): Promise<Obtained>;
  refresh(metadata: Metadata, refreshToken: string, subject: string): Promise<Obtained>;
}

export interface TokenEndpointDeps {
  readonly library: LibraryClient;
  readonly keys: ProviderKeys;
  readonly decrypt: DecryptToken;
  readonly clock: Clock;
}

type Verify = (response: TokenResponse) => Promise<Claims | null>;

export function createTokenEndpoint(config: ProviderConfig, deps: TokenEndpointDeps): TokenEndpoint {
  const { library, keys, decrypt, clock } = deps;
  const { max_age } = config.authorizationParameters;
  const asked = { scopes: config.scopes, scheme: config.dpopKey === undefined ? 'Bearer' : 'DPoP' } as const;

  const check = (
    metadata: Metadata,
    response: TokenResponse,
    known: Pick<IdTokenExpectations, 'nonce' | 'subject'>,
  ) =>
    verifyIdToken(
      response.idToken ?? '',
      { source: keys, uri: metadata.jwks_uri },
      {
        ...known,
        issuer: config.issuer,
        clientId: config.clientId,
        trustedAudiences: config.trustedAudiences,
        algorithms: config.idTokenSigningAlgorithms,
        accessToken: response.accessToken,
        maxAuthenticationAge: max_age === undefined || known.nonce === null ? null : Number(max_age),
        maxAge: config.idTokenMaxAge,
        now: clock.now(),
      },
    );

  /** Reads and checks the response in the moment it arrives; the library then reads what has passed. */
  const obtain = async (
    verify: Verify,
    send: (inspect: (text: string) => Promise<string>) => Promise<unknown>,
  ) => {
    const sentAt = clock.now();
    let obtained: Obtained | null = null;
    const inspect = async (text: string) => {
      const response = await withoutEncryption(parseTokenResponse(text, asked), decrypt);
      const claims = await verify(response);
      const lifetime = response.expiresIn === null ? config.defaultTokenLifetime : response.expiresIn * 1000;
      obtained = { ...response, claims, accessTokenExpiresAt: sentAt + Math.floor(lifetime) };
      return forLibrary(response, claims !== null);
    };
    try {
      await send(inspect);
    } catch (error) {
      throw translateLibraryError(error);
    }
    if (obtained === null) throw new Refusal('response-invalid', 'response');
    return obtained as Obtained;
  };

  return {
    redeem: (metadata, redemption) =>
      obtain(
        async (response) => {
          if (response.idToken === null) throw new Refusal('id-token-missing');
          return check(metadata, response, { nonce: redemption.secrets.nonce, subject: null });
        },
        (inspect) =>
          authorizationCodeGrant(
            library(metadata, { call: 'token', inspect, timeout: null }),
            answerUrl(redemption),
            {
              expectedState: redemption.secrets.state,
              expectedNonce: redemption.secrets.nonce,
              pkceCodeVerifier: redemption.secrets.codeVerifier,
              idTokenExpected: true,
            },
          ),
      ),
    refresh: (metadata, refreshToken, subject) =>
      obtain(
        async (response) =>
          response.idToken === null
            ? null
            : check(metadata, response, { nonce: null, subject }).catch(keepGoingWithoutKeys),
        (inspect) =>
          refreshTokenGrant(library(metadata, { call: 'refresh', inspect, timeout: null }), refreshToken),
      ),
  };
}

/** What is kept of an encrypted ID token is the signed one inside: a hint at logout has to be that (RP-Initiated Logout 1.0 section 2). */
async function withoutEncryption(response: TokenResponse, decrypt: DecryptToken): Promise<TokenResponse> {
  if (response.idToken === null) return response;
  return { ...response, idToken: await decrypt(response.idToken, 'id-token') };
}

/**
 * The provider has rotated already: failing now would lose the new refresh token. The new ID token is left aside, and
 * the claims stay those that were verified before.
 */
function keepGoingWithoutKeys(error: unknown): null {
  if (error instanceof SallyportError && error.code === 'ERR_PROVIDER_UNAVAILABLE') return null;
  throw error;
}

/** Built from the configured redirect URI, never from a Host header: the library takes `redirect_uri` from it. */
function answerUrl({ answer, redirectUri, secrets }: Redemption): URL {
  const url = new URL(redirectUri);
  url.searchParams.set('code', answer.code);
  url.searchParams.set('state', secrets.state);
  if (answer.issuer !== null) url.searchParams.set('iss', answer.issuer);
  return url;
}

/** Only what was read and understood, so that the two readers cannot differ. Proofs are no business of the library. */
function forLibrary(response: TokenResponse, withIdToken: boolean): string {
  return JSON.stringify({
    access_token: response.accessToken,
    token_type: 'bearer',
    expires_in: response.expiresIn ?? undefined,
    refresh_token: response.refreshToken ?? undefined,
    id_token: withIdToken ? response.idToken : undefined,
    scope: response.scope ?? undefined,
  });
}
