/**
 * A JSON document that is the same for everybody: metadata of a protected resource (RFC 9728), keys (RFC 7517). Nothing
 * of the request has a part in it (RS-081), so that pages of every origin and caches may have it.
 */
import { noCookies, type Respond } from '../core/decision.ts';
import type { Endpoint } from './endpoint.ts';

/** By their methods. Pages ask before they fetch it with a header of their own, as MCP clients do. `maxAge` in seconds. */
export function createPublicDocument(
  document: unknown,
  contentType: string,
  maxAge: number,
): ReadonlyMap<string, Endpoint> {
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
  const found = answer(200, headers, JSON.stringify(document));
  const preflight = answer(204, preflightHeaders, '');
  return new Map([
    ['GET', async () => found],
    ['OPTIONS', async () => preflight],
  ]);
}

const preflightHeaders = [
  'access-control-allow-origin',
  '*',
  'access-control-allow-methods',
  'GET',
  'access-control-allow-headers',
  '*',
  'access-control-max-age',
  '600',
];

function answer(status: number, headers: readonly string[], body: string): Respond {
  return Object.freeze({
    kind: 'respond',
    status,
    headers,
    body,
    setCookies: noCookies,
    reason: 'public-document',
    route: null,
    session: null,
    caller: null,
  });
}
