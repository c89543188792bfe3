/**
 * The end of a session in this process: it leaves the cache, everything that holds on to it is told, and it is
 * remembered for a while, so that an answer of the store that is still on its way cannot bring it back.
 */
import type { Clock } from '../core/clock.ts';
import type { Emit } from '../core/events.ts';
import type { SessionEndReason } from '../core/session.ts';
import type { Holds } from './holds.ts';
import type { SessionCache } from './session-cache.ts';
import { sessionLogId } from './session-cookie.ts';

export interface Endings {
  /** Ends the session of `key` here and tells of it. */
  end(key: string, reason: SessionEndReason): void;
  /** The same without a word: somebody else ended it, or tells of many at once. */
  forget(key: string, reason: SessionEndReason): void;
  /** Lets go of a session that no key opens for now: not over, and nothing that holds on to it may go on. */
  drop(key: string): void;
  /** Why the session of `key` ended lately, or null. */
  find(key: string): SessionEndReason | null;
  /** Lets go of endings that nothing can be under way for any more. */
  purge(): void;
}

export interface EndingsDeps {
  readonly cache: Pick<SessionCache, 'findByKey' | 'remove'>;
  readonly holds: Holds;
  readonly clock: Clock;
  readonly emit: Emit;
}

/** Milliseconds; no call to a store takes so long. */
const remembered = 60_000;
/** Endings that are remembered: more than end while one call to a store is under way, some megabytes of memory. */
const mostRemembered = 50_000;

export function createEndings({ cache, holds, clock, emit }: EndingsDeps): Endings {
  const ended = new Map<string, { readonly reason: SessionEndReason; readonly at: number }>();

  const leave = (key: string, reason: SessionEndReason): void => {
    const live = cache.findByKey(key);
    if (live !== null) {
      live.ended = reason;
      cache.remove(live);
    }
    holds.end(key, reason);
  };

  const end = (key: string, reason: SessionEndReason): boolean => {
    if (ended.has(key)) return false;
    ended.set(key, { reason, at: clock.monotonic() });
    if (ended.size > mostRemembered) ended.delete(ended.keys().next().value as string);
    leave(key, reason);
    return true;
  };

  return {
    end(key, reason) {
      if (end(key, reason)) emit('session.ended', { session: sessionLogId(key), reason });
    },
    forget(key, reason) {
      end(key, reason);
    },
    drop(key) {
      if (!ended.has(key)) leave(key, 'unreadable');
    },
    find: (key) => ended.get(key)?.reason ?? null,
    purge() {
      const before = clock.monotonic() - remembered;
      for (const [key, { at }] of ended) {
        if (at > before) return;
        ended.delete(key);
      }
    },
  };
}
