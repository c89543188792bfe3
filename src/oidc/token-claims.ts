/** Checks of claims that ID tokens and logout tokens have in common (OpenID Connect Core 1.0 section 3.1.3.7). */
import { Refusal } from './refusal.ts';
import type { JsonObject } from './strict-json.ts';

export interface Parties {
  readonly issuer: string;
  readonly clientId: string;
  readonly trustedAudiences: readonly string[];
}

/** From this issuer, for this client, and for nobody else whom the operator does not trust. Fails with a `Refusal`. */
export function checkParties(claims: JsonObject, expected: Parties): void {
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

/** Seconds. JSON knows 1e400, which becomes infinite: a token for ever. Fails with a `Refusal` of that reason. */
export function readTime(value: unknown, reason: string): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new Refusal(reason);
  return value;
}

/** OpenID Connect Core section 2: at most 255 ASCII characters. Control characters would end up in headers and logs. */
export function readSubject(value: unknown): string {
  if (typeof value !== 'string' || !/^[\x20-\x7e]{1,255}$/.test(value)) throw new Refusal('subject-invalid');
  return value;
}
