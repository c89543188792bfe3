/**
 * Which of the sessions that this process knows are over: asks the deny-list when it has to, ends here what is denied,
 * and has what ends here denied everywhere. Without a deny-list nothing is ever denied, and an end is one here alone.
 */
import type { Clock } from '../../core/clock.ts';
import type { SessionEndReason } from '../../core/session.ts';
import type { Store } from '../../stores/store.ts';
import type { Endings } from '../endings.ts';
import type { Holds } from '../holds.ts';
import { sessionKeyPrefix } from '../session-cookie.ts';
import type { CookieSession } from './cookie-session.ts';
import type { CookieSessionCache } from './cookie-session-cache.ts';
import { createDenial, type Denial, denies } from './denial.ts';
import { createDenyList, type DenyList } from './deny-list.ts';

export interface Verdicts {
  readonly denyList: DenyList | null;
  /** Whether it is known, without asking anybody, that this session is not denied. */
  isCurrent(session: CookieSession): boolean;
  /** What denies a session, or null. One look for however many wait. Fails with `ERR_STORE_UNAVAILABLE`. */
  judge(session: CookieSession): Promise<Denial | null>;
  /** Ends what is denied, as far as it is known here: one session, or, with null, whatever the denials fit. */
  endDenied(id: string | null, denials: readonly Denial[]): void;
  /** Judges what is held open and sends no requests. Never rejects. */
  judgeHeld(): Promise<void>;
  /** Denies a session, then ends it here. Fails with `ERR_STORE_UNAVAILABLE`: then it has not ended. */
  end(key: string, reason: SessionEndReason): Promise<void>;
}

export interface VerdictsDeps {
  /** Null without a deny-list. */
  readonly store: Store | null;
  readonly cache: CookieSessionCache;
  readonly holds: Holds;
  readonly endings: Endings;
  readonly clock: Clock;
  /** Milliseconds that a session lives at most. */
  readonly absolute: number;
}

export function createVerdicts(deps: VerdictsDeps): Verdicts {
  const { store, cache, holds, endings, clock, absolute } = deps;
  /** Sessions that this process is ending: it tells of them itself. */
  const ending = new Set<string>();
  let judging = false;

  const forget = ({ live }: CookieSession, denial: Denial): void => {
    if (!ending.has(live.key)) endings.forget(live.key, denial.reason);
  };

  const endDenied = (id: string | null, denials: readonly Denial[]): void => {
    const one = id === null ? null : cache.get(sessionKeyPrefix + id);
    for (const session of id === null ? cache.sessions() : one === null ? [] : [one]) {
      const denial = denials.find((candidate) => denies(candidate, session.deniable));
      if (denial !== undefined) forget(session, denial);
    }
  };

  const isCurrent = ({ judged }: CookieSession): boolean => denyList === null || denyList.isCurrent(judged);

  const judge = async (session: CookieSession): Promise<Denial | null> => {
    if (denyList === null) return null;
    session.judging ??= denyList.judge(session.deniable).finally(() => {
      session.judging = null;
    });
    const { denial, epoch } = await session.judging;
    if (denial === null) session.judged = epoch;
    else forget(session, denial);
    return denial;
  };

  /** A store that fails leaves it to the next look: nobody can tell what became of them. */
  const judgeHeld = async (): Promise<void> => {
    if (judging) return;
    judging = true;
    try {
      for (const { key } of [...holds.sessions()]) {
        const session = cache.get(key);
        if (session !== null && !isCurrent(session)) await judge(session);
      }
    } catch {
      // They are asked about again.
    } finally {
      judging = false;
    }
  };

  const deny = async (key: string, reason: SessionEndReason): Promise<void> => {
    const parts = { before: Number.MAX_SAFE_INTEGER, issuedAt: null, except: null, reason, at: clock.now() };
    await denyList?.denyOne(key.slice(sessionKeyPrefix.length), createDenial({}, parts));
  };

  const onUncertain = () => void judgeHeld();
  const denyList =
    store === null ? null : createDenyList({ store, clock, absolute, onDenied: endDenied, onUncertain });

  return {
    denyList,
    isCurrent,
    judge,
    endDenied,
    judgeHeld,
    async end(key, reason) {
      ending.add(key);
      try {
        await deny(key, reason);
        endings.end(key, reason);
      } finally {
        ending.delete(key);
      }
    },
  };
}
