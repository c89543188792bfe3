/**
 * The signature keys of a provider (JWKS): one fetch at a time, kept within bounds, and asked again for an unknown key
 * id no more often than the cool-down allows, failures counted, so that a flood of forged tokens is no flood of calls.
 */
import { type CryptoKey, importJWK } from 'jose';
import type { Clock } from '../core/clock.ts';
import { SallyportError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import { fitsHeader, type PublicJwk, readJwk } from './jwk-check.ts';
import type { ProviderHttp } from './provider-http.ts';
import { Refusal } from './refusal.ts';
import { type JsonObject, parseStrictObject } from './strict-json.ts';

export interface ProviderKeys {
  /** Makes sure that keys are known. Fails with `ERR_PROVIDER_UNAVAILABLE`. */
  ready(jwksUri: string): Promise<void>;
  /**
   * The keys that can have made a signature with this header: one, or a few under the same key id. Fails with a
   * `Refusal` when there is none, or when a token without key id fits several.
   */
  select(
    jwksUri: string,
    header: { readonly alg: string; readonly kid: string | null },
  ): Promise<readonly CryptoKey[]>;
}

export interface ProviderKeysDeps {
  readonly http: ProviderHttp;
  readonly emit: Emit;
  readonly clock: Clock;
}

/** Milliseconds. A key that the provider removes is good for at most `longestFresh`, or `staleFor` while it is down. */
const defaultFresh = 600_000;
const shortestFresh = 60_000;
const longestFresh = 3_600_000;
const staleFor = 6 * 3_600_000;
const coolDown = 30_000;
const retryDelay = 5_000;

/** Keys under one key id that are tried, and the longest key id that is looked up. */
const maxCandidates = 4;
const maxKeyId = 256;

interface KeySet {
  readonly keys: readonly PublicJwk[];
  readonly imported: Map<string, Promise<CryptoKey | null>>;
  readonly fetchedAt: number;
  readonly freshFor: number;
}

export function createProviderKeys(name: string, deps: ProviderKeysDeps): ProviderKeys {
  const { http, emit, clock } = deps;
  let current: KeySet | null = null;
  let inFlight: Promise<KeySet> | null = null;
  let retryAt = Number.NEGATIVE_INFINITY;
  let nextForUnknown = Number.NEGATIVE_INFINITY;
  const skipped = (reason: string) => emit('key.skipped', { provider: name, reason });

  const fetchKeys = (jwksUri: string): Promise<KeySet> => {
    inFlight ??= fetchKeySet(http, jwksUri, { now: () => clock.monotonic(), skipped })
      .then(
        (set) => {
          current = set;
          return set;
        },
        (error) => {
          retryAt = clock.monotonic() + retryDelay;
          throw asUnavailable(error);
        },
      )
      .finally(() => {
        inFlight = null;
      });
    return inFlight;
  };

  /** Fresh keys; else, while the provider fails, those of before for a bounded time (RP-150). */
  const keySet = async (jwksUri: string): Promise<KeySet> => {
    const age = current === null ? Number.POSITIVE_INFINITY : clock.monotonic() - current.fetchedAt;
    if (current !== null && age < current.freshFor) return current;
    try {
      if (inFlight === null && clock.monotonic() < retryAt) throw asUnavailable(null);
      return await fetchKeys(jwksUri);
    } catch (error) {
      if (current !== null && age < staleFor) return current;
      throw error;
    }
  };

  /** One more fetch for a key that may be new (RP-020), or null while cooling down (RP-151). */
  const renewedFor = async (jwksUri: string, seen: KeySet): Promise<KeySet | null> => {
    if (current !== null && current !== seen) return current;
    if (inFlight === null) {
      if (clock.monotonic() < nextForUnknown) return null;
      nextForUnknown = clock.monotonic() + coolDown;
    }
    return fetchKeys(jwksUri);
  };

  return {
    async ready(jwksUri) {
      await keySet(jwksUri);
    },
    async select(jwksUri, { alg, kid }) {
      if (kid !== null && kid.length > maxKeyId) throw new Refusal('key-id');
      const known = await keySet(jwksUri);
      const found = await usable(known, alg, kid, skipped);
      if (found.length > 0) return found;
      const renewed = await renewedFor(jwksUri, known);
      const foundNow = renewed === null ? [] : await usable(renewed, alg, kid, skipped);
      if (foundNow.length === 0) throw new Refusal('key-unknown');
      return foundNow;
    },
  };
}

async function usable(
  set: KeySet,
  alg: string,
  kid: string | null,
  skipped: (reason: string) => void,
): Promise<readonly CryptoKey[]> {
  const fitting = set.keys.filter((jwk) => fitsHeader(jwk, alg, kid));
  if (kid === null && fitting.length > 1) throw new Refusal('key-ambiguous');
  const keys = await Promise.all(
    fitting.slice(0, maxCandidates).map((jwk) => importKey(set, jwk, alg, skipped)),
  );
  return keys.filter((key) => key !== null);
}

/** Null when the key turns out to be none: a point off its curve is found only here. */
function importKey(
  set: KeySet,
  jwk: PublicJwk,
  alg: string,
  skipped: (reason: string) => void,
): Promise<CryptoKey | null> {
  const id = `${alg} ${set.keys.indexOf(jwk)}`;
  const known = set.imported.get(id);
  if (known !== undefined) return known;
  const imported = importJWK(jwk.members, alg).then(
    (key) => key as CryptoKey,
    () => {
      skipped('malformed');
      return null;
    },
  );
  set.imported.set(id, imported);
  return imported;
}

interface ReadOptions {
  readonly now: () => number;
  readonly skipped: (reason: string) => void;
}

async function fetchKeySet(http: ProviderHttp, url: string, { now, skipped }: ReadOptions): Promise<KeySet> {
  const response = await http.call({
    call: 'jwks',
    url,
    method: 'GET',
    headers: { accept: 'application/json, application/jwk-set+json' },
    body: null,
    timeout: null,
  });
  if (response.status !== 200) throw new Refusal('response-status', 'response');
  if (!['application/json', 'application/jwk-set+json'].includes(response.contentType)) {
    throw new Refusal('response-not-json', 'response');
  }
  const { keys } = parseStrictObject(response.text);
  if (!Array.isArray(keys)) throw new Refusal('response-invalid', 'response');
  return {
    keys: readKeys(keys, skipped),
    imported: new Map(),
    fetchedAt: now(),
    freshFor: readFreshFor(response.cacheControl),
  };
}

/** The usable keys; each reason for leaving some out is told once, however many they are. */
function readKeys(keys: readonly unknown[], skipped: (reason: string) => void): PublicJwk[] {
  const reasons = new Set<string>();
  const usableKeys: PublicJwk[] = [];
  for (const key of keys) {
    const read = typeof key === 'object' && key !== null ? readJwk(key as JsonObject) : 'malformed';
    if (typeof read === 'string') reasons.add(read);
    else usableKeys.push(read);
  }
  for (const reason of reasons) skipped(reason);
  return usableKeys;
}

/** `max-age` within bounds: a second would hammer the provider, a year would keep a stolen key alive (RP-153). */
function readFreshFor(cacheControl: string): number {
  const seconds = /(?:^|[\s,])max-age=(\d{1,10})(?:$|[\s,])/i.exec(cacheControl)?.[1];
  if (seconds === undefined) return defaultFresh;
  return Math.min(Math.max(Number(seconds) * 1000, shortestFresh), longestFresh);
}

function asUnavailable(error: unknown): SallyportError {
  if (error instanceof SallyportError) return error;
  return new SallyportError('ERR_PROVIDER_UNAVAILABLE', 'the keys of the provider cannot be fetched', {
    detail: error instanceof Refusal ? `jwks-${error.reason}` : 'jwks-unavailable',
    retryAfter: 5,
  });
}
