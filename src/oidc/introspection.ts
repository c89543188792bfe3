/** Asks an authorization server about a token that only it can read (RFC 7662). */
import type { Clock } from '../core/clock.ts';
import { SallyportError } from '../core/errors.ts';
import { createBulkhead } from './bulkhead.ts';
import type { ClientCall } from './client-call.ts';
import {
  type IntrospectionForm,
  introspectionTypes,
  readPlainAnswer,
  readSignedAnswer,
  type SignedAnswerRules,
} from './introspection-response.ts';
import { clientRefused } from './library-errors.ts';
import type { ProviderResponse } from './provider-http.ts';
import { Refusal } from './refusal.ts';

/** As `TokenIssuer.introspect`. */
export type Introspect = (token: string) => ReturnType<typeof readSignedAnswer>;

export interface IntrospectionConfig extends Pick<SignedAnswerRules, 'issuer' | 'clientId' | 'algorithms'> {
  readonly introspectionResponse: IntrospectionForm;
  /** Milliseconds. */
  readonly timeout: number;
  readonly maxConcurrentCalls: number;
  readonly maxWaitingCalls: number;
}

/** Milliseconds between two alerts that say the same. */
const alertEvery = 60_000;

export interface IntrospectionDeps extends Pick<SignedAnswerRules, 'keys' | 'decrypt'> {
  readonly call: ClientCall;
  /** Fails with `ERR_PROVIDER_*` when it is not known. */
  readonly endpoint: () => Promise<string>;
  readonly clock: Clock;
  /** Tells the operator that the server refuses the gate itself. */
  readonly alert: () => void;
}

/** Characters. Answers are remembered by the thousand: a token says no more than fits into a request head. */
const longestAnswer = 65_536;

export function createIntrospection(config: IntrospectionConfig, deps: IntrospectionDeps): Introspect {
  const { call, endpoint, keys, decrypt, clock, alert } = deps;
  let nextAlert = Number.NEGATIVE_INFINITY;
  const { issuer, clientId, algorithms, timeout, introspectionResponse: form } = config;
  // Half of the calls to a server at most: a flood of invented tokens must not keep people from signing in (RS-047).
  const bulkhead = createBulkhead({
    concurrent: Math.ceil(config.maxConcurrentCalls / 2),
    waiting: Math.floor(config.maxWaitingCalls / 2),
  });

  const ask = async (token: string): Promise<ProviderResponse> => {
    const parameters = new URLSearchParams({ token, token_type_hint: 'access_token' });
    const url = await endpoint();
    const signal = AbortSignal.timeout(timeout);
    const request = {
      call: 'introspection',
      url,
      parameters,
      accept: introspectionTypes[form],
      timeout,
    } as const;
    return bulkhead.run(signal, () => call(request));
  };

  const alertSometimes = () => {
    if (clock.monotonic() < nextAlert) return;
    nextAlert = clock.monotonic() + alertEvery;
    alert();
  };

  return async (token) => {
    const response = await ask(token).catch(cannotTell);
    const { status } = response;
    // RFC 7662 section 2.3: 401 is about the gate and not about the token; 403 is how others say so.
    if (status === 401 || status === 403) {
      alertSometimes();
      throw clientRefused(`introspection-${status}`);
    }
    if (status !== 200) throw unusable(`status-${status}`);
    if (response.contentType !== introspectionTypes[form]) throw unusable('content-type');
    if (response.text.length > longestAnswer) throw unusable('too-large');
    if (form === 'json') return tell(() => readPlainAnswer(response));
    return readSignedAnswer(response, { issuer, clientId, algorithms, keys, decrypt, now: clock.now() });
  };
}

/** A wait that took too long throws the reason of its signal. */
function cannotTell(error: unknown): never {
  if (error instanceof SallyportError) throw error;
  throw unusable(error instanceof Refusal ? error.reason : 'timeout');
}

function tell<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    return cannotTell(error);
  }
}

function unusable(detail: string): SallyportError {
  return new SallyportError('ERR_PROVIDER_UNAVAILABLE', `the issuer cannot tell about a token: ${detail}`, {
    detail: `introspection-${detail}`,
    retryAfter: 5,
  });
}
