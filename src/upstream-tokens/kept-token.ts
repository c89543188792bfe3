/**
 * A token that is kept while it is good: whoever asks gets it at once, one fetch is under way however many ask, and it is
 * fetched anew in the background before it ends. Nobody waits while the old one is good.
 */
import type { Clock, RandomBytes } from '../core/clock.ts';
import { SallyportError } from '../core/errors.ts';
import type { MaybePromise } from '../core/maybe-promise.ts';
import type { UpstreamToken } from '../core/upstream-token.ts';
import type { OwnGrants, OwnToken } from '../oidc/own-grants.ts';
import { type HeldToken, holdToken, isGood } from './held-token.ts';

export interface KeptToken {
  /**
   * Synchronous while a good one is held. Throws, or rejects with, what the fetch failed with; a failure is repeated for
   * a second without asking.
   */
  obtain(): MaybePromise<HeldToken>;
}

export interface TokenSource {
  /** Obtains a token other than `replaced`: the access token so far, which is about to end or was refused. */
  readonly fetch: (replaced: string | null) => Promise<OwnToken>;
  /** Unix time in milliseconds; see `HoldOptions.endsAt`. */
  readonly endsAt: number;
  readonly prove: OwnGrants['prove'];
}

export interface KeptTokenDeps {
  readonly clock: Clock;
  readonly random: RandomBytes;
}

/** Milliseconds after a failure in which nobody asks again: with no token at hand, and with one that is still good. */
export const shortBackOff = 1000;
const usualBackOff = 5000;
const longestBackOff = 300_000;
/** Milliseconds between two renewals because of a 401: an application that takes no token at all costs no more. */
const betweenForced = 30_000;

export function createKeptToken(source: TokenSource, { clock, random }: KeptTokenDeps): KeptToken {
  let current: HeldToken | null = null;
  let fetching: Promise<HeldToken> | null = null;
  let failure: { readonly error: unknown } | null = null;
  /** Monotonic times before which nothing is asked: without a good token, with one, and because of a 401. */
  let askFrom = 0;
  let renewFrom = 0;
  let forceFrom = Number.NEGATIVE_INFINITY;
  let forcing: Promise<UpstreamToken | null> | null = null;
  const jitter = (): number => (random(1)[0] ?? 0) / 255;

  const run = async (): Promise<HeldToken> => {
    try {
      const token = await source.fetch(current?.accessToken ?? null);
      const { prove, endsAt } = source;
      current = holdToken(token, { prove, endsAt, now: clock.now(), jitter: jitter(), renew });
      failure = null;
      return current;
    } catch (error) {
      failure = { error };
      const failed = clock.monotonic();
      askFrom = failed + shortBackOff;
      renewFrom = failed + backOffOf(error) * (1 + jitter() / 4);
      throw error;
    }
  };

  const fetch = (): Promise<HeldToken> => {
    fetching ??= run().finally(() => {
      fetching = null;
    });
    return fetching;
  };

  /** One for this token, however many requests it was refused with. */
  const renew = (refused: HeldToken): MaybePromise<UpstreamToken | null> => {
    if (current !== null && current.accessToken !== refused.accessToken) return current.renewable;
    forcing ??= force(refused).finally(() => {
      forcing = null;
    });
    return forcing;
  };

  const force = async (refused: HeldToken): Promise<UpstreamToken | null> => {
    if (fetching !== null) await fetching.catch(() => null);
    if (current?.accessToken === refused.accessToken) {
      if (clock.monotonic() < forceFrom) return null;
      forceFrom = clock.monotonic() + betweenForced;
      await fetch().catch(() => null);
    }
    return current === null || current.accessToken === refused.accessToken ? null : current.renewable;
  };

  return {
    obtain() {
      const now = clock.now();
      if (current !== null && isGood(current, now)) {
        const isDue = now >= current.renewAt && fetching === null && clock.monotonic() >= renewFrom;
        if (isDue) fetch().catch(() => {});
        return current;
      }
      if (failure !== null && fetching === null && clock.monotonic() < askFrom) throw failure.error;
      return fetch();
    },
  };
}

/** Milliseconds. */
function backOffOf(error: unknown): number {
  const asked = error instanceof SallyportError ? error.retryAfter : null;
  return asked === null ? usualBackOff : Math.min(Math.max(asked * 1000, shortBackOff), longestBackOff);
}
