/**
 * Checks a logout token (OpenID Connect Back-Channel Logout 1.0 sections 2.4 and 2.6). Nobody's browser brings it and
 * nothing but its signature tells who sent it, so there is no check here that may be left out.
 */
import type { LogoutToken } from './provider.ts';
import { Refusal } from './refusal.ts';
import { type KeySource, openSignedToken, clockTolerance as tolerance } from './signed-token.ts';
import type { JsonObject } from './strict-json.ts';
import { checkParties, type Parties, readSubject, readTime } from './token-claims.ts';

export interface LogoutTokenExpectations extends Parties {
  readonly algorithms: readonly string[];
  /** Unix time in milliseconds. */
  readonly now: number;
}

const event = 'http://schemas.openid.net/event/backchannel-logout';

/** Seconds since it was issued at most: how long an intercepted one may be of use, and how long it has to be remembered. */
const maxAge = 300;
const maxSid = 1000;
const maxTokenId = 1000;

/** `JWT` and no type at all are those of providers from before `logout+jwt` was registered. */
const rules = { name: 'logout-token', types: ['logout+jwt', 'jwt'] } as const;

/** Fails with a `Refusal` that names the check, or with `ERR_PROVIDER_UNAVAILABLE` when there are no keys to check with. */
export async function verifyLogoutToken(
  token: string,
  keys: KeySource,
  expected: LogoutTokenExpectations,
): Promise<LogoutToken> {
  const { claims } = await openSignedToken(token, keys, { ...rules, algorithms: expected.algorithms });
  checkParties(claims, expected);
  checkPurpose(claims);
  const times = readTimes(claims, expected.now / 1000);
  return { issuer: expected.issuer, ...readWhom(claims), tokenId: readTokenId(claims.jti), ...times };
}

/** With `nonce` it could be an ID token, and without the event it is no logout token (section 2.4). */
function checkPurpose(claims: JsonObject): void {
  if (Object.hasOwn(claims, 'nonce')) throw new Refusal('logout-token-nonce');
  const { events } = claims;
  if (!isObject(events) || !Object.hasOwn(events, event) || !isObject(events[event])) {
    throw new Refusal('logout-token-events');
  }
}

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function readTimes(claims: JsonObject, now: number): Pick<LogoutToken, 'issuedAt' | 'expiresAt'> {
  const issued = readTime(claims.iat, 'logout-token-issued-at');
  const expires = readTime(claims.exp, 'logout-token-expiry');
  if (issued > now + tolerance) throw new Refusal('clock-skew');
  if (expires <= now - tolerance) throw new Refusal('logout-token-expired');
  if (issued < now - tolerance - maxAge) throw new Refusal('logout-token-too-old');
  if (claims.nbf !== undefined && readTime(claims.nbf, 'logout-token-not-before') > now + tolerance) {
    throw new Refusal('logout-token-not-before');
  }
  return { issuedAt: issued, expiresAt: Math.min(expires, issued + maxAge) + tolerance };
}

/** One that is there has to be right: a reader that overlooks a broken `sid` would end all sessions of the person. */
function readWhom({ sub, sid }: JsonObject): Pick<LogoutToken, 'subject' | 'sid'> {
  if (sub === undefined && sid === undefined) throw new Refusal('logout-token-nobody');
  const subject = sub === undefined ? null : readSubject(sub);
  if (sid === undefined) return { subject, sid: null };
  if (typeof sid !== 'string' || sid === '' || sid.length > maxSid) throw new Refusal('logout-token-sid');
  return { subject, sid };
}

function readTokenId(value: unknown): string {
  if (typeof value !== 'string' || value === '' || value.length > maxTokenId) {
    throw new Refusal('logout-token-id');
  }
  return value;
}
