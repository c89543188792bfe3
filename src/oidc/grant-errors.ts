/** How a request for a token of the gate's own fails: who may not have one, who cannot, and who gave no usable answer. */
import { SallyportError } from '../core/errors.ts';
import { clientRefused, translateErrorCode, unavailable } from './library-errors.ts';
import type { ProviderResponse } from './provider-http.ts';
import { Refusal } from './refusal.ts';
import { parseStrictObject } from './strict-json.ts';

/**
 * That this caller gets no token for this application (RFC 6749 section 5.2, RFC 8693 section 2.2.2, RFC 8707 section 2),
 * or would have to be asked first (Entra).
 */
const denials: ReadonlySet<string> = new Set([
  'access_denied',
  'consent_required',
  'interaction_required',
  'invalid_grant',
  'invalid_scope',
  'invalid_target',
  'login_required',
]);

/** Passes a success that is JSON. Fails with a `Refusal` or a `SallyportError`. */
export function checkGranted({ status, contentType, text }: ProviderResponse): void {
  if (status >= 300 && status < 400) throw new Refusal('response-redirect', 'response');
  if (status >= 400) throw refused(status, errorOf(text));
  if (status !== 200) throw new Refusal('response-status', 'response');
  if (contentType !== 'application/json') throw new Refusal('response-not-json', 'response');
}

function refused(status: number, code: string | null): SallyportError | Refusal {
  if (code !== null && denials.has(code)) return denied(code.replaceAll('_', '-'));
  if (code === null) {
    return status === 401 ? clientRefused('invalid_client') : new Refusal('response-status', 'response');
  }
  return translateErrorCode(code);
}

/** Null when the body says none. */
function errorOf(text: string): string | null {
  try {
    const { error } = parseStrictObject(text);
    return typeof error === 'string' ? error : null;
  } catch {
    return null;
  }
}

function denied(detail: string): SallyportError {
  return new SallyportError('ERR_UPSTREAM_TOKEN_DENIED', `the provider refused to issue a token: ${detail}`, {
    detail,
  });
}

/** A check that failed, and a wait that took too long, as an operational failure; every other error goes on as it is. */
export function translateGrantFailure(error: unknown): never {
  if (error instanceof DOMException && error.name === 'TimeoutError') throw unavailable('timeout');
  if (!(error instanceof Refusal)) throw error;
  throw new SallyportError('ERR_UPSTREAM_TOKEN', `the provider gave no usable token: ${error.reason}`, {
    detail: error.reason,
  });
}
