/**
 * Renews access tokens before they expire: one refresh for a session however many requests wait, and tied to none of
 * them. Nobody waits while the old token is still good; whoever waits goes on when the new one has been written down.
 */
import type { Clock, RandomBytes } from '../core/clock.ts';
import { SallyportError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import type { TokenSet } from '../core/identity.ts';
import type { RefreshOutcome } from '../oidc/provider.ts';
import { hasTokensFromTheFuture, type LiveSession } from './live-session.ts';
import type { SessionWriter } from './session-writer.ts';

export interface Refresher {
  /** Whether a refresh should be under way now, and no earlier try forbids it yet. */
  isDue(live: LiveSession, now: number): boolean;
  /** Whether the access token is too near its end to be sent, or past it. */
  isSpent(live: LiveSession, now: number): boolean;
  /** Renews the tokens or joins who is renewing them. Never rejects: look at the session afterwards. */
  refresh(live: LiveSession): Promise<void>;
  /** When the tokens of this session are to be renewed; to be called whenever they changed. */
  schedule(live: LiveSession): void;
  /** The failure for a request whose token is past its end and cannot be renewed. */
  failure(live: LiveSession): SallyportError;
}

export interface RefresherDeps {
  readonly writer: SessionWriter;
  /** Milliseconds before expiry. */
  readonly before: number;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly emit: Emit;
  /** Tokens, claims or the record behind them have changed. */
  readonly onChanged: (live: LiveSession) => void;
  /** The provider says that the session is over. */
  readonly onRejected: (live: LiveSession) => Promise<void>;
  /** The record has vanished: the session was ended elsewhere. */
  readonly onGone: (live: LiveSession) => void;
  /** The store could not take the new tokens: they are to be written later. */
  readonly onUnsaved: (live: LiveSession) => void;
}

/** Milliseconds after a failure in which the provider is left alone, unless it says itself how long. */
const backOff = 5000;
const longestBackOff = 300_000;
/** Milliseconds after a success in which tokens that are due again at once (clock, lifetime 0) are used as they are. */
const rest = 1000;
/** A token is sent only if it lives on for so long, or for a tenth of its life. */
const leeway = 5000;

export function createRefresher(deps: RefresherDeps): Refresher {
  const { clock, writer, emit } = deps;
  const jitter = (): number => (deps.random(1)[0] ?? 0) / 255;

  const run = async (live: LiveSession): Promise<void> => {
    try {
      // Another process may have renewed already: a refresh token that was used twice can end the whole family.
      const known = live.record.tokens;
      await catchUp(live);
      const renewed = live.record.tokens !== known && clock.now() < live.refreshAt;
      if (live.ended === null && !renewed) await renew(live);
    } catch (error) {
      failed(live, error);
    }
  };

  const renew = async (live: LiveSession): Promise<void> => {
    const { provider, logId, record } = live;
    const used = record.tokens;
    const started = clock.monotonic();
    const outcome = await provider.refresh(record.subject, record.claims, used);
    if (outcome.kind === 'rejected') {
      await rejected(live, used, outcome.reason);
      return;
    }
    const tokens = keepRefreshToken(outcome.tokens, used);
    if (live.ended !== null) {
      discard(live, tokens, used);
      return;
    }
    take(live, tokens, outcome);
    const durationMs = clock.monotonic() - started;
    emit('session.refreshed', { provider: provider.name, session: logId, durationMs });
    await write(live, tokens, used);
  };

  /** Takes over what another process has written. */
  const catchUp = async (live: LiveSession): Promise<void> => {
    const found = await writer.reread(live);
    if (found === 'gone') deps.onGone(live);
    if (found === 'other-tokens') deps.onChanged(live);
  };

  const take = (
    live: LiveSession,
    tokens: TokenSet,
    { claims }: Extract<RefreshOutcome, { kind: 'refreshed' }>,
  ) => {
    live.record = { ...live.record, tokens, claims, tokensReceivedAt: clock.now() };
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
    deps.onGone(live);
    discard(live, tokens, used);
  };

  /** The session was ended meanwhile: nothing brings it back, and the new token is not left lying about (LO-025). */
  const discard = (live: LiveSession, tokens: TokenSet, used: TokenSet): void => {
    if (tokens.refreshToken === null || tokens.refreshToken === used.refreshToken) return;
    live.provider.revoke(tokens.refreshToken).catch(() => {});
  };

  /** Somebody else may have used the token while we did; then theirs is the one that counts. */
  const rejected = async (live: LiveSession, used: TokenSet, reason: string): Promise<void> => {
    await catchUp(live);
    if (live.ended !== null || live.record.tokens !== used) return;
    emit('session.refresh-failed', { provider: live.provider.name, session: live.logId, reason });
    await deps.onRejected(live);
  };

  const failed = (live: LiveSession, error: unknown): void => {
    const known = error instanceof SallyportError ? error : null;
    live.refreshError =
      known ?? new SallyportError('ERR_PROVIDER_UNAVAILABLE', 'the refresh failed', { cause: error });
    const asked = known?.retryAfter == null ? backOff : Math.min(known.retryAfter * 1000, longestBackOff);
    live.refreshNotBefore = clock.monotonic() + asked * (1 + jitter() / 4);
    const reason = known?.detail ?? live.refreshError.code;
    emit('session.refresh-failed', { provider: live.provider.name, session: live.logId, reason });
  };

  return {
    isDue: (live, now) =>
      (now >= live.refreshAt ||
        (live.refreshAt !== Number.POSITIVE_INFINITY && hasTokensFromTheFuture(live, now))) &&
      (live.refreshing !== null || clock.monotonic() >= live.refreshNotBefore),
    isSpent(live, now) {
      const { tokens, tokensReceivedAt } = live.record;
      const lifetime = tokens.accessTokenExpiresAt - tokensReceivedAt;
      return now >= tokens.accessTokenExpiresAt - Math.min(leeway, Math.max(0, lifetime / 10));
    },
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
    failure(live) {
      const wait = Math.ceil((live.refreshNotBefore - clock.monotonic()) / 1000);
      const code =
        live.refreshError?.code === 'ERR_STORE_UNAVAILABLE'
          ? 'ERR_STORE_UNAVAILABLE'
          : 'ERR_PROVIDER_UNAVAILABLE';
      return new SallyportError(code, 'the access token could not be renewed', {
        detail: 'refresh-failed',
        retryAfter: Math.max(1, wait),
        cause: live.refreshError,
      });
    },
  };
}

/** A refresh response without a refresh token leaves the old one in force (RFC 6749 section 6; FL-067). */
function keepRefreshToken(tokens: TokenSet, used: TokenSet): TokenSet {
  return tokens.refreshToken === null ? { ...tokens, refreshToken: used.refreshToken } : tokens;
}
