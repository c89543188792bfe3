/** What a refresh that failed means: for how long it is not tried again, and what requests are told meanwhile. */
import { type ErrorCode, errorTable, SallyportError } from '../core/errors.ts';
import type { LiveSession } from './live-session.ts';

/** Milliseconds after a failure in which the provider is left alone, unless it says itself how long. */
const usual = 5000;
const longestBackOff = 300_000;
/** Milliseconds after a failure of the store, or of waiting for others: the provider was not asked. */
const short = 1000;
const withoutAsking: ReadonlySet<string | null> = new Set(['refresh-elsewhere', 'too-many-refreshes']);

export function toRefreshFailure(error: unknown): SallyportError {
  if (error instanceof SallyportError) return error;
  return new SallyportError('ERR_PROVIDER_UNAVAILABLE', 'the refresh failed', { cause: error });
}

/** Milliseconds until the next try, without jitter. */
export function backOffOf({ code, detail, retryAfter }: SallyportError): number {
  if (code === 'ERR_STORE_UNAVAILABLE' || withoutAsking.has(detail)) return short;
  return retryAfter === null ? usual : Math.min(retryAfter * 1000, longestBackOff);
}

/**
 * Milliseconds until the note that another process has left is looked for again. What it says is by its clock, which may
 * be another one than ours (FL-051); looking costs a question to the store, and the provider nothing.
 */
export function waitElsewhere(left: number): number {
  return Math.min(Math.max(left, short), usual);
}

/** The failure that another process has met and left word of. Its word comes out of the store: anything may be in it. */
export function failureElsewhere(note: string): SallyportError {
  const code = Object.hasOwn(errorTable, note) ? (note as ErrorCode) : 'ERR_PROVIDER_UNAVAILABLE';
  return new SallyportError(code, 'another process could not renew the tokens', {
    detail: 'refresh-elsewhere',
  });
}

/** For a request whose token is past its end. `wait`: milliseconds until the next try. */
export function refreshFailure({ refreshError }: LiveSession, wait: number): SallyportError {
  const isStore = refreshError?.code === 'ERR_STORE_UNAVAILABLE';
  return new SallyportError(
    isStore ? 'ERR_STORE_UNAVAILABLE' : 'ERR_PROVIDER_UNAVAILABLE',
    'the access token could not be renewed',
    { detail: 'refresh-failed', retryAfter: Math.max(1, Math.ceil(wait / 1000)), cause: refreshError },
  );
}
