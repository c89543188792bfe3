/**
 * The label of a session: the small part of its record that an operator may read without the browser's cookie: who,
 * since when, from where, never a token. Sealed under the key ring alone. It also knows the digest of the sealed record
 * beside it, so that a damaged record can be told from a cookie with a wrong secret.
 */
import { createHash } from 'node:crypto';
import type { Claims } from '../core/identity.ts';
import type { KeyRing } from '../keys/key-ring.ts';
import { largestLabel } from '../stores/store.ts';
import type { SessionRecord } from './session-record.ts';

export interface SessionLabel {
  /** Digest of the sealed record. */
  readonly digest: string;
  readonly provider: string;
  readonly issuer: string;
  readonly subject: string;
  readonly sid: string | null;
  readonly name: string | null;
  /** Unix times in milliseconds. */
  readonly createdAt: number;
  readonly lastSeenAt: number;
  readonly address: string;
  readonly userAgent: string | null;
}

const formatVersion = 1;
const digestBytes = 16;
const longestName = 200;
const longestSid = 256;
/** What sealing adds: version, key id, nonce and tag. */
const overhead = 37;

/** Null when who it is about is too long for a label even without a name. */
export function sealLabel(
  about: { readonly key: string; readonly record: SessionRecord; readonly sealed: Uint8Array },
  keyRing: KeyRing,
): Buffer | null {
  const { record } = about;
  const name = displayName(record.claims);
  for (const shown of [
    { name, userAgent: record.userAgent },
    { name: null, userAgent: record.userAgent },
    { name: null, userAgent: null },
  ]) {
    const text = Buffer.from(JSON.stringify(fieldsOf(about, shown)), 'utf8');
    if (text.length + overhead <= largestLabel) return keyRing.seal('session-label', text);
  }
  return null;
}

/** A `sid` as labels and lists have it: the tags know all of it. */
export function shownSid(sid: string): string {
  return sid.slice(0, longestSid);
}

/** Null when it is not the label of the record under `key`, or does not open. Never throws. */
export function openLabel(label: Uint8Array, keyRing: KeyRing, key: string): SessionLabel | null {
  if (label.length > largestLabel) return null;
  const opened = keyRing.open('session-label', label);
  if (opened === null) return null;
  const fields = parseFields(opened.plaintext.toString('utf8'));
  return fields === null || fields[0] !== formatVersion || fields[1] !== key ? null : readFields(fields);
}

/** Whether `sealed` is, to the last bit, the record that this label was made for. */
export function labelFits(label: SessionLabel, sealed: Uint8Array): boolean {
  return label.digest === digestOf(sealed);
}

function fieldsOf(
  {
    key,
    record,
    sealed,
  }: { readonly key: string; readonly record: SessionRecord; readonly sealed: Uint8Array },
  { name, userAgent }: Pick<SessionLabel, 'name' | 'userAgent'>,
): readonly unknown[] {
  const { provider, issuer, subject, sid, createdAt, lastSeenAt, address } = record;
  const who = [provider, issuer, subject, sid === null ? null : shownSid(sid), name];
  return [formatVersion, key, digestOf(sealed), ...who, createdAt, lastSeenAt, address, userAgent];
}

function readFields(fields: readonly unknown[]): SessionLabel | null {
  const [, , digest, provider, issuer, subject, sid, name, createdAt, lastSeenAt, address, userAgent] =
    fields;
  if (!isText(digest) || !isText(provider) || !isText(issuer) || !isText(subject) || !isText(address))
    return null;
  if (!isTextOrNull(sid) || !isTextOrNull(name) || !isTextOrNull(userAgent)) return null;
  if (typeof createdAt !== 'number' || typeof lastSeenAt !== 'number') return null;
  return { digest, provider, issuer, subject, sid, name, createdAt, lastSeenAt, address, userAgent };
}

/** What people call this person; shortened, and without characters that could write over a terminal or a line. */
function displayName(claims: Claims): string | null {
  for (const member of ['preferred_username', 'email', 'name']) {
    const value = Object.hasOwn(claims, member) ? claims[member] : undefined;
    if (typeof value !== 'string') continue;
    const name = printable(value, longestName);
    if (name !== '') return name;
  }
  return null;
}

/** Without control and format characters and halves of characters, at most `longest` UTF-16 units. */
export function printable(text: string, longest: number): string {
  return text
    .slice(0, 4 * longest)
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]+/gu, '')
    .trim()
    .slice(0, longest)
    .replace(/\p{Cs}/gu, '');
}

function digestOf(sealed: Uint8Array): string {
  return createHash('sha256').update(sealed).digest().subarray(0, digestBytes).toString('base64url');
}

function parseFields(text: string): readonly unknown[] | null {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isTextOrNull(value: unknown): value is string | null {
  return value === null || typeof value === 'string';
}
