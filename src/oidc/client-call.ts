/** One request that the gate makes as a client of an authorization server: authenticated, and with proof of possession. */
import type { ClientAuthentication } from './client-authentication.ts';
import type { DpopClient } from './dpop-client.ts';
import type { ProviderCall, ProviderHttp, ProviderResponse } from './provider-http.ts';

export interface ClientRequest {
  readonly call: ProviderCall;
  readonly url: string;
  /** Sent as a form, without what proves who the client is. */
  readonly parameters: URLSearchParams;
  readonly accept: string;
  /** Milliseconds in all; null: as configured. */
  readonly timeout: number | null;
}

/** Answers and fails as `ProviderHttp.call` does. */
export type ClientCall = (request: ClientRequest) => Promise<ProviderResponse>;

/** Where tokens are asked for (RFC 9449 sections 5 and 10.1). */
const provenCalls: ReadonlySet<ProviderCall> = new Set([
  'par',
  'token',
  'refresh',
  'client-credentials',
  'exchange',
]);

export function createClientCall(deps: {
  readonly http: ProviderHttp;
  readonly authenticate: ClientAuthentication;
  /** Null: without proofs. */
  readonly dpop: DpopClient | null;
}): ClientCall {
  const { http, authenticate, dpop } = deps;

  const send = ({ call, url, parameters, accept, timeout }: ClientRequest, proof: string | null) => {
    const headers: Record<string, string> = {
      accept,
      'content-type': 'application/x-www-form-urlencoded;charset=UTF-8',
    };
    if (proof !== null) headers.dpop = proof;
    const body = new URLSearchParams(parameters);
    authenticate(body, headers);
    return http.call({ call, url, method: 'POST', headers, body: body.toString(), timeout });
  };

  return (request) =>
    dpop === null || !provenCalls.has(request.call)
      ? send(request, null)
      : dpop.send(
          { to: 'authorization-server', method: 'POST', url: request.url, accessToken: null },
          (proof) => send(request, proof),
        );
}
