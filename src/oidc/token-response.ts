/** Reads a token response (RFC 6749 section 5.1) strictly: what it says ends up in headers, timers and the session store. */
import { Refusal } from './refusal.ts';
import { type JsonObject, parseStrictObject } from './strict-json.ts';

export interface TokenResponse {
  readonly accessToken: string;
  /** Seconds; null when the provider gave none that makes sense. */
  readonly expiresIn: number | null;
  readonly refreshToken: string | null;
  readonly idToken: string | null;
  /** The granted scopes that were asked for; null when the provider says nothing, which means all of them. */
  readonly scope: string | null;
}

const maxAccessToken = 32 * 1024;
const maxRefreshToken = 16 * 1024;
const maxExpiresIn = 365 * 24 * 3600;

/** How a token is presented: DPoP is bound to a key (RFC 9449 section 5), the other is worth the same to everybody. */
export type TokenScheme = 'Bearer' | 'DPoP';

export interface TokenRequest {
  readonly scopes: readonly string[];
  readonly scheme: TokenScheme;
}

/** Fails with a `Refusal` that names the member. */
export function parseTokenResponse(text: string, asked: TokenRequest): TokenResponse {
  const json = parseTokenBody(text, asked.scheme);
  return {
    accessToken: readAccessToken(json.access_token),
    expiresIn: readExpiresIn(json.expires_in),
    refreshToken: readRefreshToken(json.refresh_token),
    idToken: readIdToken(json.id_token),
    scope: readScope(json.scope, asked.scopes),
  };
}

/**
 * The members of a success whose token is of this scheme: a bearer token where a bound one was asked for would be of use
 * to whoever finds it, so it is not taken (RFC 9449 section 5). Fails with a `Refusal`.
 */
export function parseTokenBody(text: string, scheme: TokenScheme): JsonObject {
  const json = parseBody(text);
  if (json.error !== undefined) throw new Refusal('token-response-error', 'response');
  if (typeof json.token_type !== 'string' || json.token_type.toLowerCase() !== scheme.toLowerCase()) {
    throw new Refusal('token-type', 'response');
  }
  return json;
}

function parseBody(text: string): JsonObject {
  try {
    return parseStrictObject(text);
  } catch (error) {
    throw new Refusal(error instanceof Refusal ? `response-${error.reason}` : 'response-invalid', 'response');
  }
}

/** `b64token` of RFC 6750 section 2.1: a line break here would be a header of the attacker's upstream. */
export function readAccessToken(value: unknown): string {
  if (typeof value !== 'string' || value.length > maxAccessToken || !/^[A-Za-z0-9\-._~+/]+=*$/.test(value)) {
    throw new Refusal('access-token-invalid', 'response');
  }
  return value;
}

/** Zero, a negative number or nonsense would mean "refresh with every request": it counts as not said. */
export function readExpiresIn(value: unknown): number | null {
  const seconds = typeof value === 'string' && /^\d{1,20}$/.test(value) ? Number(value) : value;
  if (typeof seconds !== 'number' || !(seconds > 0)) return null;
  return Math.min(seconds, maxExpiresIn);
}

/** One that is too large to keep is left out: the session then works without refresh. */
function readRefreshToken(value: unknown): string | null {
  if (value === undefined || value === null) return null;
  if (typeof value !== 'string' || !/^[\x20-\x7e]+$/.test(value))
    throw new Refusal('refresh-token-invalid', 'response');
  return value.length > maxRefreshToken ? null : value;
}

function readIdToken(value: unknown): string | null {
  if (value === undefined || value === null) return null;
  if (typeof value !== 'string') throw new Refusal('id-token-malformed');
  return value;
}

/** A wider grant than was asked for is ignored (RP-116). */
function readScope(value: unknown, requested: readonly string[]): string | null {
  if (value === undefined || value === null) return null;
  if (typeof value !== 'string' || value.length > 4096) throw new Refusal('scope-invalid', 'response');
  return value
    .split(' ')
    .filter((scope) => requested.includes(scope))
    .join(' ');
}
