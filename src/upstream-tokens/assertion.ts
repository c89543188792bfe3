/**
 * Signs the JWT that tells an application who calls (RFC 7519): one for each request, ES256, at once. A person is
 * `idp` and `sub` together.
 */
import type { ApiCaller } from '../core/api-caller.ts';
import type { Clock, RandomBytes } from '../core/clock.ts';
import { SallyportError } from '../core/errors.ts';
import type { Claims } from '../core/identity.ts';
import type { UpstreamTokenRule } from '../core/route.ts';
import type { Session } from '../core/session.ts';
import type { UpstreamToken } from '../core/upstream-token.ts';
import { createJwtSigner } from '../oidc/sign-jwt.ts';
import type { AssertionKeys } from './assertion-keys.ts';

export type AssertionRule = Extract<UpstreamTokenRule, { kind: 'assertion' }>;

export interface Assertions {
  /** Throws `ERR_UPSTREAM_TOKEN` when the chosen claims do not fit into a header. */
  sign(rule: AssertionRule, by: Session | ApiCaller): UpstreamToken;
}

export interface AssertionsDeps {
  /** `iss`. */
  readonly issuer: string;
  readonly keys: AssertionKeys;
  readonly clock: Clock;
  readonly random: RandomBytes;
}

/**
 * Never taken from claims: the gate itself says what these are (RFC 7519 section 4.1; `idp` is the name of the provider
 * in the configuration, or `api-keys`). Distributed claims carry access
 * tokens of their own (OpenID Connect Core section 5.6.2).
 */
const reserved: ReadonlySet<string> = new Set([
  'iss',
  'sub',
  'aud',
  'exp',
  'nbf',
  'iat',
  'jti',
  'idp',
  '_claim_names',
  '_claim_sources',
]);

/** Characters. Servers take about 16 KiB for all fields together; an assertion is one of them. */
const longest = 12_288;

export function createAssertions({ issuer, keys, clock, random }: AssertionsDeps): Assertions {
  const [key] = keys;
  const signAssertion = createJwtSigner(key, { typ: 'JWT', kid: key.thumbprint });
  return {
    sign(rule, by) {
      const issuedAt = Math.floor(clock.now() / 1000);
      const payload = chosenClaims(rule.claims, by.identity.claims);
      payload.iss = issuer;
      payload.sub = subjectOf(by);
      // Subjects are unique at their provider alone, and a key may be named like one of them.
      payload.idp = by.identity.provider;
      payload.aud = rule.audience;
      payload.iat = issuedAt;
      payload.exp = issuedAt + Math.ceil(rule.lifetime / 1000);
      payload.jti = random(16).toString('base64url');
      const jwt = signAssertion(payload);
      if (jwt.length > longest) throw tooLong();
      const value = rule.header === 'authorization' ? `Bearer ${jwt}` : jwt;
      return { header: rule.header, value, prove: null, renew: null };
    },
  };
}

/** An API key has no subject but its name. */
function subjectOf(by: Session | ApiCaller): string {
  return 'kind' in by && by.kind === 'api-key' ? by.name : by.identity.subject;
}

/** Own properties only, into an object without prototype. */
function chosenClaims(names: readonly string[], claims: Claims): Record<string, unknown> {
  const chosen: Record<string, unknown> = Object.create(null);
  for (const name of names) {
    if (!reserved.has(name) && Object.hasOwn(claims, name)) chosen[name] = claims[name];
  }
  return chosen;
}

function tooLong(): SallyportError {
  return new SallyportError('ERR_UPSTREAM_TOKEN', 'the claims of an assertion are too long for a header', {
    detail: 'assertion-too-long',
  });
}
