/** Cross-origin calls with a token of the caller's own (Fetch standard, CORS protocol): no cookie has a part in them. */
import { corsHeaders } from '../core/cors-headers.ts';
import { type RequestHead, requestHeader } from '../core/request-head.ts';
import type { Route } from '../core/route.ts';

export { corsHeaders } from '../core/cors-headers.ts';

/** The method that a preflight asks about; null when the request is none. */
export function preflightMethod(head: RequestHead): string | null {
  if (requestHeader(head, 'origin') === null) return null;
  const method = requestHeader(head, 'access-control-request-method');
  return method !== null && token.test(method) ? method : null;
}

/** RFC 9110 section 5.6.2: what stands in the answer is one method and no list. */
const token = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$/;

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
