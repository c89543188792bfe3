/** The URL to send a browser to: code flow with PKCE S256, `state` and `nonce`, pushed when the provider offers it (RFC 9126). */
import {
  buildAuthorizationUrl,
  buildAuthorizationUrlWithPAR,
  calculatePKCECodeChallenge,
} from 'openid-client';
import { SallyportError } from '../core/errors.ts';
import type { LibraryClient } from './library-client.ts';
import { clientRefused, translateLibraryError } from './library-errors.ts';
import type { Metadata } from './metadata.ts';
import type { LoginParameters, LoginSecrets } from './provider.ts';
import type { ProviderConfig } from './provider-config.ts';
import { Refusal } from './refusal.ts';
import { parseStrictObject } from './strict-json.ts';

export interface AuthorizationRequest {
  readonly redirectUri: string;
  readonly secrets: LoginSecrets;
  readonly parameters: LoginParameters;
}

/** Fails with `ERR_PROVIDER_*`. A push that fails is never replaced by parameters in the URL. */
export async function createAuthorizationUrl(
  config: ProviderConfig,
  provider: { readonly metadata: Metadata; readonly library: LibraryClient },
  request: AuthorizationRequest,
): Promise<string> {
  const { metadata, library } = provider;
  const client = library(metadata, { call: 'par', inspect: checkPushed, timeout: null });
  const parameters = await authorizationParameters(config, request);
  const push =
    config.pushedAuthorizationRequests !== 'never' &&
    metadata.pushed_authorization_request_endpoint !== undefined;
  if (!push) return buildAuthorizationUrl(client, parameters).href;
  try {
    return (await buildAuthorizationUrlWithPAR(client, parameters)).href;
  } catch (error) {
    throw pushFailed(translateLibraryError(error));
  }
}

async function authorizationParameters(
  config: ProviderConfig,
  { redirectUri, secrets, parameters }: AuthorizationRequest,
): Promise<Record<string, string>> {
  const { prompt, login_hint, ui_locales } = parameters;
  return {
    ...config.authorizationParameters,
    ...(prompt === undefined ? {} : { prompt }),
    ...(login_hint === undefined ? {} : { login_hint }),
    ...(ui_locales === undefined ? {} : { ui_locales }),
    ...(config.responseMode === 'form_post' ? { response_mode: 'form_post' } : {}),
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
