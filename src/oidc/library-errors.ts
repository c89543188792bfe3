/**
 * What the OpenID library throws, in our words: by its codes and never by its text, and without keeping the error, for
 * its `cause` holds responses, parameters and claims.
 */
import { ClientError, ResponseBodyError, WWWAuthenticateChallengeError } from 'openid-client';
import { SallyportError } from '../core/errors.ts';
import { Refusal } from './refusal.ts';

const aboutResponse: Readonly<Record<string, string>> = {
  OAUTH_RESPONSE_IS_NOT_JSON: 'response-not-json',
  OAUTH_PARSE_ERROR: 'response-not-json',
  OAUTH_RESPONSE_IS_NOT_CONFORM: 'response-status',
  OAUTH_INVALID_RESPONSE: 'response-invalid',
};

const aboutContent: Readonly<Record<string, string>> = {
  OAUTH_JWT_CLAIM_COMPARISON_FAILED: 'id-token-claim',
  OAUTH_JWT_TIMESTAMP_CHECK_FAILED: 'id-token-time',
  OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED: 'response-attribute',
  OAUTH_UNSUPPORTED_OPERATION: 'unsupported',
};

/** Token endpoint errors (RFC 6749 section 5.2) that are repeated in logs. */
const knownErrors: ReadonlySet<string> = new Set([
  'invalid_dpop_proof',
  'invalid_request',
  'invalid_scope',
  'invalid_target',
  'unsupported_grant_type',
  'unsupported_token_type',
  'use_dpop_nonce',
]);

export function translateLibraryError(error: unknown): SallyportError | Refusal {
  const own = ownErrorWithin(error);
  if (own !== null) return own;
  if (error instanceof ResponseBodyError) return translateErrorCode(error.error);
  if (error instanceof WWWAuthenticateChallengeError) return new Refusal('response-status', 'response');
  if (error instanceof ClientError && error.code !== undefined) {
    if (error.code === 'OAUTH_TIMEOUT' || error.code === 'OAUTH_ABORT') return unavailable('timeout');
    const response = aboutResponse[error.code];
    if (response !== undefined) return new Refusal(response, 'response');
    return new Refusal(aboutContent[error.code] ?? 'library-check');
  }
  const code = (error as { code?: unknown } | null)?.code;
  const known = typeof code === 'string' && /^\w{1,60}$/.test(code) ? code : 'unknown';
  return new SallyportError('ERR_INTERNAL', `the OpenID library failed unexpectedly: ${known}`, {
    detail: 'library',
  });
}

/** An `error` member of the provider, as a failure. */
export function translateErrorCode(code: string): SallyportError | Refusal {
  if (code === 'invalid_client' || code === 'unauthorized_client') return clientRefused(code);
  if (code === 'temporarily_unavailable' || code === 'server_error') return unavailable(code);
  // Of all of them only `invalid_grant` says that the person's session is over.
  if (code === 'invalid_grant') return new Refusal('invalid-grant');
  return new Refusal(knownErrors.has(code) ? code.replaceAll('_', '-') : 'token-endpoint-error', 'response');
}

export function clientRefused(detail: string): SallyportError {
  return new SallyportError('ERR_PROVIDER_CLIENT', `the provider refused the gate itself: ${detail}`, {
    detail,
    retryAfter: 30,
  });
}

export function unavailable(detail: string): SallyportError {
  return new SallyportError('ERR_PROVIDER_UNAVAILABLE', `the provider cannot be used: ${detail}`, {
    detail,
    retryAfter: 5,
  });
}

/** What our own `fetch` threw, wherever the library put it. */
function ownErrorWithin(error: unknown): SallyportError | Refusal | null {
  let current = error;
  for (let depth = 0; depth < 6 && current instanceof Error; depth += 1) {
    if (current instanceof SallyportError || current instanceof Refusal) return current;
    current = current.cause;
  }
  return null;
}
