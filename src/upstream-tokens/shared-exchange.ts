/**
 * Exchanges that the whole fleet shares: one process exchanges a token, the others find what it got in the store. While
 * the store is away each process exchanges for itself, for an application must not wait for a cache.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../core/clock.ts';
import { type ErrorCode, errorTable, SallyportError } from '../core/errors.ts';
import type { KeyRing } from '../keys/key-ring.ts';
import type { OwnToken } from '../oidc/own-grants.ts';
import type { Lock, Locks } from '../stores/locks.ts';
import type { Store } from '../stores/store.ts';
import { shortBackOff } from './kept-token.ts';
import { openToken, type SealedPlace, sealToken } from './sealed-token.ts';

export interface SharedExchangeDeps {
  readonly store: Store;
  readonly locks: Locks;
  readonly keyRing: KeyRing;
  readonly clock: Clock;
}

export interface ExchangeRequest {
  readonly place: SealedPlace;
  /** Unix time in milliseconds: the end of the session and of the token that is exchanged. */
  readonly endsAt: number;
  /** An access token that is about to end or was refused, so that another one is wanted; null: none. */
  readonly replaced: string | null;
  readonly exchange: () => Promise<OwnToken>;
}

export type SharedExchange = (request: ExchangeRequest) => Promise<OwnToken>;

/** Milliseconds between two looks while another process exchanges, and how long it may take. */
const firstPause = 25;
const longestPause = 250;
const longestWait = 10_000;
/** Milliseconds that a token from the store must live on. */
const shortestLife = 5000;
/** Milliseconds that a token is in the store, though nobody may know its end. */
const longestShared = 86_400_000;

/** Who asks gets what is in the store, or the lock under which to put it there. */
type Turn =
  | { readonly kind: 'found'; readonly token: OwnToken }
  | { readonly kind: 'mine'; readonly lock: Lock }
  | { readonly kind: 'alone' };

/** Fails with what the exchange fails with; what another process failed with is told by its code alone. */
export function createSharedExchange(deps: SharedExchangeDeps): SharedExchange {
  const { store, locks, keyRing, clock } = deps;

  const find = async ({ place, replaced }: ExchangeRequest): Promise<OwnToken | null> => {
    const stored = await store.get(place.key);
    const token = stored === null ? null : openToken(stored.value, keyRing, place);
    if (token === null || token.accessToken === replaced) return null;
    return token.expiresAt - clock.now() < shortestLife ? null : token;
  };

  const awaitTurn = async (request: ExchangeRequest): Promise<Turn> => {
    const deadline = clock.monotonic() + longestWait;
    for (let pause = firstPause; ; pause = Math.min(longestPause, pause * 1.5)) {
      const token = await find(request);
      if (token !== null) return { kind: 'found', token };
      const turn = await locks.acquire(request.place.key);
      if (turn.kind === 'acquired') return takeTurn(request, turn);
      if (turn.note !== null) throw failedElsewhere(turn.note);
      if (clock.monotonic() >= deadline) throw failedElsewhere('ERR_PROVIDER_UNAVAILABLE');
      await sleep(pause);
    }
  };

  /** Who had the lock before may just have finished. */
  const takeTurn = async (request: ExchangeRequest, lock: Lock): Promise<Turn> => {
    const token = await find(request).catch(() => null);
    if (token === null) return { kind: 'mine', lock };
    await lock.release();
    return { kind: 'found', token };
  };

  const share = async ({ place, endsAt }: ExchangeRequest, token: OwnToken): Promise<void> => {
    const now = clock.now();
    const expiresAt = Math.floor(Math.min(token.expiresAt, endsAt, now + longestShared));
    const value = sealToken({ ...token, expiresAt }, keyRing, place);
    if (value === null || expiresAt - now < shortestLife) return;
    try {
      await store.set(place.key, { value, expiresAt });
    } catch {
      // The others exchange for themselves.
    }
  };

  const exchangeUnder = async (request: ExchangeRequest, lock: Lock): Promise<OwnToken> => {
    try {
      const token = await request.exchange();
      await share(request, token);
      await lock.release();
      return token;
    } catch (error) {
      // A crowd on other nodes finds it, and is no crowd at the provider.
      const code = error instanceof SallyportError ? error.code : 'ERR_UPSTREAM_TOKEN';
      await lock.leave(code, Math.floor(clock.now() + shortBackOff));
      throw error;
    }
  };

  return async (request) => {
    const turn = await awaitTurn(request).catch(unlessStore);
    if (turn.kind === 'found') return turn.token;
    return turn.kind === 'mine' ? exchangeUnder(request, turn.lock) : request.exchange();
  };
}

function unlessStore(error: unknown): Turn {
  if (error instanceof SallyportError && error.code === 'ERR_STORE_UNAVAILABLE') return { kind: 'alone' };
  throw error;
}

/** Its word comes out of the store: anything may be in it. */
function failedElsewhere(note: string): SallyportError {
  const code = Object.hasOwn(errorTable, note) ? (note as ErrorCode) : 'ERR_UPSTREAM_TOKEN';
  return new SallyportError(code, 'another process could not exchange the token', {
    detail: 'exchange-elsewhere',
    retryAfter: 1,
  });
}
