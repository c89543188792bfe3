/** What a login transaction cookie holds: sealed, so that the browser can neither read nor change nor make one. */
import type { KeyRing } from '../keys/key-ring.ts';
import type { LoginTransaction } from './sessions.ts';

const formatVersion = 1;

/** The value of the cookie. A target of more than `longestReturnTo` bytes is cut: the logins of a browser share a few KiB. */
export function sealTransaction(
  transaction: LoginTransaction,
  keyRing: KeyRing,
  longestReturnTo: number,
): string {
  const { provider, state, nonce, codeVerifier, startedAt } = transaction;
  const returnTo = shorten(transaction.returnTo, longestReturnTo);
  const fields = [formatVersion, provider, state, nonce, codeVerifier, returnTo, startedAt];
  const text = JSON.stringify(
    transaction.replaces === undefined ? fields : [...fields, transaction.replaces],
  );
  return keyRing.seal('login-transaction', Buffer.from(text, 'utf8')).toString('base64url');
}

/** Null when it is not one of ours, or of another release. Never throws. */
export function openTransaction(value: string, keyRing: KeyRing): LoginTransaction | null {
  const opened = keyRing.open('login-transaction', Buffer.from(value, 'base64url'));
  if (opened === null) return null;
  const fields = parseFields(opened.plaintext.toString('utf8'));
  if (fields === null) return null;
  const [version, provider, state, nonce, codeVerifier, returnTo, startedAt, replaces] = fields;
  if (version !== formatVersion || typeof startedAt !== 'number') return null;
  if (typeof provider !== 'string' || typeof state !== 'string' || typeof nonce !== 'string') return null;
  if (typeof codeVerifier !== 'string' || typeof returnTo !== 'string') return null;
  const transaction = { provider, state, nonce, codeVerifier, returnTo, startedAt };
  return typeof replaces === 'string' ? { ...transaction, replaces } : transaction;
}

function parseFields(text: string): readonly unknown[] | null {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}

/** A target that is too long loses its query; one that is too long even then leads to the start page. */
function shorten(returnTo: string, longest: number): string {
  if (Buffer.byteLength(returnTo) <= longest) return returnTo;
  const path = returnTo.split('?', 1)[0] as string;
  return Buffer.byteLength(path) <= longest ? path : '/';
}
