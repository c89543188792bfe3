/** The shape of an authorization response, checked before anything in it is used (RFC 6749 section 4.1.2). */
import type { Provider } from '../oidc/provider.ts';
import { single } from './form.ts';

/** What we make: 32 random bytes in base64url. Anything else cannot be ours and is not even looked up (RP-061). */
const ownState = /^[A-Za-z0-9_-]{43}$/;

/**
 * The `state`, or null when it is absent, repeated or cannot be one of ours. That of a signed answer stands inside it, and
 * one beside it does not count.
 */
export async function readState(
  answer: URLSearchParams,
  { readSignedState }: Pick<Provider, 'readSignedState'>,
): Promise<string | null> {
  const response = readSignedState === null ? null : single(answer, 'response');
  const state =
    readSignedState === null || response === null ? single(answer, 'state') : await readSignedState(response);
  return state !== null && ownState.test(state) ? state : null;
}

/** Answers of flows and modes that are not offered here (RP-031, RP-068). */
const foreign = ['response', 'id_token', 'access_token', 'token_type', 'refresh_token'] as const;

/** Why a plain answer must not be redeemed, as a stable word; null when its shape is right. */
export function answerDefect(answer: URLSearchParams): string | null {
  const names = [...answer.keys()];
  // RFC 6749 section 3.1: parameters must not be included more than once (RP-060).
  if (new Set(names).size !== names.length) return 'duplicate-parameter';
  if (foreign.some((name) => answer.has(name))) return 'unexpected-parameter';
  if (answer.has('code') && answer.has('error')) return 'code-and-error';
  if (!answer.has('code') && !answer.has('error')) return 'no-code';
  return null;
}
