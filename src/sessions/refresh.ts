/**
 * Renews access tokens before they expire: one refresh for a session, however many requests on however many nodes wait,
 * and tied to none of them. In this process they share a promise; among processes the lock of the session decides, and
 * who does not get it reads the record again. Nobody waits while the old token is still good.
 */
import type { Clock, RandomBytes } from '../core/clock.ts';
import { SallyportError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import type { TokenSet } from '../core/identity.ts';
import type { RefreshOutcome } from '../oidc/provider.ts';
import type { Lock, Locks } from '../stores/locks.ts';
import { hasTokensFromTheFuture, type LiveSession, letGo } from './live-session.ts';
import {
  backOffOf,
  failureElsewhere,
  refreshFailure,
  toRefreshFailure,
  waitElsewhere,
} from './refresh-failure.ts';
import { awaitTurn, type Turn } from './refresh-turn.ts';
import type { SessionWriter } from './session-writer.ts';
import { createSlots } from './slots.ts';

export interface Refresher {
  /** Whether a refresh should be under way now, and no earlier try forbids it yet. */
  isDue(live: LiveSession, now: number): boolean;
  /** Whether the access token is too near its end to be sent, or past it. */
  isSpent(live: LiveSession, now: number): boolean;
  /** Whether so much is under way that a refresh nobody waits for should come later (FL-068). */
  isBusy(): boolean;
  /** Renews the tokens or joins who is renewing them. Never rejects: look at the session afterwards. */
  refresh(live: LiveSession): Promise<void>;
  /** When the tokens of this session are to be renewed; to be called whenever they changed. */
  schedule(live: LiveSession): void;
  /** Whether its token is past its end, and the provider could not be asked for another one. */
  isDead(live: LiveSession): boolean;
  /** The failure for a request whose token is past its end and cannot be renewed. */
  failure(live: LiveSession): SallyportError;
}

export interface RefresherDeps {
  readonly writer: SessionWriter;
  readonly locks: Locks;
  /** Milliseconds before expiry. */
  readonly before: number;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly emit: Emit;
  /** Tokens, claims or the record behind them have changed. */
  readonly onChanged: (live: LiveSession) => void;
  /** The provider says that the session is over. */
  readonly onRejected: (live: LiveSession) => Promise<void>;
  /** The record has vanished: the session was ended elsewhere. Or no key that is here opens it any more. */
  readonly onGone: (live: LiveSession, why: 'gone' | 'unreadable') => void;
  /** The store could not take the new tokens: they are to be written later. */
  readonly onUnsaved: (live: LiveSession) => void;
}

/** Milliseconds after a success in which tokens that are due again at once (clock, lifetime 0) are used as they are. */
const rest = 1000;
/** A token is sent only if it lives on for so long, or for a tenth of its life. */
const leeway = 5000;
/** Refreshes of this process at a time, and how many may wait (FL-068). */
const slotLimits = { atOnce: 64, waiting: 1024 };
/** Milliseconds in that line. */
const longestInLine = 8000;

export function createRefresher(deps: RefresherDeps): Refresher {
  const { clock, writer, emit } = deps;
  const jitter = (): number => (deps.random(1)[0] ?? 0) / 255;

  const slots = createSlots(slotLimits);

  const run = async (live: LiveSession): Promise<void> => {
    try {
      const asked = clock.monotonic();
      const leave = await slots.take();
      try {
        if (clock.monotonic() - asked > longestInLine) throw inLineTooLong();
        await flush(live);
        await renewInTurn(live);
      } finally {
        leave();
      }
    } catch (error) {
      failed(live, error);
    }
  };

  /** Tokens of the last refresh that the store could not take: they go first, and their lock with them. */
  const flush = async (live: LiveSession): Promise<void> => {
    if (live.lock === null || live.ended !== null) return;
    if ((await writer.save(live)) === 'gone') deps.onGone(live, 'gone');
    live.unsaved = false;
    await letGo(live);
  };

  const renewInTurn = async (live: LiveSession): Promise<void> => {
    for (let turns = 0; turns < 2 && live.ended === null; turns += 1) {
      const known = live.record.tokens;
      const turn = await awaitTurn(live, {
        locks: deps.locks,
        clock,
        catchUp,
        isDone: (session, waiting) => isDone(session, known, waiting),
      });
      if (turn.kind === 'done') return;
      if (turn.kind === 'left') {
        adoptFailure(live, turn);
        return;
      }
      if (await renewUnder(live, turn)) return;
    }
    if (live.ended === null) throw lockLost();
  };

  const isDone = (live: LiveSession, known: TokenSet, waiting: boolean): boolean => {
    if (live.ended !== null) return true;
    if (live.record.tokens === known) return false;
    const now = clock.now();
    if (now < live.refreshAt || (waiting && !isSpent(live, now))) return true;
    // Due again at once, as ours would be.
    const resting = Math.abs(now - live.record.tokensReceivedAt) < rest;
    if (resting) live.refreshNotBefore = clock.monotonic() + rest;
    return resting;
  };

  /** False: it has to be tried once more. */
  const renewUnder = async (live: LiveSession, lock: Lock): Promise<boolean> => {
    live.lock = lock;
    try {
      // After a store that answered late somebody else may have the lock by now: nothing is sent.
      const finished = lock.isHeld() && (await renew(live, lock));
      if (!live.unsaved || live.ended !== null) await letGo(live);
      return finished;
    } catch (error) {
      live.lock = null;
      await stepBack(lock, failed(live, error));
      return true;
    }
  };

  /** Who comes next finds the reason in the lock, so that the whole fleet leaves the provider alone. */
  const stepBack = (lock: Lock, failure: { readonly code: string; readonly wait: number }): Promise<void> =>
    failure.code === 'ERR_STORE_UNAVAILABLE'
      ? lock.release()
      : lock.leave(failure.code, Math.floor(clock.now() + failure.wait));

  /** False: refused, but we had lost the lock, so that it may be because of somebody else's refresh. */
  const renew = async (live: LiveSession, lock: Lock): Promise<boolean> => {
    const { provider, logId, record } = live;
    const used = record.tokens;
    const started = clock.monotonic();
    const outcome = await provider.refresh(record.subject, record.claims, used);
    if (outcome.kind === 'rejected') return rejected(live, { used, lock, reason: outcome.reason });
    const tokens = keepRefreshToken(outcome.tokens, used);
    if (live.ended !== null) {
      discard(live, tokens, used);
      return true;
    }
    // Greater than that of the tokens before, also when the clock that a store makes its versions of went back (FL-050).
    take(live, { ...outcome, tokens }, Math.max(lock.fence, record.fence + 1));
    const durationMs = clock.monotonic() - started;
    emit('session.refreshed', { provider: provider.name, session: logId, durationMs });
    await write(live, tokens, used);
    return true;
  };

  /** Takes over what another process has written. */
  const catchUp = async (live: LiveSession): Promise<void> => {
    const found = await writer.reread(live);
    if (found === 'gone' || found === 'unreadable') deps.onGone(live, found);
    if (found === 'other-tokens') deps.onChanged(live);
  };

  const take = (
    live: LiveSession,
    { tokens, claims }: Extract<RefreshOutcome, { kind: 'refreshed' }>,
    fence: number,
  ) => {
    live.record = { ...live.record, tokens, claims, fence, tokensReceivedAt: clock.now() };
    live.refreshError = null;
    live.refreshNotBefore = clock.monotonic() + rest;
    deps.onChanged(live);
  };

  const write = async (live: LiveSession, tokens: TokenSet, used: TokenSet): Promise<void> => {
    try {
      if ((await writer.save(live)) === 'saved') return;
    } catch {
      // A rotated token that is lost ends the session at the next refresh: keep it here and write it later.
      if (live.ended === null) deps.onUnsaved(live);
      return;
    }
    deps.onGone(live, 'gone');
    discard(live, tokens, used);
  };

  /** The session was ended meanwhile: nothing brings it back, and the new token is not left lying about (LO-025). */
  const discard = (live: LiveSession, tokens: TokenSet, used: TokenSet): void => {
    if (tokens.refreshToken === null || tokens.refreshToken === used.refreshToken) return;
    live.provider.revoke(tokens.refreshToken).catch(() => {});
  };

  /** Somebody else may have used the token while we did; then theirs is the one that counts. */
  const rejected = async (
    live: LiveSession,
    found: { readonly used: TokenSet; readonly lock: Lock; readonly reason: string },
  ): Promise<boolean> => {
    await catchUp(live);
    if (live.ended !== null || live.record.tokens !== found.used) return true;
    if (!found.lock.isHeld()) return false;
    const { provider, logId } = live;
    emit('session.refresh-failed', { provider: provider.name, session: logId, reason: found.reason });
    await deps.onRejected(live);
    return true;
  };

  const failed = (live: LiveSession, error: unknown): { readonly code: string; readonly wait: number } => {
    const failure = toRefreshFailure(error);
    const wait = backOffOf(failure) * (1 + jitter() / 4);
    live.refreshError = failure;
    live.refreshNotBefore = clock.monotonic() + wait;
    const reason = failure.detail ?? failure.code;
    emit('session.refresh-failed', { provider: live.provider.name, session: live.logId, reason });
    return { code: failure.code, wait };
  };

  /** Another process has told of it; here it only counts. */
  const adoptFailure = (live: LiveSession, { note, until }: Extract<Turn, { kind: 'left' }>): void => {
    live.refreshError = failureElsewhere(note);
    live.refreshNotBefore = clock.monotonic() + waitElsewhere(until - clock.now());
  };

  const isSpent = (live: LiveSession, now: number): boolean => {
    const { tokens, tokensReceivedAt } = live.record;
    const lifetime = tokens.accessTokenExpiresAt - tokensReceivedAt;
    return now >= tokens.accessTokenExpiresAt - Math.min(leeway, Math.max(0, lifetime / 10));
  };

  return {
    isDue: (live, now) =>
      (now >= live.refreshAt ||
        (live.refreshAt !== Number.POSITIVE_INFINITY && hasTokensFromTheFuture(live, now))) &&
      (live.refreshing !== null || clock.monotonic() >= live.refreshNotBefore),
    isSpent,
    isDead: (live) => live.refreshError !== null && clock.now() >= live.record.tokens.accessTokenExpiresAt,
    isBusy: slots.isFull,
    refresh(live) {
      live.refreshing ??= run(live).finally(() => {
        live.refreshing = null;
      });
      return live.refreshing;
    },
    schedule(live) {
      const { tokens, tokensReceivedAt } = live.record;
      const lifetime = Math.max(0, tokens.accessTokenExpiresAt - tokensReceivedAt);
      // Jitter: sessions that began together do not all come back together (FL-068).
      const margin = Math.min(deps.before, lifetime / 5) * (0.8 + 0.2 * jitter());
      live.refreshAt =
        tokens.refreshToken === null
          ? Number.POSITIVE_INFINITY
          : Math.floor(tokens.accessTokenExpiresAt - margin);
    },
    failure: (live) => refreshFailure(live, live.refreshNotBefore - clock.monotonic()),
  };
}

function inLineTooLong(): SallyportError {
  return new SallyportError('ERR_PROVIDER_UNAVAILABLE', 'too many tokens expire at once', {
    detail: 'too-many-refreshes',
    retryAfter: 1,
  });
}

function lockLost(): SallyportError {
  return new SallyportError('ERR_STORE_UNAVAILABLE', 'the lock of a session was lost while it was needed', {
    detail: 'lock-lost',
    retryAfter: 1,
  });
}

/** A refresh response without a refresh token leaves the old one in force (RFC 6749 section 6; FL-067). */
function keepRefreshToken(tokens: TokenSet, used: TokenSet): TokenSet {
  return tokens.refreshToken === null ? { ...tokens, refreshToken: used.refreshToken } : tokens;
}
