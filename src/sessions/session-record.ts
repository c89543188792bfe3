/**
 * The record of a session as it lies in the store: JSON with a format version, sealed under the key ring and the whole
 * of the browser's cookie: the secret, and the id, so that a record that was put in the place of another one opens for
 * nobody. Whatever comes back is checked member by member: it may be of another release (SC-052).
 */
import type { Claims, TokenSet } from '../core/identity.ts';
import type { KeyRing } from '../keys/key-ring.ts';
import type { SessionCookie } from './session-cookie.ts';

export interface SessionRecord {
  /** The public origin that it was made for; another one does not take it (SC-049). */
  readonly origin: string;
  readonly provider: string;
  readonly issuer: string;
  readonly subject: string;
  readonly claims: Claims;
  readonly tokens: TokenSet;
  /** Unix times in milliseconds. */
  readonly tokensReceivedAt: number;
  readonly createdAt: number;
  readonly lastSeenAt: number;
}

export type OpenedRecord =
  | { readonly kind: 'opened'; readonly record: SessionRecord; readonly stale: boolean }
  /** Not for this secret, not under these keys, or damaged: it cannot be told which. */
  | { readonly kind: 'sealed' }
  /** Made by a release that is newer than this one. */
  | { readonly kind: 'newer' }
  /** Ours, and not a session. */
  | { readonly kind: 'malformed' };

const formatVersion = 1;
/** More than tokens and claims of any provider; what is larger is not read (FL-008). */
export const largestRecord = 256 * 1024;

export function sealRecord(record: SessionRecord, keyRing: KeyRing, cookie: SessionCookie): Buffer {
  const plaintext = Buffer.from(JSON.stringify({ v: formatVersion, ...record }), 'utf8');
  return keyRing.seal('session-record', plaintext, saltOf(cookie));
}

/** Never throws. */
export function openRecord(sealed: Uint8Array, keyRing: KeyRing, cookie: SessionCookie): OpenedRecord {
  if (sealed.length > largestRecord) return { kind: 'sealed' };
  const opened = keyRing.open('session-record', sealed, saltOf(cookie));
  if (opened === null) return { kind: 'sealed' };
  const value = parseJson(opened.plaintext.toString('utf8'));
  if (isObject(value) && typeof value.v === 'number' && value.v > formatVersion) return { kind: 'newer' };
  const record = readRecord(value);
  return record === null ? { kind: 'malformed' } : { kind: 'opened', record, stale: opened.stale };
}

function saltOf({ id, secret }: SessionCookie): Buffer {
  return Buffer.concat([Buffer.from(id, 'base64url'), Buffer.from(secret, 'base64url')]);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function readRecord(value: unknown): SessionRecord | null {
  return isObject(value) && value.v === formatVersion ? readMembers(value) : null;
}

/** The record in an object that somebody else made of one, every member checked, or null. */
export function readMembers(value: Readonly<Record<string, unknown>>): SessionRecord | null {
  const { origin, provider, issuer, subject, claims, tokensReceivedAt, createdAt, lastSeenAt } = value;
  const tokens = readTokens(value.tokens);
  if (!isText(origin) || !isText(provider) || !isText(issuer) || !isText(subject)) return null;
  if (!isObject(claims) || tokens === null) return null;
  if (!isTime(tokensReceivedAt) || !isTime(createdAt) || !isTime(lastSeenAt)) return null;
  return {
    origin,
    provider,
    issuer,
    subject,
    claims: withoutPrototype(claims),
    tokens,
    tokensReceivedAt,
    createdAt,
    lastSeenAt,
  };
}

function readTokens(value: unknown): TokenSet | null {
  if (!isObject(value)) return null;
  const { accessToken, accessTokenExpiresAt, refreshToken, idToken, scope } = value;
  if (!isText(accessToken) || !isTime(accessTokenExpiresAt)) return null;
  if (refreshToken !== null && !isText(refreshToken)) return null;
  if (typeof idToken !== 'string' || typeof scope !== 'string') return null;
  return { accessToken, accessTokenExpiresAt, refreshToken, idToken, scope };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

/** So that a claim called `__proto__` is a claim, and one that is missing is not found on a prototype. */
function withoutPrototype(claims: Readonly<Record<string, unknown>>): Claims {
  return Object.assign(Object.create(null) as Record<string, unknown>, claims);
}
