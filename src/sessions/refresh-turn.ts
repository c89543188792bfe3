/**
 * Whose turn it is to renew the tokens of a session: one process in the whole fleet has the lock, and the others look
 * into the record until its tokens are there. A refresh token that two processes send can end the whole session.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../core/clock.ts';
import { SallyportError } from '../core/errors.ts';
import type { Lock, Locks } from '../stores/locks.ts';
import type { LiveSession } from './live-session.ts';

export type Turn =
  /** It is ours, and nobody was faster. */
  | Lock
  /** Nothing is left to do: the tokens are new, or the session is over. */
  | { readonly kind: 'done' }
  /** Another process tried and failed, and nobody is to try before `until` (Unix time in milliseconds). */
  | { readonly kind: 'left'; readonly note: string; readonly until: number };

export interface TurnDeps {
  readonly locks: Locks;
  readonly clock: Clock;
  /** Takes over what another process has written. */
  readonly catchUp: (live: LiveSession) => Promise<void>;
  /** Whether there is nothing left to do. `waiting`: somebody else is at work. */
  readonly isDone: (live: LiveSession, waiting: boolean) => boolean;
}

/** Milliseconds between two looks at the record while another process renews it. */
const firstPause = 50;
const longestPause = 250;
/** Milliseconds that a request waits for another process; then it fails, and the session lives on. */
const longestWait = 8000;

/** Fails with `ERR_STORE_UNAVAILABLE`, or `ERR_PROVIDER_UNAVAILABLE` when another process takes too long. */
export async function awaitTurn(live: LiveSession, deps: TurnDeps): Promise<Turn> {
  const { locks, clock } = deps;
  const deadline = clock.monotonic() + longestWait;
  for (let pause = firstPause; ; pause = Math.min(longestPause, pause * 1.5)) {
    const found = await locks.acquire(`r:${live.key}`);
    if (found.kind === 'acquired') return takeTurn(live, found, deps);
    await deps.catchUp(live);
    if (deps.isDone(live, true)) return { kind: 'done' };
    if (found.note !== null) return { kind: 'left', note: found.note, until: found.until };
    if (clock.monotonic() >= deadline) throw tooLong();
    await sleep(pause);
  }
}

/** Who had the lock before may just have finished: what they wrote counts. */
async function takeTurn(live: LiveSession, lock: Lock, deps: TurnDeps): Promise<Turn> {
  try {
    await deps.catchUp(live);
  } catch (error) {
    await lock.release();
    throw error;
  }
  if (!deps.isDone(live, false)) return lock;
  await lock.release();
  return { kind: 'done' };
}

function tooLong(): SallyportError {
  return new SallyportError('ERR_PROVIDER_UNAVAILABLE', 'another process has been renewing for too long', {
    detail: 'refresh-elsewhere',
    retryAfter: 1,
  });
}
