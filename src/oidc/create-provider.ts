/** Puts an OpenID provider together: see `provider.ts` for what it promises. */
import type { Clock, RandomBytes } from '../core/clock.ts';
import { SallyportError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import type { Claims, TokenSet } from '../core/identity.ts';
import { checkAnswer, checkAnswerIssuer } from './authorization-answer.ts';
import { createAuthorizationRequests } from './authorization-request.ts';
import { mergeClaims, needsUserinfo } from './claims.ts';
import { createClientAuthentication } from './client-authentication.ts';
import { createClientCall } from './client-call.ts';
import type { Network } from './connect-guard.ts';
import { createOwnGrants } from './create-own-grants.ts';
import { createDiscovery } from './discovery.ts';
import { createDpopClient } from './dpop-client.ts';
import { answerTransport, isAnswerIssuerDemanded, isSignedAnswer, resolveProfile } from './fapi-profile.ts';
import { createSignedAnswers } from './jarm-answer.ts';
import { createProviderKeys } from './jwks.ts';
import { createGoodbye, revokeToken } from './leaving.ts';
import { createLibraryClient } from './library-client.ts';
import { verifyLogoutToken } from './logout-token.ts';
import type { Metadata } from './metadata.ts';
import type { LoginSecrets, LogoutToken, Provider, RefreshOutcome, SignedIn } from './provider.ts';
import type { ProviderConfig } from './provider-config.ts';
import { createProviderHttp } from './provider-http.ts';
import { createProviderTokenIssuer } from './provider-token-issuer.ts';
import { Refusal } from './refusal.ts';
import { createRevoker } from './revoker.ts';
import { createTokenDecryption } from './token-decryption.ts';
import { createTokenEndpoint, type Obtained } from './token-endpoint.ts';
import { fetchUserinfo } from './userinfo.ts';

export interface ProviderDeps {
  /** Absolute and exactly as registered at the provider; without a query. */
  readonly redirectUri: string;
  readonly emit: Emit;
  readonly clock: Clock;
  readonly random: RandomBytes;
  /** For tests: another resolver and connector. */
  readonly network?: Network;
}

/** Makes no call until it is used; then metadata and keys are fetched once and kept. */
export function createProvider(name: string, written: ProviderConfig, deps: ProviderDeps): Provider {
  const config = resolveProfile(written);
  const { redirectUri, emit, clock, random } = deps;
  const http = createProviderHttp(name, config, deps);
  const discovery = createDiscovery(name, config, { http, emit, clock, random });
  const keys = createProviderKeys(name, { http, emit, clock, refreshEvery: config.jwksRefresh });
  const dpop = createDpopClient(config, { clock, random });
  const authenticate = createClientAuthentication(config, { clock, random });
  const clientCall = createClientCall({ http, authenticate, dpop });
  const library = createLibraryClient(config, clientCall, clock);
  const decrypt = createTokenDecryption(config);
  const authorizationUrl = createAuthorizationRequests(config, { library, clock, random });
  const tokenEndpoint = createTokenEndpoint(config, { library, keys, decrypt, clock });
  const signedAnswers = isSignedAnswer(config) ? createSignedAnswers(config, { keys, decrypt, clock }) : null;

  const revoker = createRevoker(
    async (token) => revokeToken(await discovery.metadata(), library, token),
    (outcome) => emit('token.revoked', { provider: name, outcome }),
  );

  const openAnswer = async (answer: URLSearchParams): Promise<URLSearchParams> =>
    signedAnswers === null ? answer : signedAnswers.open(answer, (await discovery.metadata()).jwks_uri);

  const redeem = async (given: URLSearchParams, secrets: LoginSecrets): Promise<SignedIn> => {
    const answer = await openAnswer(given);
    const code = checkAnswer(answer, secrets.state);
    const metadata = await discovery.metadata();
    checkAnswerIssuer(answer, metadata.issuer, isAnswerIssuerDemanded(config, metadata));
    await keys.ready(metadata.jwks_uri);
    const obtained = await tokenEndpoint.redeem(metadata, {
      answer: { code, issuer: answer.get('iss') },
      redirectUri,
      secrets,
    });
    const idClaims = obtained.claims as Claims;
    const userinfo = await userinfoFor(metadata, idClaims, obtained.accessToken);
    return {
      subject: idClaims.sub as string,
      claims: userinfo === null ? idClaims : mergeClaims(idClaims, userinfo),
      tokens: {
        accessToken: obtained.accessToken,
        accessTokenExpiresAt: obtained.accessTokenExpiresAt,
        refreshToken: obtained.refreshToken,
        idToken: obtained.idToken as string,
        scope: obtained.scope ?? config.scopes.join(' '),
      },
    };
  };

  /** Null when it is not needed, or not to be had and not demanded. */
  const userinfoFor = async (
    metadata: Metadata,
    claims: Claims,
    accessToken: string,
  ): Promise<Claims | null> =>
    needsUserinfo(claims, config)
      ? fetchUserinfo(
          { http, dpop, endpoint: metadata.userinfo_endpoint, demanded: config.userinfo === 'always' },
          { accessToken, subject: claims.sub as string },
        )
      : null;

  const refreshedClaims = async (metadata: Metadata, before: Claims, obtained: Obtained): Promise<Claims> => {
    const { claims } = obtained;
    if (claims === null) return before;
    if (claims.nonce !== undefined && before.nonce !== undefined && claims.nonce !== before.nonce) {
      throw new Refusal('nonce-mismatch');
    }
    if (!needsUserinfo(claims, config)) return claims;
    const userinfo = await userinfoFor(metadata, claims, obtained.accessToken).catch(keepClaims);
    return mergeClaims(claims, userinfo ?? before);
  };

  const refresh = async (subject: string, claims: Claims, tokens: TokenSet): Promise<RefreshOutcome> => {
    if (tokens.refreshToken === null) return { kind: 'rejected', reason: 'no-refresh-token' };
    const metadata = await discovery.metadata();
    // Before the refresh token is spent: without keys the new ID token could not be checked.
    await keys.ready(metadata.jwks_uri);
    const obtained = await tokenEndpoint.refresh(metadata, tokens.refreshToken, subject);
    return {
      kind: 'refreshed',
      claims: await refreshedClaims(metadata, claims, obtained),
      tokens: {
        accessToken: obtained.accessToken,
        accessTokenExpiresAt: obtained.accessTokenExpiresAt,
        refreshToken: obtained.refreshToken ?? tokens.refreshToken,
        idToken: obtained.claims === null ? tokens.idToken : (obtained.idToken as string),
        scope: obtained.scope ?? tokens.scope,
      },
    };
  };

  const readLogoutToken = async (token: string): Promise<LogoutToken> => {
    const signed = await decrypt(token, 'logout-token');
    const { jwks_uri: uri } = await discovery.metadata();
    return verifyLogoutToken(
      signed,
      { source: keys, uri },
      {
        issuer: config.issuer,
        clientId: config.clientId,
        trustedAudiences: config.trustedAudiences,
        algorithms: config.idTokenSigningAlgorithms,
        now: clock.now(),
      },
    );
  };

  return {
    name,
    issuer: config.issuer,
    responseMode: answerTransport(config),
    readSignedState: signedAnswers === null ? null : signedAnswers.readState,
    async authorizationUrl(secrets, parameters) {
      const metadata = await discovery.metadata();
      return authorizationUrl(metadata, { redirectUri, secrets, parameters });
    },
    redeem: (answer, secrets) => redeem(answer, secrets).catch(failLogin),
    refresh: (subject, claims, tokens) => refresh(subject, claims, tokens).catch(judgeRefresh),
    revoke: (token, kind = 'refresh_token') => revoker.revoke({ token, kind }),
    async goodbye(idToken, postLogoutRedirectUri, state) {
      const metadata = await discovery.metadata().catch(() => null);
      if (metadata === null) return null;
      const { clientId } = config;
      return createGoodbye(metadata, { clientId, idToken, postLogoutRedirectUri, state });
    },
    verifyLogoutToken: (token) => readLogoutToken(token).catch(failLogout),
    grants: createOwnGrants(config, { metadata: discovery.metadata, clientCall, dpop, clock }),
    tokenIssuer: createProviderTokenIssuer(name, config, {
      discovery,
      keys,
      decrypt,
      clientCall,
      clock,
      emit,
    }),
    pageOrigins: () => pageOrigins(config.issuer, discovery.known()),
    isReady: () => discovery.known() !== null,
    async close() {
      keys.close();
      await revoker.close();
      await http.close();
    },
  };
}

/** The refresh token is spent: a userinfo that fails now must not lose its successor, unless it speaks of somebody else. */
function keepClaims(error: unknown): null {
  if (error instanceof SallyportError) return null;
  if (error instanceof Refusal && error.reason !== 'userinfo-subject-mismatch') return null;
  throw error;
}

function failLogin(error: unknown): never {
  if (!(error instanceof Refusal)) throw error;
  throw new SallyportError('ERR_LOGIN_FAILED', `the answer of the provider was refused: ${error.reason}`, {
    detail: error.reason,
  });
}

function failLogout(error: unknown): never {
  if (!(error instanceof Refusal)) throw error;
  throw new SallyportError('ERR_LOGOUT_TOKEN', `the logout token was refused: ${error.reason}`, {
    detail: error.reason,
  });
}

function pageOrigins(issuer: string, metadata: Metadata | null): readonly string[] {
  const urls = [issuer, metadata?.authorization_endpoint, metadata?.end_session_endpoint];
  return [...new Set(urls.filter((url) => url !== undefined).map((url) => new URL(url).origin))];
}

/** Only what the provider says for sure, or what must not be believed, ends a session. */
function judgeRefresh(error: unknown): RefreshOutcome {
  if (!(error instanceof Refusal)) throw error;
  if (error.about === 'content') return { kind: 'rejected', reason: error.reason };
  throw new SallyportError('ERR_PROVIDER_UNAVAILABLE', `the tokens could not be renewed: ${error.reason}`, {
    detail: error.reason,
    retryAfter: 5,
  });
}
