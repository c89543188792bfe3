/**
 * Judges the answer to an authorization request (RFC 6749 section 4.1.2, RFC 9207) before anything is sent anywhere: a
 * code that belongs to another login or another provider never reaches a token endpoint.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { SallyportError } from '../core/errors.ts';
import { Refusal } from './refusal.ts';

const single = ['code', 'state', 'iss', 'error', 'error_description', 'error_uri', 'session_state'] as const;

/** Other response types are not asked for, and a signed answer has been opened by now: whoever sends these mixes flows. */
const foreign = ['response', 'id_token', 'access_token', 'token', 'token_type'] as const;

/** Error codes of RFC 6749 and OpenID Connect that are repeated in logs; anything else becomes `other`. */
const knownErrors: ReadonlySet<string> = new Set([
  'access_denied',
  'account_selection_required',
  'consent_required',
  'interaction_required',
  'invalid_request',
  'invalid_scope',
  'login_required',
  'server_error',
  'temporarily_unavailable',
  'unauthorized_client',
  'unsupported_response_type',
]);

/** What needs no metadata. Fails with a `Refusal`, or with `ERR_LOGIN_DENIED` when the provider said no. Answers the code. */
export function checkAnswer(answer: URLSearchParams, state: string): string {
  for (const name of [...single, ...foreign]) {
    if (answer.getAll(name).length > 1) throw new Refusal('duplicate-parameter');
  }
  if (foreign.some((name) => answer.has(name))) throw new Refusal('unexpected-parameter');
  if (!sameText(answer.get('state') ?? '', state)) throw new Refusal('state-mismatch');
  const code = answer.get('code');
  const error = answer.get('error');
  if (code !== null && error !== null) throw new Refusal('code-and-error');
  if (error !== null) throw denied(error);
  if (code === null || !/^[\x20-\x7e]{1,8192}$/.test(code)) throw new Refusal('code-missing');
  return code;
}

/** Simple string comparison (RFC 9207 section 2.4): a trailing slash or `:443` is another issuer. */
export function checkAnswerIssuer(answer: URLSearchParams, issuer: string, advertised: boolean): void {
  const given = answer.get('iss');
  if (given === null && advertised) throw new Refusal('response-issuer-missing');
  if (given !== null && given !== issuer) throw new Refusal('response-issuer-mismatch');
}

function denied(error: string): SallyportError {
  const detail = knownErrors.has(error) ? error : 'other';
  return new SallyportError('ERR_LOGIN_DENIED', `the provider answered ${detail}`, { detail });
}

/** Over digests, so that neither time nor an exception tells about length. */
function sameText(left: string, right: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(left), digest(right));
}
