/**
 * The OpenID library, wired for one call: its requests go through our own HTTP, and what it is given to read is what we
 * have read and checked before. Its own checks come second, on top of ours.
 */
import {
  allowInsecureRequests,
  type ClientAuth,
  Configuration,
  type CustomFetch,
  clockSkew,
  customFetch,
} from 'openid-client';
import type { Clock } from '../core/clock.ts';
import type { ClientCall } from './client-call.ts';
import { clientRefused, translateErrorCode } from './library-errors.ts';
import type { Metadata } from './metadata.ts';
import type { ProviderConfig } from './provider-config.ts';
import type { ProviderCall, ProviderResponse } from './provider-http.ts';
import { Refusal } from './refusal.ts';

export interface LibraryCall {
  readonly call: ProviderCall;
  /** Reads the body of a success before the library does and answers what the library may see of it. */
  readonly inspect: (text: string) => string | Promise<string>;
  /** Milliseconds in all; null: as configured. */
  readonly timeout: number | null;
}

export type LibraryClient = (metadata: Metadata, call: LibraryCall) => Configuration;

/** Who the gate is goes into each request as it is sent, and not here: the library sends nothing itself. */
const later: ClientAuth = () => {};

export function createLibraryClient(
  { clientId }: Pick<ProviderConfig, 'clientId'>,
  clientCall: ClientCall,
  clock: Clock,
): LibraryClient {
  return (metadata, call) => {
    // The library reads the system's clock; ours may be another one.
    const skew = Math.round((clock.now() - Date.now()) / 1000);
    const library = new Configuration({ ...metadata }, clientId, { [clockSkew]: skew }, later);
    if (metadata.issuer.startsWith('http:')) allowInsecureRequests(library);
    library[customFetch] = bridge(clientCall, call);
    return library;
  };
}

function bridge(clientCall: ClientCall, { call, inspect, timeout }: LibraryCall): CustomFetch {
  return async (url, options) => {
    const parameters = new URLSearchParams(String(options.body));
    const response = await clientCall({ call, url, parameters, accept: 'application/json', timeout });
    const { status } = response;
    if (status >= 300 && status < 400) throw new Refusal('response-redirect', 'response');
    if (status === 401) throw unauthorized(response);
    if (status >= 300 || call === 'revocation') return toResponse(response, response.text);
    if (response.contentType !== 'application/json') throw new Refusal('response-not-json', 'response');
    return toResponse(response, await inspect(response.text));
  };
}

/** 401 means that the gate itself was refused, unless the body says otherwise (RFC 6749 section 5.2). */
function unauthorized(response: ProviderResponse): Error {
  try {
    const { error } = JSON.parse(response.text) as { error?: unknown };
    if (error === 'invalid_grant') return translateErrorCode(error);
  } catch {
    // Not JSON: the status is all there is.
  }
  return clientRefused('invalid_client');
}

/** Without `WWW-Authenticate`, which would make the library overlook the error in the body. */
function toResponse({ status, contentType }: ProviderResponse, text: string): Response {
  const withoutBody = status === 204 || status === 205 || status === 304;
  return new Response(withoutBody ? null : text, { status, headers: { 'content-type': contentType } });
}
