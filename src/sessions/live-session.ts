/**
 * A session that this process has opened: what the store holds, what has happened since, and the answer that is ready
 * for the next request. The only mutable thing in this folder; its snapshots (`Session`) never change.
 */
import type { SessionAuthentication } from '../core/authentication.ts';
import { noCookies } from '../core/decision.ts';
import type { SallyportError } from '../core/errors.ts';
import type { SessionEndReason } from '../core/session.ts';
import type { Provider } from '../oidc/provider.ts';
import type { Lock } from '../stores/locks.ts';
import { expiresAt, type Limits, type SessionTimes } from './limits.ts';
import type { SessionCookie } from './session-cookie.ts';
import type { SessionRecord } from './session-record.ts';

/** The clock may go back by so much (NTP, skew between nodes) before a time in the future counts as wrong. */
const clockTolerance = 60_000;

export interface LiveSession {
  readonly cookie: SessionCookie;
  readonly key: string;
  readonly logId: string;
  readonly provider: Provider;
  /** As it should be in the store, but for `lastSeenAt`. */
  record: SessionRecord;
  /** Unix time in milliseconds of the last activity, exact. */
  lastSeenAt: number;
  /** What the store held when it was last read or written. */
  saved: SavedState;
  /** Under way, or null: one write at a time for a session. */
  saving: Promise<unknown> | null;
  /** Monotonic time before which no write is tried again. */
  saveNotBefore: number;
  /** Renewed tokens that the store could not take yet exist only here: never drop this session from memory. */
  unsaved: boolean;
  /** Kept while renewed tokens are unsaved, so that no other process uses up the refresh token of before. */
  lock: Lock | null;
  /** Sealed under a key that is not the first any more: to be written anew. */
  stale: boolean;
  /** The epoch of the store that it was read in; of another one than now: to be read again before it is used. */
  epoch: number;
  /** Under way, or null: one refresh for a session, whoever waits. */
  refreshing: Promise<void> | null;
  /** Unix time in milliseconds from which the access token is to be renewed; infinite without a refresh token. */
  refreshAt: number;
  /** Monotonic time before which no refresh is tried again. */
  refreshNotBefore: number;
  /** Why the last refresh failed, or null. */
  refreshError: SallyportError | null;
  ended: SessionEndReason | null;
  /** Within [calmFrom, calmUntil) a request needs neither sliding nor refresh nor a look at the limits. */
  calmFrom: number;
  calmUntil: number;
  answer: Extract<SessionAuthentication, { kind: 'session' }>;
  /** Set by every use, cleared by the cache in passing. */
  used: boolean;
}

export interface SavedState {
  readonly version: number;
  readonly record: SessionRecord;
}

export function createLiveSession(
  names: Pick<LiveSession, 'cookie' | 'key' | 'logId' | 'provider'>,
  saved: SavedState,
  limits: Limits,
): LiveSession {
  const { record } = saved;
  return {
    ...names,
    record,
    lastSeenAt: record.lastSeenAt,
    saved,
    saving: null,
    saveNotBefore: 0,
    unsaved: false,
    lock: null,
    stale: false,
    epoch: Number.NaN,
    refreshing: null,
    refreshAt: Number.POSITIVE_INFINITY,
    refreshNotBefore: 0,
    refreshError: null,
    ended: null,
    calmFrom: 0,
    calmUntil: 0,
    answer: answerFor(names, record, limits),
    used: true,
  };
}

export function timesOf(live: LiveSession): SessionTimes {
  return { createdAt: live.record.createdAt, lastSeenAt: live.lastSeenAt };
}

/** Lets others renew this session, if we kept them from it. Never rejects. */
export async function letGo(live: LiveSession): Promise<void> {
  const { lock } = live;
  live.lock = null;
  await lock?.release();
}

/** Notes activity. */
export function noteUse(live: LiveSession, now: number, limits: Limits): void {
  live.lastSeenAt = now;
  renewAnswer(live, limits);
}

/** Makes the next answer from what is known now. */
export function renewAnswer(live: LiveSession, limits: Limits): void {
  live.answer = answerFor(live, { ...live.record, lastSeenAt: live.lastSeenAt }, limits);
}

/** Until when requests may be answered without another look. */
export function renewCalm(live: LiveSession, limits: Limits): void {
  const { createdAt, tokensReceivedAt } = live.record;
  const savedSeenAt = live.saved.record.lastSeenAt;
  live.calmFrom = Math.max(createdAt, tokensReceivedAt, savedSeenAt) - clockTolerance;
  live.calmUntil = Math.min(savedSeenAt + limits.slideEvery, createdAt + limits.absolute, live.refreshAt);
}

/**
 * After the wall clock went back, times that lie in the future are taken to be now: a session then lives at most its
 * limits from here on, and not until the clock has caught up (FL-050).
 */
export function mendTimes(live: LiveSession, now: number): void {
  if (live.lastSeenAt > now + clockTolerance) live.lastSeenAt = now;
  if (live.record.createdAt > now + clockTolerance) live.record = { ...live.record, createdAt: now };
}

/** Tokens from the future: the wall clock went back, and when they expire is no longer known. */
export function hasTokensFromTheFuture(live: LiveSession, now: number): boolean {
  return live.record.tokensReceivedAt > now + clockTolerance;
}

function answerFor(
  names: Pick<LiveSession, 'key' | 'logId'>,
  record: SessionRecord,
  limits: Limits,
): LiveSession['answer'] {
  const { provider, issuer, subject, claims, tokens, createdAt, lastSeenAt } = record;
  const session = {
    key: names.key,
    logId: names.logId,
    identity: { provider, issuer, subject, claims },
    tokens,
    createdAt,
    lastSeenAt,
    expiresAt: expiresAt(record, limits),
    absoluteExpiresAt: createdAt + limits.absolute,
  };
  return { kind: 'session', session, setCookies: noCookies };
}
