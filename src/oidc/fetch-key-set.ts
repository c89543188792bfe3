/** Fetches the key set of a provider (RFC 7517), and says for how long it counts as new. */
import type { ProviderHttp } from './provider-http.ts';
import { Refusal } from './refusal.ts';
import { parseStrictObject } from './strict-json.ts';

export interface FetchedKeys {
  readonly keys: readonly unknown[];
  /** Milliseconds. */
  readonly freshFor: number;
}

/** Milliseconds. */
const defaultFresh = 600_000;
const shortestFresh = 60_000;
const longestFresh = 3_600_000;

/** Fails with a `Refusal` or `ERR_PROVIDER_UNAVAILABLE`. */
export async function fetchKeySet(http: ProviderHttp, url: string): Promise<FetchedKeys> {
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
  return { keys, freshFor: readFreshFor(response.cacheControl) };
}

/** `max-age` within bounds: a second would hammer the provider, a year would keep a stolen key alive (RP-153). */
function readFreshFor(cacheControl: string): number {
  const seconds = /(?:^|[\s,])max-age=(\d{1,10})(?:$|[\s,])/i.exec(cacheControl)?.[1];
  if (seconds === undefined) return defaultFresh;
  return Math.min(Math.max(Number(seconds) * 1000, shortestFresh), longestFresh);
}
