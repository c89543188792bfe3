/**
 * Begins sessions: writes the record, then looks whether the provider told of a logout while the login was under way,
 * and ends what the new session replaces or pushes out. Two rounds of the store, whatever there is to do.
 */
import type { Clock, RandomBytes } from '../core/clock.ts';
import { SallyportError } from '../core/errors.ts';
import { type RequestHead, requestHeader } from '../core/request-head.ts';
import type { KeyRing } from '../keys/key-ring.ts';
import type { Provider, SignedIn } from '../oidc/provider.ts';
import type { Entry, Store } from '../stores/store.ts';
import type { Endings } from './endings.ts';
import type { Following } from './following.ts';
import type { Limits } from './limits.ts';
import { createLiveSession, type LiveSession } from './live-session.ts';
import { overTheLimit } from './person-limit.ts';
import { createSessionCookie, type SessionCookie, sessionKey, sessionLogId } from './session-cookie.ts';
import { sealEntry, subjectTag, tagsOf } from './session-entry.ts';
import { printable } from './session-label.ts';
import type { SessionRecord } from './session-record.ts';
import type { Summaries } from './session-summaries.ts';
import type { Tombstones } from './tombstones.ts';

export interface Login {
  readonly head: RequestHead;
  readonly provider: Provider;
  readonly signedIn: SignedIn;
  /** Unix time in milliseconds. */
  readonly startedAt: number;
}

export interface BeginningDeps {
  readonly store: Store;
  readonly keyRing: KeyRing;
  readonly limits: Limits;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly origin: string;
  readonly following: Following;
  readonly endings: Endings;
  readonly summaries: Summaries;
  readonly tombstones: Tombstones;
  /** Most sessions of one person; null: no limit. */
  readonly maxPerPerson: number | null;
  /** The session that the browser came with, or null. */
  readonly findReplaced: (head: RequestHead) => Promise<LiveSession | null>;
  /** One of the sessions over the limit: its record is gone. */
  readonly onOverLimit: (key: string) => void;
}

/** As long as a logout may name. */
const longestSid = 1000;
const longestUserAgent = 200;

export function createBeginning(deps: BeginningDeps): (login: Login) => Promise<LiveSession> {
  const { store, clock, limits, origin } = deps;

  const recordOf = ({ head, provider, signedIn }: Login): SessionRecord => {
    const now = clock.now();
    const { subject, claims, tokens } = signedIn;
    const who = { provider: provider.name, issuer: provider.issuer, subject, claims, sid: sidOf(signedIn) };
    const times = { tokensReceivedAt: now, createdAt: now, lastSeenAt: now };
    return {
      origin,
      ...who,
      tokens,
      ...times,
      address: head.client.address,
      userAgent: userAgentOf(head),
      fence: 0,
    };
  };

  /** The first round: writes the new record, and finds the one that it replaces. */
  const write = (
    login: Login,
    record: SessionRecord,
    place: { readonly key: string; readonly entry: Entry },
  ) =>
    Promise.all([
      settled(() => store.set(place.key, place.entry, tagsOf(record, limits))),
      deps.findReplaced(login.head),
    ]);

  /** The second: ends the one that was replaced, and those over the limit; fails when there was a logout. */
  const settle = async (login: Login, record: SessionRecord, replaced: LiveSession | null): Promise<void> => {
    const { iat } = login.signedIn.claims;
    const [covered] = await Promise.all([
      deps.tombstones.covers(tagsOf(record, limits).names, {
        startedAt: login.startedAt,
        issuedAt: typeof iat === 'number' ? iat : null,
      }),
      replaced === null ? null : endReplaced(replaced),
      deps.maxPerPerson === null ? null : endOverTheLimit(record, deps.maxPerPerson),
    ]);
    if (covered) throw loggedOut();
  };

  const endReplaced = async ({ key }: LiveSession): Promise<void> => {
    await store.delete(key);
    deps.endings.end(key, 'replaced');
  };

  const endOverTheLimit = async ({ provider, subject }: SessionRecord, limit: number): Promise<void> => {
    const keys = overTheLimit(await store.tagged(subjectTag(provider, subject)), limit, deps.summaries);
    if (keys.length === 0) return;
    await store.deleteAll(keys);
    for (const key of keys) deps.onOverLimit(key);
  };

  /** Nobody got the cookie: the record is of no use, and its tokens are not left lying about (FL-003). */
  const undo = async (login: Login, key: string): Promise<void> => {
    const { refreshToken } = login.signedIn.tokens;
    if (refreshToken !== null) login.provider.revoke(refreshToken).catch(() => {});
    await settled(() => store.delete(key)).catch(() => {});
  };

  return async (login) => {
    const cookie: SessionCookie = createSessionCookie(deps.random);
    const key = sessionKey(cookie.id);
    const record = recordOf(login);
    const entry = sealEntry(record, deps, cookie);
    if (entry === null) throw tooLarge();
    const epochOf = deps.following.track(key);
    try {
      const [version, replaced] = await write(login, record, { key, entry });
      await settle(login, record, replaced);
      const names = { cookie, key, logId: sessionLogId(key), provider: login.provider };
      const live = createLiveSession(names, { version, record }, limits);
      live.epoch = epochOf();
      return live;
    } catch (error) {
      await undo(login, key);
      throw error;
    } finally {
      epochOf();
    }
  };
}

/** So that a store that throws at once does not leave the other half of a round unheard. */
async function settled<T>(work: () => T | Promise<T>): Promise<T> {
  return work();
}

function sidOf({ claims }: SignedIn): string | null {
  const sid = Object.hasOwn(claims, 'sid') ? claims.sid : undefined;
  return typeof sid === 'string' && sid !== '' && sid.length <= longestSid ? sid : null;
}

function userAgentOf(head: RequestHead): string | null {
  const shown = printable(requestHeader(head, 'user-agent') ?? '', longestUserAgent);
  return shown === '' ? null : shown;
}

function tooLarge(): SallyportError {
  return new SallyportError('ERR_LOGIN_FAILED', 'claims and tokens are too large for a session', {
    detail: 'session-too-large',
  });
}

function loggedOut(): SallyportError {
  return new SallyportError('ERR_LOGIN_EXPIRED', 'the provider told of a logout during this sign-in', {
    detail: 'logged-out',
  });
}
