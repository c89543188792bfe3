/**
 * One call to a provider: total deadline, bounded body, no redirects, no compression, no ambient proxy, guarded
 * connections. What comes back is small text; whatever goes wrong has a stable word and holds nothing of the answer.
 */
import type { Readable } from 'node:stream';
import { Agent, request } from 'undici';
import type { Clock, RandomBytes } from '../core/clock.ts';
import { SallyportError } from '../core/errors.ts';
import type { Emit, Events } from '../core/events.ts';
import { createBulkhead } from './bulkhead.ts';
import { type ClientConfig, usesMutualTls } from './client-authentication-config.ts';
import { createConnectGuard, createSystemNetwork, type Network } from './connect-guard.ts';
import { createHoldOff, type HoldOff } from './hold-off.ts';
import type { ProviderConfig } from './provider-config.ts';
import { Refusal } from './refusal.ts';

export type ProviderCall = Events['provider.called']['call'];

export interface ProviderRequest {
  readonly call: ProviderCall;
  readonly url: string;
  readonly method: 'GET' | 'POST';
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
  /** Milliseconds in all; null: as configured. */
  readonly timeout: number | null;
}

export interface ProviderResponse {
  readonly status: number;
  /** Lower case, without parameters; empty when absent. */
  readonly contentType: string;
  readonly cacheControl: string;
  /** Empty when absent. */
  readonly wwwAuthenticate: string;
  /** What the next proof to this server has to hold (RFC 9449 section 8); null when absent or no nonce at all. */
  readonly dpopNonce: string | null;
  readonly text: string;
}

/** What is needed of the configuration of a provider, or of another server that the gate asks. */
export type ProviderHttpConfig = Pick<
  ProviderConfig,
  'issuer' | 'endpointHosts' | 'timeout' | 'maxConcurrentCalls' | 'maxWaitingCalls'
> &
  Pick<ClientConfig, 'clientAuthentication' | 'clientCertificate' | 'certificateBoundTokens'>;

export interface ProviderHttp {
  /**
   * Answers with any status below 500 except 429. Fails with `ERR_PROVIDER_UNAVAILABLE` (with `retryAfter`) when the
   * provider cannot be reached in time or has an error of its own, and with a `Refusal` when its answer is not readable.
   */
  call(request: ProviderRequest): Promise<ProviderResponse>;
  close(): Promise<void>;
}

export interface ProviderHttpDeps {
  readonly emit: Emit;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly network?: Network;
}

/** Bytes of a body. Real answers have a few thousand. */
const maxBody = 1024 ** 2;

/** A `Retry-After` beyond this is not believed: it would lock everybody out. */
const maxRetryAfter = 300;

/** These are made once for everybody and must not wait behind a crowd of logins. */
const sharedCalls: ReadonlySet<ProviderCall> = new Set(['discovery', 'jwks']);

/** These come by themselves and in crowds (FL-024); a person who signs in may always try. */
const heldOffCalls = ['refresh', 'introspection', 'client-credentials', 'exchange'] as const;

export function createProviderHttp(
  name: string,
  config: ProviderHttpConfig,
  deps: ProviderHttpDeps,
): ProviderHttp {
  const { emit, clock } = deps;
  const bulkhead = createBulkhead({ concurrent: config.maxConcurrentCalls, waiting: config.maxWaitingCalls });
  const holdOff = createHoldOff(clock, deps.random);
  const holdOffs = new Map<ProviderCall, HoldOff>(
    heldOffCalls.map((call) => [call, createHoldOff(clock, deps.random)]),
  );
  const network = deps.network ?? createSystemNetwork(config.timeout, certificateToShow(config));
  const agent = new Agent({
    connect: createConnectGuard(network, mayBeInward(config)),
    headersTimeout: config.timeout,
    bodyTimeout: config.timeout,
    pipelining: 1,
    // Shorter than servers keep theirs: a code or refresh token must not be sent into a connection that just closed.
    keepAliveTimeout: 2000,
    keepAliveMaxTimeout: 30_000,
    maxHeaderSize: 16 * 1024,
    allowH2: false,
  });

  const send = async (call: ProviderRequest, signal: AbortSignal): Promise<ProviderResponse> => {
    const { statusCode, headers, body } = await request(call.url, {
      dispatcher: agent,
      method: call.method,
      headers: { ...call.headers, 'user-agent': 'sallyport', 'accept-encoding': 'identity' },
      body: call.body,
      signal,
    });
    if (statusCode >= 500 || statusCode === 429) {
      discard(body);
      const retryAfter = retryAfterSeconds(headers['retry-after'], clock.now());
      // Too many of one kind say nothing of the others: whoever provokes that must not hold up everybody's renewals.
      if (retryAfter !== null) (statusCode === 429 ? holdOffs.get(call.call) : holdOff)?.note(retryAfter);
      throw unavailable(`status-${statusCode}`, retryAfter);
    }
    if (single(headers['content-encoding'] ?? 'identity') !== 'identity') {
      discard(body);
      throw new Refusal('response-encoded', 'response');
    }
    return {
      status: statusCode,
      contentType: single(headers['content-type']).split(';')[0]?.trim().toLowerCase() ?? '',
      cacheControl: single(headers['cache-control']),
      wwwAuthenticate: [headers['www-authenticate'] ?? ''].flat().join(', '),
      dpopNonce: readNonce(headers['dpop-nonce']),
      text: await readText(body),
    };
  };

  return {
    async call(call) {
      const own = holdOffs.get(call.call);
      const wait = own === undefined ? 0 : Math.max(own.remaining(), holdOff.remaining());
      if (wait > 0) throw unavailable('retry-after', wait);
      const started = clock.monotonic();
      const report = (outcome: Events['provider.called']['outcome']) =>
        emit('provider.called', {
          provider: name,
          call: call.call,
          outcome,
          durationMs: clock.monotonic() - started,
        });
      const signal = AbortSignal.timeout(call.timeout ?? config.timeout);
      try {
        const work = () => send(call, signal);
        const response = await (sharedCalls.has(call.call) ? work() : bulkhead.run(signal, work));
        report(response.status < 400 ? 'ok' : 'refused');
        return response;
      } catch (error) {
        report(signal.aborted ? 'timeout' : 'failed');
        throw translateTransportError(error, signal);
      }
    },
    close: () => agent.close(),
  };
}

/** RFC 8705: shown to whoever of the provider's servers asks for one. Null: none. */
function certificateToShow(config: ProviderHttpConfig): ClientConfig['clientCertificate'] | null {
  return usesMutualTls(config) ? config.clientCertificate : null;
}

/** The operator named the issuer and `endpointHosts`; only those may live at loopback and private addresses. */
function mayBeInward(config: ProviderHttpConfig): (hostname: string, port: string) => boolean {
  const issuer = new URL(config.issuer);
  return (hostname, port) =>
    hostname === issuer.hostname ||
    config.endpointHosts.includes(hostname) ||
    config.endpointHosts.includes(`${hostname}:${port}`);
}

/** Lets go of a body that nobody reads. Without a listener the abort would be an uncaught error. */
function discard(body: Readable): void {
  body.on('error', () => {}).destroy();
}

async function readText(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > maxBody) throw new Refusal('response-too-large', 'response');
    chunks.push(chunk);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.concat(chunks));
  } catch {
    throw new Refusal('response-not-utf8', 'response');
  }
}

function single(value: string | readonly string[] | undefined): string {
  return typeof value === 'string' ? value : (value?.[0] ?? '');
}

/** RFC 9449 section 8.1; what else there might be would end up in our own request. */
function readNonce(value: string | readonly string[] | undefined): string | null {
  const nonce = typeof value === 'string' ? value : '';
  return /^[\x21\x23-\x5b\x5d-\x7e]{1,1024}$/.test(nonce) ? nonce : null;
}

/** RFC 9110 section 10.2.3: seconds or a date. Null when there is none that makes sense. */
function retryAfterSeconds(value: string | readonly string[] | undefined, now: number): number | null {
  const text = single(value);
  const seconds = /^\d{1,9}$/.test(text) ? Number(text) : Math.ceil((Date.parse(text) - now) / 1000);
  if (!Number.isFinite(seconds) || seconds < 0) return null;
  return Math.min(Math.max(seconds, 1), maxRetryAfter);
}

function unavailable(detail: string, retryAfter: number | null = null): SallyportError {
  return new SallyportError('ERR_PROVIDER_UNAVAILABLE', `the provider cannot be used: ${detail}`, {
    detail,
    retryAfter: retryAfter ?? 5,
  });
}

/** By code and never by text; the library's error is not kept, for it may hold what was sent. */
function translateTransportError(error: unknown, signal: AbortSignal): SallyportError | Refusal {
  if (error instanceof SallyportError || error instanceof Refusal) return error;
  if (signal.aborted) return unavailable('timeout');
  const code = (error as { code?: unknown } | null)?.code;
  return unavailable(typeof code === 'string' && /^[A-Z0-9_]{1,60}$/.test(code) ? code : 'connection-failed');
}
