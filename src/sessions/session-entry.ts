/** What is written to a store for a session: the sealed record, the label beside it, and the tags it is found by. */
import { createHash } from 'node:crypto';
import type { KeyRing } from '../keys/key-ring.ts';
import type { Entry, Tags } from '../stores/store.ts';
import { type Limits, recordExpiresAt } from './limits.ts';
import { type SessionCookie, sessionKey } from './session-cookie.ts';
import { sealLabel } from './session-label.ts';
import { largestRecord, type SessionRecord, sealRecord } from './session-record.ts';

/** Null when it is too large to be read again. */
export function sealEntry(
  record: SessionRecord,
  deps: { readonly keyRing: KeyRing; readonly limits: Limits },
  cookie: SessionCookie,
): Entry | null {
  const sealed = sealRecord(record, deps.keyRing, cookie);
  if (sealed.length > largestRecord) return null;
  const label = sealLabel({ key: sessionKey(cookie.id), record, sealed }, deps.keyRing);
  if (label === null) return null;
  return { value: sealed, label, expiresAt: recordExpiresAt(record, deps.limits) };
}

/** All sessions of a person at a provider carry this tag. A digest: the store learns no name from it. */
export function subjectTag(provider: string, subject: string): string {
  return tagOf(['subject', provider, subject]);
}

/** The sessions that the provider calls `sid` carry this tag (OpenID Connect Back-Channel Logout 1.0 section 2.1). */
export function sidTag(provider: string, sid: string): string {
  return tagOf(['sid', provider, sid]);
}

export function tagsOf(record: SessionRecord, limits: Limits): Tags {
  const names = [subjectTag(record.provider, record.subject)];
  if (record.sid !== null) names.push(sidTag(record.provider, record.sid));
  return { names, until: record.createdAt + limits.absolute };
}

/** As JSON, so that no two lists of words look alike. */
function tagOf(words: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(words), 'utf8').digest('base64url');
}
