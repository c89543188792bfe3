/**
 * Checks an ID token (OpenID Connect Core 1.0 section 3.1.3.7; RFC 8725): the signature always and with the provider's
 * own keys, then every claim that the gate believes. The claims given on come from the very bytes that were verified.
 */
import { createHash } from 'node:crypto';
import { type CryptoKey, compactVerify } from 'jose';
import type { Claims } from '../core/identity.ts';
import type { ProviderKeys } from './jwks.ts';
import { Refusal } from './refusal.ts';
import { type JsonObject, parseStrictObject } from './strict-json.ts';

export interface IdTokenExpectations {
  readonly issuer: string;
  readonly clientId: string;
  readonly trustedAudiences: readonly string[];
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

/** Seconds by which the provider's clock may differ. */
const tolerance = 30;
const maxLength = 100_000;

/** Fails with a `Refusal` that names the check, or with `ERR_PROVIDER_UNAVAILABLE` when there are no keys to check with. */
export async function verifyIdToken(
  token: string,
  keys: { readonly source: ProviderKeys; readonly uri: string },
  expected: IdTokenExpectations,
): Promise<Claims> {
  const header = readHeader(token, expected.algorithms);
  const candidates = await keys.source.select(keys.uri, header);
  const claims = parseTokenJson(await verifySignature(token, header.alg, candidates));
  checkParties(claims, expected);
  checkTimes(claims, expected);
  checkSubject(claims.sub, expected.subject);
  checkBindings(claims, header.alg, expected);
  return claims;
}

interface Header {
  readonly alg: string;
  readonly kid: string | null;
}

/** `jwk`, `jku`, `x5u` and `x5c` are not even looked at: a token does not bring its own key. */
function readHeader(token: string, algorithms: readonly string[]): Header {
  if (token.length > maxLength) throw new Refusal('id-token-too-large');
  const parts = token.split('.');
  if (parts.length === 5) throw new Refusal('id-token-encrypted');
  // Also refuses padding and white space, which some libraries forgive: one token has one spelling.
  if (parts.length !== 3 || !parts.every((part) => /^[A-Za-z0-9_-]+$/.test(part))) {
    throw new Refusal('id-token-malformed');
  }
  const header = parseTokenJson(Buffer.from(parts[0] as string, 'base64url'));
  const { alg, kid, typ } = header;
  if (typeof alg !== 'string' || !algorithms.includes(alg)) throw new Refusal('id-token-algorithm');
  if (Object.hasOwn(header, 'crit') || Object.hasOwn(header, 'b64')) throw new Refusal('id-token-crit');
  // A logout or access token of the same issuer is not an ID token (RFC 8725 section 3.11).
  if (typ !== undefined && !(typeof typ === 'string' && /^(?:application\/)?jwt$/i.test(typ))) {
    throw new Refusal('id-token-type');
  }
  if (kid !== undefined && typeof kid !== 'string') throw new Refusal('key-id');
  return { alg, kid: kid ?? null };
}

async function verifySignature(
  token: string,
  alg: string,
  candidates: readonly CryptoKey[],
): Promise<Uint8Array> {
  for (const key of candidates) {
    try {
      return (await compactVerify(token, key, { algorithms: [alg] })).payload;
    } catch {
      // Not this key. The library throws plain TypeErrors for odd keys as well, so nothing is told from the error.
    }
  }
  throw new Refusal('id-token-signature');
}

function parseTokenJson(bytes: Uint8Array): JsonObject {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Refusal('id-token-malformed');
  }
  try {
    return parseStrictObject(text);
  } catch (error) {
    throw new Refusal(error instanceof Refusal ? `id-token-${error.reason}` : 'id-token-malformed');
  }
}

function checkParties(claims: JsonObject, expected: IdTokenExpectations): void {
  if (claims.iss !== expected.issuer) throw new Refusal('issuer-mismatch');
  const audiences = typeof claims.aud === 'string' ? [claims.aud] : claims.aud;
  if (!Array.isArray(audiences) || !audiences.includes(expected.clientId))
    throw new Refusal('audience-mismatch');
  const trusted = (audience: unknown) =>
    audience === expected.clientId ||
    (typeof audience === 'string' && expected.trustedAudiences.includes(audience));
  if (!audiences.every(trusted)) throw new Refusal('audience-untrusted');
  if (claims.azp !== undefined && claims.azp !== expected.clientId)
    throw new Refusal('authorized-party-mismatch');
}

/** JSON knows 1e400, which becomes infinite: a token for ever. */
function readTime(value: unknown, reason: string): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new Refusal(reason);
  return value;
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

/** OpenID Connect Core section 2: at most 255 ASCII characters. Control characters would end up in headers and logs. */
function checkSubject(value: unknown, expected: string | null): void {
  if (typeof value !== 'string' || !/^[\x20-\x7e]{1,255}$/.test(value)) throw new Refusal('subject-invalid');
  if (expected !== null && value !== expected) throw new Refusal('subject-mismatch');
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
