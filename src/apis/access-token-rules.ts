/** What a token must say to be one for this API (RFC 9068 section 4, RFC 8725), however it was verified. */
import type { ApiCaller } from '../core/api-caller.ts';
import { Refusal } from '../oidc/refusal.ts';
import type { JsonObject } from '../oidc/strict-json.ts';
import { readSubject, readTime } from '../oidc/token-claims.ts';
import type { ApiConfig } from './api-config.ts';
import { type Confirmation, readConfirmation } from './confirmation.ts';
import { checkIsAccessToken } from './not-an-id-token.ts';
import { readScopes } from './token-scopes.ts';

/** A token that was found good, before anybody has proved to hold the key that it may be bound to. */
export interface GoodToken {
  readonly caller: ApiCaller;
  readonly confirmation: Confirmation | null;
  /** Unix time in milliseconds, leeway included. */
  readonly goodUntil: number;
}

export interface TokenSource {
  readonly token: string;
  /** Name and `iss` of who issued it. */
  readonly issuer: { readonly name: string; readonly issuer: string };
  /** Unix time in milliseconds. */
  readonly now: number;
}

type Rules = Pick<
  ApiConfig,
  'audience' | 'dangerouslyAllowAnyAudience' | 'subject' | 'requiredClaims' | 'leeway' | 'profile'
>;

/** Of a JWT whose signature was verified. Fails with a `Refusal` that names the check. */
export function judgeClaims(claims: JsonObject, source: TokenSource, rules: Rules): GoodToken {
  if (claims.iss !== source.issuer.issuer) throw new Refusal('issuer');
  const expiresAt = readTime(claims.exp, 'expiry') * 1000;
  const audiences = checkAudience(claims.aud, rules);
  const scopes = readGranted(claims);
  const { namedClient, subject } = readParties(claims, rules.profile);
  const clientId = namedClient ?? subject;
  if (rules.profile === 'rfc9068') checkRequired(claims);
  else checkIsAccessToken(claims, { audiences, namedClient, scopes });
  checkTimes(claims, expiresAt, { now: source.now, leeway: rules.leeway });
  checkDemanded(claims, subject, rules);
  return makeGood(claims, source, { subject, clientId, scopes, audiences, expiresAt, leeway: rules.leeway });
}

/**
 * Of the answer to an introspection (RFC 7662 section 2.2), where all but `active` is optional. The audience is not, here:
 * a token that the server says to be active, for whomever, is also another application's token, or a refresh token.
 */
export function judgeAnswer(answer: JsonObject, source: TokenSource, rules: Rules): GoodToken {
  if (answer.iss !== undefined && answer.iss !== source.issuer.issuer) throw new Refusal('issuer');
  const expiresAt =
    answer.exp === undefined ? Number.POSITIVE_INFINITY : readTime(answer.exp, 'expiry') * 1000;
  checkTokenType(answer.token_type);
  const audiences = checkAudience(answer.aud, rules);
  const clientId = readClientId(answer, 'lenient');
  const subject = readSubject(answer.sub ?? clientId);
  checkTimes(answer, expiresAt, { now: source.now, leeway: rules.leeway });
  checkDemanded(answer, subject, rules);
  const scopes = readGranted(answer);
  // Said for the application too, which may get people of several issuers under one name.
  const claims: JsonObject = Object.assign(Object.create(null), answer, { iss: source.issuer.issuer });
  return makeGood(claims, source, { subject, clientId, scopes, audiences, expiresAt, leeway: rules.leeway });
}

/**
 * Of an introspection that confirms what a JWT says: whatever it says itself must agree, and of the scopes count those that
 * both name, for a server may take some back, or tell only what this API is to know (RFC 7662 section 4). Fails with a `Refusal`.
 */
export function confirmToken(
  answer: JsonObject,
  good: GoodToken,
  rules: Rules & { readonly now: number },
): GoodToken {
  const { identity, scopes } = good.caller;
  if (answer.iss !== undefined && answer.iss !== identity.issuer) throw new Refusal('issuer');
  if (answer.sub !== undefined && answer.sub !== identity.subject) throw new Refusal('subject');
  if (answer.aud !== undefined) checkAudience(answer.aud, rules);
  checkSameClient(answer, identity.claims, rules.profile);
  checkTokenType(answer.token_type);
  checkSameBinding(answer, good.confirmation);
  const expiresAt = answer.exp === undefined ? good.caller.expiresAt : readTime(answer.exp, 'expiry') * 1000;
  checkTimes(answer, expiresAt, rules);
  const goodUntil = Math.min(good.goodUntil, expiresAt + rules.leeway);
  if (answer.scope === undefined && answer.scp === undefined) return { ...good, goodUntil };
  const granted = readGranted(answer);
  const kept = [...scopes].filter((scope) => granted.has(scope));
  if (kept.length === scopes.size) return { ...good, goodUntil };
  return { ...good, goodUntil, caller: Object.freeze({ ...good.caller, scopes: new Set(kept) }) };
}

function checkSameClient(answer: JsonObject, claims: JsonObject, profile: ApiConfig['profile']): void {
  const name = clientClaims[profile].find((candidate) => claims[candidate] !== undefined);
  if (answer.client_id === undefined || name === undefined) return;
  if (answer.client_id !== claims[name]) throw new Refusal('client-id');
}

/** A JWT that does not say that it is bound is not taken from everybody when its issuer says so. */
function checkSameBinding(answer: JsonObject, confirmation: Confirmation | null): void {
  checkSaysBinding(answer, confirmation);
  if (answer.cnf === undefined) return;
  const told = readConfirmation(answer.cnf);
  if (told?.kind !== confirmation?.kind || keyOf(told) !== keyOf(confirmation)) {
    throw new Refusal('confirmation');
  }
}

function keyOf(confirmation: Confirmation | null): string | null {
  if (confirmation === null) return null;
  return confirmation.kind === 'dpop' ? confirmation.jkt : confirmation.thumbprint;
}

/**
 * A token that is bound to a DPoP key, as its type says (RFC 9449 section 5, and Keycloak's `typ`), names the key: without
 * that it would pass as one that everybody may use.
 */
function checkSaysBinding({ token_type, typ }: JsonObject, confirmation: Confirmation | null): void {
  const isBound = [token_type, typ].some((type) => typeof type === 'string' && type.toLowerCase() === 'dpop');
  if (isBound && confirmation?.kind !== 'dpop') throw new Refusal('confirmation');
}

interface Read {
  readonly subject: string;
  readonly clientId: string;
  readonly scopes: ReadonlySet<string>;
  readonly audiences: readonly string[];
  readonly expiresAt: number;
  readonly leeway: number;
}

function makeGood(claims: JsonObject, source: TokenSource, read: Read): GoodToken {
  const { issuer, token } = source;
  const confirmation = readConfirmation(claims.cnf);
  checkSaysBinding(claims, confirmation);
  const caller: ApiCaller = Object.freeze({
    kind: 'bearer',
    name: loggedName(read.clientId),
    identity: Object.freeze({
      provider: issuer.name,
      issuer: issuer.issuer,
      subject: read.subject,
      claims: Object.freeze(claims),
    }),
    scopes: read.scopes,
    audiences: Object.freeze(read.audiences),
    token,
    scheme: confirmation?.kind === 'dpop' ? 'DPoP' : 'Bearer',
    expiresAt: read.expiresAt,
  });
  return { caller, confirmation, goodUntil: read.expiresAt + read.leeway };
}

/** One string or a list of strings; one of them exactly one of ours: no prefix, no other case, no slash more or less. */
function checkAudience(
  aud: unknown,
  { audience, dangerouslyAllowAnyAudience: isAny }: Rules,
): readonly string[] {
  if (isAny && aud === undefined) return [];
  const named: unknown = typeof aud === 'string' ? [aud] : aud;
  if (!Array.isArray(named) || named.length > 100) throw new Refusal('audience');
  const audiences: readonly unknown[] = named;
  if (!audiences.every((one): one is string => typeof one === 'string')) throw new Refusal('audience');
  if (!isAny && !audience.some((ours) => audiences.includes(ours))) throw new Refusal('audience');
  return audiences;
}

function readGranted(claims: JsonObject): ReadonlySet<string> {
  const scopes = readScopes(claims);
  if (scopes === null) throw new Refusal('scope');
  return scopes;
}

/** `client_id` (RFC 9068 section 2.2); leniently as Keycloak and Auth0 (`azp`), Entra (`azp`, `appid`) and Okta (`cid`) say it. */
const clientClaims: Readonly<Record<ApiConfig['profile'], readonly string[]>> = {
  rfc9068: ['client_id'],
  lenient: ['client_id', 'azp', 'appid', 'cid'],
};

/**
 * Who acts, and for whom. A client that acts for itself is its own subject (RFC 9068 section 2.2): leniently one of the
 * two may be left out, as Duende's servers do.
 */
function readParties(
  claims: JsonObject,
  profile: ApiConfig['profile'],
): { readonly namedClient: string | null; readonly subject: string } {
  const isNamed = clientClaims[profile].some((candidate) => claims[candidate] !== undefined);
  if (profile === 'lenient' && !isNamed) return { namedClient: null, subject: readSubject(claims.sub) };
  const namedClient = readClientId(claims, profile);
  const subject = profile === 'lenient' ? (claims.sub ?? namedClient) : claims.sub;
  return { namedClient, subject: readSubject(subject) };
}

function readClientId(claims: JsonObject, profile: ApiConfig['profile']): string {
  const name = clientClaims[profile].find((candidate) => claims[candidate] !== undefined);
  const value = name === undefined ? undefined : claims[name];
  if (typeof value !== 'string' || !/^[\x20-\x7e]{1,500}$/.test(value)) throw new Refusal('client-id');
  return value;
}

/** What `judgeClaims` does not look at in any case (RFC 9068 section 2.2). */
function checkRequired(claims: JsonObject): void {
  if (typeof claims.jti !== 'string' || claims.jti === '') throw new Refusal('token-id');
  readTime(claims.iat, 'issued-at');
}

interface Moment {
  readonly now: number;
  readonly leeway: number;
}

function checkTimes(claims: JsonObject, expiresAt: number, { now, leeway }: Moment): void {
  if (expiresAt + leeway <= now) throw new Refusal('expired');
  if (claims.nbf !== undefined && readTime(claims.nbf, 'not-before') * 1000 > now + leeway) {
    throw new Refusal('not-yet');
  }
  if (claims.iat !== undefined && readTime(claims.iat, 'issued-at') * 1000 > now + leeway) {
    throw new Refusal('not-yet');
  }
}

function checkDemanded(claims: JsonObject, subject: string, rules: Rules): void {
  if (rules.subject !== undefined && subject !== rules.subject) throw new Refusal('subject');
  for (const [name, wanted] of Object.entries(rules.requiredClaims)) {
    const values = Array.isArray(wanted) ? wanted : [wanted];
    if (!values.every((one) => holds(claims[name], one))) throw new Refusal('claim');
  }
}

function holds(claim: unknown, wanted: unknown): boolean {
  return claim === wanted || (Array.isArray(claim) && claim.includes(wanted));
}

/** Refresh tokens can be introspected too, and some servers say what they are. */
function checkTokenType(type: unknown): void {
  if (type === undefined) return;
  if (typeof type !== 'string' || !/^(?:bearer|dpop)$/i.test(type)) throw new Refusal('token-type');
}

/** Short and visible. */
function loggedName(clientId: string): string {
  return clientId.replaceAll(' ', '_').slice(0, 100);
}
