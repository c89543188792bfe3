/** `GET jwks`: the public keys with which applications check the assertions of the gate (RFC 7517). */
import { noCookies, type Respond } from '../core/decision.ts';
import type { AssertionKeySet } from '../upstream-tokens/assertion-keys.ts';
import type { Endpoint } from './endpoint.ts';

/**
 * The same for everybody: it may be cached, and read by every origin. A key is to be published for longer than
 * `max-age` before it signs.
 */
const headers = [
  'content-type',
  'application/jwk-set+json',
  'cache-control',
  'public, max-age=300',
  'access-control-allow-origin',
  '*',
  'x-content-type-options',
  'nosniff',
] as const;

export function createAssertionKeysEndpoint(keySet: AssertionKeySet): Endpoint {
  const answer: Respond = Object.freeze({
    kind: 'respond',
    status: 200,
    headers,
    body: JSON.stringify(keySet),
    setCookies: noCookies,
    reason: 'assertion-keys',
    route: null,
    session: null,
    caller: null,
  });
  return async () => answer;
}
