/**
 * Keeps the metadata of an authorization server: fetched at first use by one caller for all, retried with back-off and
 * jitter while it is down, renewed in the background. Once known, they are kept: a server that is down breaks nothing.
 */
import type { Clock, RandomBytes } from '../core/clock.ts';
import { SallyportError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import type { ProviderHttp } from './provider-http.ts';
import { Refusal } from './refusal.ts';

export interface MetadataCache<Metadata> {
  /** Fails with `ERR_PROVIDER_UNAVAILABLE` or `ERR_PROVIDER_METADATA`, at once while backing off. */
  metadata(): Promise<Metadata>;
  /** What is known; asks for it in the background when that is nothing or old. */
  known(): Metadata | null;
}

export interface MetadataSource<Metadata> {
  /** Where they may be; the next one is asked when there are none (404). */
  readonly urls: readonly [string, ...string[]];
  /** Fails with `ERR_PROVIDER_METADATA` or a `Refusal`. */
  parse(text: string): Metadata;
}

export interface MetadataCacheDeps {
  readonly http: ProviderHttp;
  readonly emit: Emit;
  readonly clock: Clock;
  readonly random: RandomBytes;
}

/** Milliseconds. */
const freshFor = 3_600_000;
const firstDelay = 500;
const longestDelay = 15_000;

export function createMetadataCache<Metadata>(
  name: string,
  source: MetadataSource<Metadata>,
  deps: MetadataCacheDeps,
): MetadataCache<Metadata> {
  const { http, emit, clock, random } = deps;
  let current: Metadata | null = null;
  let renewAt = 0;
  let failures = 0;
  let lastFailure: SallyportError | null = null;
  let inFlight: Promise<Metadata> | null = null;

  const attempt = async (): Promise<Metadata> => {
    try {
      current = source.parse(await fetchFirst(http, source.urls));
      failures = 0;
      lastFailure = null;
      renewAt = clock.monotonic() + freshFor;
      return current;
    } catch (error) {
      const failure = asFailure(error);
      if (failure.code === 'ERR_PROVIDER_METADATA') {
        emit('provider.metadata-refused', { provider: name, reason: failure.message });
      }
      const delay = Math.min(firstDelay * 2 ** failures, longestDelay);
      failures += 1;
      lastFailure = failure;
      renewAt = clock.monotonic() + delay * (0.75 + (0.5 * (random(1)[0] as number)) / 255);
      throw failure;
    } finally {
      inFlight = null;
    }
  };

  const fetchOnce = (): Promise<Metadata> => {
    inFlight ??= attempt();
    return inFlight;
  };

  const due = () => clock.monotonic() >= renewAt;

  const renewInBackground = () => {
    // The failure is kept for the callers and was told as an event.
    if (due()) fetchOnce().catch(() => {});
  };

  return {
    async metadata() {
      if (current !== null) {
        renewInBackground();
        return current;
      }
      if (inFlight === null && lastFailure !== null && !due()) throw lastFailure;
      return fetchOnce();
    },
    known() {
      renewInBackground();
      return current;
    },
  };
}

async function fetchFirst(http: ProviderHttp, urls: readonly [string, ...string[]]): Promise<string> {
  const [url, next, ...more] = urls;
  const response = await http.call({
    call: 'discovery',
    url,
    method: 'GET',
    headers: { accept: 'application/json' },
    body: null,
    timeout: null,
  });
  if (response.status === 404 && next !== undefined) return fetchFirst(http, [next, ...more]);
  if (response.status !== 200) throw metadataError(`the provider answered ${response.status}`);
  if (response.contentType !== 'application/json') throw metadataError('the answer is not application/json');
  return response.text;
}

function asFailure(error: unknown): SallyportError {
  if (error instanceof SallyportError) return error;
  return metadataError(error instanceof Refusal ? error.reason : 'unreadable');
}

function metadataError(why: string): SallyportError {
  return new SallyportError('ERR_PROVIDER_METADATA', `metadata of the provider: ${why}`, {
    detail: 'document',
    retryAfter: 5,
  });
}
