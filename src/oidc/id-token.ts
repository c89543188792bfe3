/**
 * Checks an ID token (OpenID Connect Core 1.0 section 3.1.3.7; RFC 8725): the signature always and with the provider's
 * own keys, then every claim that the gate believes. The claims given on come from the very bytes that were verified.
 */
import { createHash } from 'node:crypto';
import type { Claims } from '../core/identity.ts';
import { Refusal } from './refusal.ts';
import { type KeySource, openSignedToken, clockTolerance as tolerance } from './signed-token.ts';
import type { JsonObject } from './strict-json.ts';
import { checkParties, type Parties, readSubject, readTime } from './token-claims.ts';

export interface IdTokenExpectations extends Parties {
  readonly algorithms: readonly string[];
  /** Null: a nonce is not expected, as in a refresh. */
  readonly nonce: string | null;
  /** Null: the subject is not known yet. */
  readonly subject: string | null;
  readonly accessToken: string;
  /** Seconds since the person authenticated at most; null: not asked for. */
  readonly maxAuthenticationAge: number | null;
  /** Milliseconds since it was issued at most. */
  readonly maxAge: number;
  /** Unix time in milliseconds. */
  readonly now: number;
}

const rules = { name: 'id-token', types: ['jwt'] } as const;

/** Fails with a `Refusal` that names the check, or with `ERR_PROVIDER_UNAVAILABLE` when there are no keys to check with. */
export async function verifyIdToken(
  token: string,
  keys: KeySource,
  expected: IdTokenExpectations,
): Promise<Claims> {
  const { alg, claims } = await openSignedToken(token, keys, { ...rules, algorithms: expected.algorithms });
  checkParties(claims, expected);
  checkTimes(claims, expected);
  checkSubject(claims.sub, expected.subject);
  checkBindings(claims, alg, expected);
  return claims;
}

function checkTimes(claims: JsonObject, expected: IdTokenExpectations): void {
  const now = expected.now / 1000;
  const expires = readTime(claims.exp, 'id-token-expiry');
  const issued = readTime(claims.iat, 'id-token-issued-at');
  if (issued > now + tolerance) throw new Refusal('clock-skew');
  if (expires <= now - tolerance) {
    // It was made for this very request. When it looks old already, one of the two clocks is wrong (FL-027).
    const fresh = Math.abs(now - issued) <= tolerance || expires <= issued;
    throw new Refusal(fresh ? 'id-token-expired' : 'clock-skew');
  }
  if (issued < now - tolerance - expected.maxAge / 1000) throw new Refusal('id-token-too-old');
  if (claims.nbf !== undefined && readTime(claims.nbf, 'id-token-not-before') > now + tolerance) {
    throw new Refusal('id-token-not-before');
  }
  checkAuthenticationTime(claims.auth_time, expected.maxAuthenticationAge, now);
}

function checkAuthenticationTime(value: unknown, maxAge: number | null, now: number): void {
  if (value === undefined && maxAge === null) return;
  const authenticated = readTime(value, 'authentication-time');
  if (maxAge !== null && authenticated + maxAge < now - tolerance)
    throw new Refusal('authentication-too-old');
}

function checkSubject(value: unknown, expected: string | null): void {
  const subject = readSubject(value);
  if (expected !== null && subject !== expected) throw new Refusal('subject-mismatch');
}

function checkBindings(claims: JsonObject, alg: string, expected: IdTokenExpectations): void {
  if (expected.nonce !== null && claims.nonce !== expected.nonce) throw new Refusal('nonce-mismatch');
  if (claims.at_hash === undefined) return;
  const hash = createHash(hashOf(alg)).update(expected.accessToken).digest();
  const half = hash.subarray(0, hash.length / 2).toString('base64url');
  if (claims.at_hash !== half) throw new Refusal('access-token-hash-mismatch');
}

/** The hash of the signature algorithm (OpenID Connect Core section 3.1.3.6); Ed25519 signs with SHA-512. */
function hashOf(alg: string): string {
  const bits = /(256|384|512)$/.exec(alg)?.[1];
  return bits === undefined || alg === 'Ed25519' ? 'sha512' : `sha${bits}`;
}
