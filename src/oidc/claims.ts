/** Which claims a person has: those of the ID token, and beneath them those of userinfo (OpenID Connect Core section 5.3). */
import type { Claims } from '../core/identity.ts';
import type { ProviderConfig } from './provider-config.ts';
import { Refusal } from './refusal.ts';
import { type JsonObject, parseStrictObject } from './strict-json.ts';

/** About the token and the authentication, not about the person: only a signed ID token may say them (RP-128). */
const onlyFromIdToken: ReadonlySet<string> = new Set([
  'iss',
  'sub',
  'aud',
  'exp',
  'nbf',
  'iat',
  'jti',
  'azp',
  'nonce',
  'auth_time',
  'acr',
  'amr',
  'sid',
  'at_hash',
  'c_hash',
  's_hash',
  'cnf',
  'events',
]);

/** What one would expect in the ID token when the scope was granted. */
const claimsOfScope: Readonly<Record<string, readonly string[]>> = {
  profile: ['name', 'preferred_username', 'given_name', 'family_name', 'nickname'],
  email: ['email'],
  phone: ['phone_number'],
  address: ['address'],
};

/** Whether userinfo has to be asked: always, or because the ID token lacks what a scope promises. */
export function needsUserinfo(claims: Claims, config: ProviderConfig): boolean {
  if (config.userinfo !== 'auto') return config.userinfo === 'always';
  return config.scopes.some((scope) => {
    const promised = Object.hasOwn(claimsOfScope, scope) ? claimsOfScope[scope] : undefined;
    return promised !== undefined && !promised.some((name) => Object.hasOwn(claims, name));
  });
}

/** Fails with a `Refusal` when it is no JSON object or speaks of somebody else. */
export function parseUserinfo(text: string, contentType: string, subject: string): JsonObject {
  if (contentType !== 'application/json') throw new Refusal('userinfo-not-json');
  let claims: JsonObject;
  try {
    claims = parseStrictObject(text);
  } catch (error) {
    throw new Refusal(error instanceof Refusal ? `userinfo-${error.reason}` : 'userinfo-invalid');
  }
  if (claims.sub !== subject) throw new Refusal('userinfo-subject-mismatch');
  return claims;
}

/** A new object without prototype; what the ID token says wins. */
export function mergeClaims(idToken: Claims, userinfo: Claims): Claims {
  const merged: Record<string, unknown> = Object.create(null);
  for (const [name, value] of Object.entries(userinfo)) {
    if (!onlyFromIdToken.has(name)) merged[name] = value;
  }
  for (const [name, value] of Object.entries(idToken)) merged[name] = value;
  return merged;
}
