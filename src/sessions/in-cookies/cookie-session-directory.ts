/**
 * Sessions in cookies as others see them: nobody has a list of them. Through a deny-list they can be ended, without one
 * not even that.
 */
import { createHash } from 'node:crypto';
import type { Clock } from '../../core/clock.ts';
import type { Emit } from '../../core/events.ts';
import type { SessionEndReason } from '../../core/session.ts';
import type { Store } from '../../stores/store.ts';
import type { SessionDirectory, SessionFilter } from '../session-directory.ts';
import { createDenial, type Denial } from './denial.ts';
import type { DenyList } from './deny-list.ts';

export interface CookieSessionDirectoryDeps {
  /** Null without a deny-list. */
  readonly fleet: { readonly denyList: DenyList; readonly store: Store } | null;
  readonly clock: Clock;
  readonly emit: Emit;
  /** Ends what is denied in this process. */
  readonly onDenied: (id: string | null, denials: readonly Denial[]) => void;
}

const oncePrefix = 'j:';
const mark = Buffer.from([1]);

export function createCookieSessionDirectory(deps: CookieSessionDirectoryDeps): SessionDirectory {
  const { fleet, clock, emit } = deps;

  const needFleet = (): NonNullable<typeof fleet> => {
    if (fleet === null)
      throw new Error('sessions in cookies cannot be ended from elsewhere without a deny-list');
    return fleet;
  };

  const deny = async (
    filter: SessionFilter,
    parts: Pick<Denial, 'issuedAt' | 'except' | 'reason'>,
  ): Promise<null> => {
    const { denyList } = needFleet();
    const now = clock.now();
    const { id } = filter;
    // Of one session it does not matter when it began.
    const before = id === undefined ? now : Number.MAX_SAFE_INTEGER;
    const denial = createDenial(filter, { before, at: now, ...parts });
    await (id === undefined ? denyList.denyAll(denial) : denyList.denyOne(id, denial));
    deps.onDenied(id ?? null, [denial]);
    tell(filter, parts.reason);
    return null;
  };

  const tell = (filter: SessionFilter, reason: SessionEndReason): void =>
    emit('sessions.ended', { reason, provider: filter.provider ?? null, count: null });

  return {
    abilities: fleet === null ? 'none' : 'end',
    list: () => Promise.reject(new Error('sessions in cookies cannot be listed')),
    find: () => Promise.reject(new Error('sessions in cookies cannot be listed')),
    async end(filter, { reason, except = null }) {
      const named = filter.id === undefined || isSessionId(filter.id);
      return named ? deny(filter, { issuedAt: null, except, reason }) : 0;
    },
    async endByProvider({ provider, subject, sid, issuedAt }, reason) {
      if (sid !== null) return deny({ provider, sid }, { issuedAt, except: null, reason });
      if (subject === null) throw new Error('a logout names a session or a person');
      return deny({ provider, subject }, { issuedAt, except: null, reason });
    },
    async useOnce(word, until) {
      const digest = createHash('sha256').update(word, 'utf8').digest('base64url');
      const entry = { value: mark, expiresAt: until };
      return (await needFleet().store.addIfAbsent(oncePrefix + digest, entry)) !== null;
    },
  };
}

/** What is called otherwise is no session, and no key is made of it. */
function isSessionId(id: string): boolean {
  return /^[A-Za-z0-9_-]{43}$/.test(id);
}
