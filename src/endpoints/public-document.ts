/**
 * A JSON document that is the same for everybody: metadata of a protected resource (RFC 9728), keys (RFC 7517). Nothing
 * of the request has a part in it (RS-081), so that pages of every origin and caches may have it.
 */
import { noCookies, type Respond } from '../core/decision.ts';
import type { Endpoint } from './endpoint.ts';

/** `maxAge` in seconds. */
export function createPublicDocument(document: unknown, contentType: string, maxAge: number): Endpoint {
  const headers = [
    'content-type',
    contentType,
    'cache-control',
    `public, max-age=${maxAge}`,
    'access-control-allow-origin',
    '*',
    'cross-origin-resource-policy',
    'cross-origin',
    'x-content-type-options',
    'nosniff',
  ];
  const answer: Respond = Object.freeze({
    kind: 'respond',
    status: 200,
    headers,
    body: JSON.stringify(document),
    setCookies: noCookies,
    reason: 'public-document',
    route: null,
    session: null,
    caller: null,
  });
  return async () => answer;
}
