/**
 * The record of a session as it lies in the store: JSON with a format version, sealed under the key ring and the whole
 * of the browser's cookie: the secret, and the id, so that a record that was put in the place of another one opens for
 * nobody. Whatever comes back is checked member by member: it may be of another release (SC-052).
 */
import type { Claims, TokenSet } from '../core/identity.ts';
import type { KeyRing } from '../keys/key-ring.ts';
import type { StoredRecord } from '../stores/store.ts';
import { type SessionCookie, sessionKey } from './session-cookie.ts';
import { labelFits, openLabel } from './session-label.ts';

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
  /** `sid` of the ID token, or null. */
  readonly sid: string | null;
  /** Where it was begun: the client's address, and its `User-Agent`, shortened, or null. */
  readonly address: string;
  readonly userAgent: string | null;
  /** Fencing token of the refresh that the tokens come from; 0: from the sign-in. */
  readonly fence: number;
}

/** Why a record is good for nobody, whatever cookie comes: it is removed and counted. */
export type Unusable =
  /** Longer than any session. */
  | 'too-large'
  /** Not made by this gate. */
  | 'foreign'
  /** Sealed under a key of ours, and changed or cut since. */
  | 'damaged'
  /** Made by a release that is newer than this one. */
  | 'newer'
  /** Opens, and is not a session. */
  | 'malformed';

export type OpenedRecord =
  | { readonly kind: 'opened'; readonly record: SessionRecord; readonly stale: boolean }
  | { readonly kind: 'unusable'; readonly reason: Unusable }
  /** Intact, and of another browser: the cookie is wrong, the record is not. */
  | { readonly kind: 'other-secret' }
  /** Sealed under a key that is not here: retired, or not come yet. Another node may open it. */
  | { readonly kind: 'unknown-key' };

const formatVersion = 1;
/** More than tokens and claims of any provider; what is larger is not read (FL-008). */
export const largestRecord = 256 * 1024;
/** The front of everything that a ring seals: its format, and the id of the key. */
const sealedVersion = 1;
const sealedHeader = 9;

export function sealRecord(record: SessionRecord, keyRing: KeyRing, cookie: SessionCookie): Buffer {
  const plaintext = Buffer.from(JSON.stringify({ v: formatVersion, ...record }), 'utf8');
  return keyRing.seal('session-record', plaintext, saltOf(cookie));
}

/** Never throws. */
export function openRecord(
  stored: Pick<StoredRecord, 'value' | 'label'>,
  keyRing: KeyRing,
  cookie: SessionCookie,
): OpenedRecord {
  if (stored.value.length > largestRecord) return unusable('too-large');
  const opened = keyRing.open('session-record', stored.value, saltOf(cookie));
  if (opened === null) return whyClosed(stored, keyRing, sessionKey(cookie.id));
  const value = parseJson(opened.plaintext.toString('utf8'));
  if (isObject(value) && typeof value.v === 'number' && value.v > formatVersion) return unusable('newer');
  const record = readRecord(value);
  return record === null ? unusable('malformed') : { kind: 'opened', record, stale: opened.stale };
}

/** The label opens without the cookie and knows what the value was: it tells damage from a wrong secret. */
function whyClosed(
  { value, label }: Pick<StoredRecord, 'value' | 'label'>,
  keyRing: KeyRing,
  key: string,
): OpenedRecord {
  if (label === null) return unusable('foreign');
  const opened = openLabel(label, keyRing, key);
  if (opened !== null) return labelFits(opened, value) ? { kind: 'other-secret' } : unusable('damaged');
  if (keyRing.knows(value) || keyRing.knows(label)) return unusable('damaged');
  return sealedAlike(value, label) ? { kind: 'unknown-key' } : unusable('foreign');
}

/** Version and key id at the front are the same: both were sealed by one ring, if not by ours. */
function sealedAlike(value: Uint8Array, label: Uint8Array): boolean {
  if (value[0] !== sealedVersion || value.length < sealedHeader || label.length < sealedHeader) return false;
  return Buffer.compare(value.subarray(0, sealedHeader), label.subarray(0, sealedHeader)) === 0;
}

function unusable(reason: Unusable): OpenedRecord {
  return { kind: 'unusable', reason };
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
    // Not there in records of a release before these members.
    sid: isText(value.sid) ? value.sid : null,
    address: isText(value.address) ? value.address : '',
    userAgent: isText(value.userAgent) ? value.userAgent : null,
    fence: isTime(value.fence) ? value.fence : 0,
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
