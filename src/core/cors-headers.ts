/** What the page of another origin may see of an answer to a call with a token of its own (Fetch standard). */
import { type RequestHead, requestHeader } from './request-head.ts';
import type { Route } from './route.ts';

const varies: readonly string[] = ['vary', 'Origin'];
const none: readonly string[] = [];

/**
 * Names in lower case; empty on a route that knows no other origins. `Vary` in any case there: the answer depends on who
 * asks. Never `Access-Control-Allow-Credentials`: a cookie has no part in such a call.
 */
export function corsHeaders(head: RequestHead, route: Route): readonly string[] {
  const { corsOrigins } = route;
  if (corsOrigins.length === 0) return none;
  const origin = requestHeader(head, 'origin');
  if (origin === null || !(corsOrigins.includes(origin) || corsOrigins.includes('*'))) return varies;
  // A call without a cookie may see every field (Fetch section 3.3.3): challenges, nonces, the application's own.
  return [
    'access-control-allow-origin',
    origin,
    'access-control-expose-headers',
    'WWW-Authenticate, DPoP-Nonce, *',
    ...varies,
  ];
}
