/**
 * The signature keys of a provider (JWKS): one fetch at a time, kept within bounds, and asked again for an unknown key
 * id no more often than the cool-down allows, failures counted, so that a flood of forged tokens is no flood of calls.
 */
import type { KeyObject } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import { SallyportError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import type { MaybePromise } from '../core/maybe-promise.ts';
import { fetchKeySet } from './fetch-key-set.ts';
import { createKeySet, type KeyHint, type KeySet } from './key-set.ts';
import type { ProviderHttp } from './provider-http.ts';
import { Refusal } from './refusal.ts';

export interface ProviderKeys {
  /** Makes sure that keys are known. Fails with `ERR_PROVIDER_UNAVAILABLE`. */
  ready(jwksUri: string): Promise<void>;
  /**
   * The keys that can have made a signature with this header: one, or a few under the same key id; at once when they are
   * known. Fails with a `Refusal` when there is none, or when a token without key id fits several.
   */
  select(jwksUri: string, hint: KeyHint): MaybePromise<readonly KeyObject[]>;
  /** Until when the keys that are known count as new. Unix time in milliseconds. */
  trustedUntil(): number;
  /** Ends the polling. */
  close(): void;
}

export interface ProviderKeysDeps {
  readonly http: ProviderHttp;
  readonly emit: Emit;
  readonly clock: Clock;
  /** Milliseconds between fetches that nobody asked for; absent: none. The first use begins them. */
  readonly refreshEvery?: number | undefined;
}

/** Milliseconds. A key that the provider removes is good until the keys are no longer new, or `staleFor` while it is down. */
const staleFor = 6 * 3_600_000;
const coolDown = 30_000;
const retryDelay = 5_000;

const maxKeyId = 256;

interface KnownKeys {
  readonly set: KeySet;
  /** Both on the monotonic clock. */
  readonly fetchedAt: number;
  readonly freshUntil: number;
}

export function createProviderKeys(name: string, deps: ProviderKeysDeps): ProviderKeys {
  const { http, emit, clock, refreshEvery } = deps;
  let current: KnownKeys | null = null;
  let inFlight: Promise<KnownKeys> | null = null;
  let hasFailed = false;
  let retryAt = Number.NEGATIVE_INFINITY;
  let nextForUnknown = Number.NEGATIVE_INFINITY;
  let polling: NodeJS.Timeout | null = null;
  const skipped = (reason: string) => emit('key.skipped', { provider: name, reason });

  const attempt = async (jwksUri: string): Promise<KnownKeys> => {
    try {
      const { keys, freshFor } = await fetchKeySet(http, jwksUri);
      const fetchedAt = clock.monotonic();
      // Half an interval more than the polling takes: a slow answer must not make requests wait.
      const bound = refreshEvery === undefined ? freshFor : Math.min(freshFor, refreshEvery * 1.5);
      current = { set: createKeySet(keys, skipped), fetchedAt, freshUntil: fetchedAt + bound };
      hasFailed = false;
      return current;
    } catch (error) {
      hasFailed = true;
      retryAt = clock.monotonic() + retryDelay;
      throw asUnavailable(error);
    } finally {
      inFlight = null;
    }
  };

  const fetchOnce = (jwksUri: string): Promise<KnownKeys> => {
    inFlight ??= attempt(jwksUri);
    return inFlight;
  };

  const isDue = () => inFlight === null && clock.monotonic() >= retryAt;

  /** The failure is kept in `hasFailed` and was told as an event. */
  const fetchInBackground = (jwksUri: string) => {
    if (isDue()) fetchOnce(jwksUri).catch(() => {});
  };

  const poll = (jwksUri: string) => {
    if (refreshEvery === undefined || polling !== null) return;
    polling = setInterval(fetchInBackground, refreshEvery, jwksUri).unref();
  };

  const fresh = () => (current !== null && clock.monotonic() < current.freshUntil ? current : null);

  /** Fresh keys; else, while the provider fails, those of before for a bounded time (RP-150). */
  const known = async (jwksUri: string): Promise<KnownKeys> => {
    poll(jwksUri);
    const keys = fresh();
    if (keys !== null) return keys;
    const stale = current !== null && clock.monotonic() - current.fetchedAt < staleFor ? current : null;
    if (stale !== null && hasFailed) {
      // One request has waited for it in vain; the others do not.
      fetchInBackground(jwksUri);
      return stale;
    }
    if (inFlight === null && !isDue()) throw asUnavailable(null);
    try {
      return await fetchOnce(jwksUri);
    } catch (error) {
      if (stale !== null) return stale;
      throw error;
    }
  };

  /** One more fetch for a key that may be new (RP-020), or null while cooling down (RP-151). */
  const renewedFor = async (jwksUri: string, seen: KnownKeys): Promise<KnownKeys | null> => {
    if (current !== null && current !== seen) return current;
    if (inFlight === null) {
      if (clock.monotonic() < nextForUnknown) {
        if (hasFailed) throw asUnavailable(null);
        return null;
      }
      nextForUnknown = clock.monotonic() + coolDown;
    }
    return fetchOnce(jwksUri);
  };

  const find = async (jwksUri: string, hint: KeyHint): Promise<readonly KeyObject[]> => {
    const keys = await known(jwksUri);
    const found = keys.set.select(hint);
    if (found.length > 0) return found;
    const renewed = await renewedFor(jwksUri, keys);
    const foundNow = renewed === null ? [] : renewed.set.select(hint);
    if (foundNow.length === 0) throw new Refusal('key-unknown');
    return foundNow;
  };

  return {
    async ready(jwksUri) {
      await known(jwksUri);
    },
    select(jwksUri, hint) {
      if (hint.kid !== null && hint.kid.length > maxKeyId) throw new Refusal('key-id');
      const found = fresh()?.set.select(hint);
      return found !== undefined && found.length > 0 ? found : find(jwksUri, hint);
    },
    trustedUntil() {
      const keys = fresh();
      return clock.now() + (keys === null ? retryDelay : keys.freshUntil - clock.monotonic());
    },
    close() {
      if (polling !== null) clearInterval(polling);
    },
  };
}

function asUnavailable(error: unknown): SallyportError {
  if (error instanceof SallyportError) return error;
  return new SallyportError('ERR_PROVIDER_UNAVAILABLE', 'the keys of the provider cannot be fetched', {
    detail: error instanceof Refusal ? `jwks-${error.reason}` : 'jwks-unavailable',
    retryAfter: 5,
  });
}
