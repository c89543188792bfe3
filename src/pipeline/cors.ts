/** Cross-origin calls with a token of the caller's own (Fetch standard, CORS protocol): no cookie has a part in them. */
import { type RequestHead, requestHeader } from '../core/request-head.ts';
import type { Route } from '../core/route.ts';

/** The method that a preflight asks about; null when the request is none. */
export function preflightMethod(head: RequestHead): string | null {
  return requestHeader(head, 'origin') === null ? null : requestHeader(head, 'access-control-request-method');
}

/** What the page of an allowed origin may see of an answer; empty for others. `Vary` in any case: it depends on who asks. */
export function corsHeaders(head: RequestHead, route: Route): readonly string[] {
  const origin = requestHeader(head, 'origin');
  if (route.corsOrigins.length === 0 || origin === null) return [];
  if (!route.corsOrigins.includes(origin) && !route.corsOrigins.includes('*')) return ['vary', 'Origin'];
  return [
    'access-control-allow-origin',
    origin,
    'access-control-expose-headers',
    'WWW-Authenticate, DPoP-Nonce',
    'vary',
    'Origin',
  ];
}

/** Seconds that a browser may remember the answer to a preflight. */
const preflightAge = '600';

const headerList = /^[A-Za-z0-9!#$%&'*+.^_`|~, \t-]{1,2000}$/;

/** Allows what was asked for: whether the request may pass is decided when it comes. */
export function preflightHeaders(head: RequestHead, route: Route, method: string): readonly string[] {
  const allowed = corsHeaders(head, route);
  if (allowed[0] !== 'access-control-allow-origin') return allowed;
  const asked = requestHeader(head, 'access-control-request-headers') ?? '';
  return [
    ...allowed,
    'access-control-allow-methods',
    method,
    ...(headerList.test(asked) ? ['access-control-allow-headers', asked] : []),
    'access-control-max-age',
    preflightAge,
  ];
}
