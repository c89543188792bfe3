/** Nonces that an application asks for in the proofs of the gate (RFC 9449 sections 8 and 9). */
import type { ParsedHeaders } from './response-head.ts';

/** The nonce of an answer; null without one, and for one that is none: `NQCHAR` alone, and not of any length. */
export function readNonce(headers: ParsedHeaders): string | null {
  const nonce = headers['dpop-nonce'];
  return typeof nonce === 'string' && /^[\x21\x23-\x5b\x5d-\x7e]{1,512}$/.test(nonce) ? nonce : null;
}

/** Whether a 401 says that the proof lacks the nonce that comes with it, and that nothing else is wrong. */
export function demandsNonce(headers: ParsedHeaders): boolean {
  const challenge = headers['www-authenticate'];
  if (challenge === undefined || readNonce(headers) === null) return false;
  const text = typeof challenge === 'string' ? challenge : challenge.join(', ');
  return /\bDPoP\b/i.test(text) && /\berror\s*=\s*"?use_dpop_nonce\b/.test(text);
}
