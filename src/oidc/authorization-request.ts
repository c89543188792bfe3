/**
 * The URL to send a browser to: code flow with PKCE S256, `state` and `nonce`; signed when configured (JAR, RFC 9101), and
 * pushed when the provider offers it (RFC 9126).
 */
import {
  buildAuthorizationUrl,
  buildAuthorizationUrlWithPAR,
  type Configuration,
  calculatePKCECodeChallenge,
} from 'openid-client';
import type { Clock, RandomBytes } from '../core/clock.ts';
import { SallyportError } from '../core/errors.ts';
import type { ResolvedConfig } from './fapi-profile.ts';
import type { LibraryClient } from './library-client.ts';
import { clientRefused, translateLibraryError } from './library-errors.ts';
import type { Metadata } from './metadata.ts';
import type { LoginParameters, LoginSecrets } from './provider.ts';
import { Refusal } from './refusal.ts';
import { createRequestSigner } from './request-object.ts';
import { readSigningKey } from './signing-key.ts';
import { parseStrictObject } from './strict-json.ts';

export interface AuthorizationRequest {
  readonly redirectUri: string;
  readonly secrets: LoginSecrets;
  readonly parameters: LoginParameters;
}

export interface AuthorizationRequestDeps {
  readonly library: LibraryClient;
  readonly clock: Clock;
  readonly random: RandomBytes;
}

/** Fails with `ERR_PROVIDER_*`. A push that fails is never replaced by parameters in the URL. */
export type CreateAuthorizationUrl = (metadata: Metadata, request: AuthorizationRequest) => Promise<string>;

export function createAuthorizationRequests(
  config: ResolvedConfig,
  { library, clock, random }: AuthorizationRequestDeps,
): CreateAuthorizationUrl {
  const sign = createRequestSigner(config, { clock, random });
  const dpop = dpopParameters(config);
  return async (metadata, request) => {
    const client = library(metadata, { call: 'par', inspect: checkPushed, timeout: null });
    const plain = { ...(await authorizationParameters(config, request)), ...dpop };
    // With a signed request nothing stands beside it but the client id: who reads both could be told two stories.
    const parameters = sign === null ? plain : { request: sign(plain) };
    return mayPush(config, metadata)
      ? push(client, parameters)
      : buildAuthorizationUrl(client, parameters).href;
  };
}

function mayPush({ pushedAuthorizationRequests }: ResolvedConfig, metadata: Metadata): boolean {
  return (
    pushedAuthorizationRequests !== 'never' && metadata.pushed_authorization_request_endpoint !== undefined
  );
}

async function push(client: Configuration, parameters: Record<string, string>): Promise<string> {
  try {
    return (await buildAuthorizationUrlWithPAR(client, parameters)).href;
  } catch (error) {
    throw pushFailed(translateLibraryError(error));
  }
}

/** Binds the code to the key as well: who steals it cannot even redeem it (RFC 9449 section 10). */
function dpopParameters({ dpopKey }: ResolvedConfig): Readonly<Record<string, string>> {
  const key = dpopKey === undefined ? null : readSigningKey(dpopKey.reveal());
  if (typeof key === 'string') throw new SallyportError('ERR_INTERNAL', `dpopKey ${key}`);
  return key === null ? {} : { dpop_jkt: key.thumbprint };
}

async function authorizationParameters(
  config: ResolvedConfig,
  { redirectUri, secrets, parameters }: AuthorizationRequest,
): Promise<Record<string, string>> {
  const { prompt, login_hint, ui_locales } = parameters;
  return {
    ...config.authorizationParameters,
    ...(prompt === undefined ? {} : { prompt }),
    ...(login_hint === undefined ? {} : { login_hint }),
    ...(ui_locales === undefined ? {} : { ui_locales }),
    ...(config.responseMode === 'query' ? {} : { response_mode: config.responseMode }),
    response_type: 'code',
    redirect_uri: redirectUri,
    scope: config.scopes.join(' '),
    state: secrets.state,
    nonce: secrets.nonce,
    code_challenge: await calculatePKCECodeChallenge(secrets.codeVerifier),
    code_challenge_method: 'S256',
  };
}

/** Answers the same two members; an expired or missing `request_uri` would only fail in the browser. */
function checkPushed(text: string): string {
  const { request_uri, expires_in } = parseStrictObject(text);
  if (typeof request_uri !== 'string' || !/^[\x21-\x7e]{1,2048}$/.test(request_uri)) {
    throw new Refusal('par-request-uri', 'response');
  }
  if (typeof expires_in !== 'number' || !(expires_in > 0)) throw new Refusal('par-expires-in', 'response');
  return JSON.stringify({ request_uri, expires_in });
}

function pushFailed(error: SallyportError | Refusal): SallyportError {
  if (error instanceof SallyportError) return error;
  if (error.reason === 'invalid-request' || error.reason === 'token-endpoint-error')
    return clientRefused(error.reason);
  return new SallyportError(
    'ERR_PROVIDER_UNAVAILABLE',
    `the pushed authorization request failed: ${error.reason}`,
    {
      detail: error.reason,
      retryAfter: 5,
    },
  );
}
