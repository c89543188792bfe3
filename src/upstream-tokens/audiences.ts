/** For whom a token is: a token goes only to applications that are among its audiences (RT-075, RFC 9700 section 2.3). */
import type { TokenTarget } from '../core/route.ts';

/** Longest part of a token that is looked into, in characters. */
const longestPayload = 65_536;

/**
 * `aud` of a JWT, and nothing for every other token. Nothing is verified: it is for tokens that came from the provider
 * itself, over a connection of ours.
 */
export function audiencesOfToken(token: string): readonly string[] {
  const parts = token.split('.');
  const payload = parts[1];
  if (parts.length !== 3 || payload === undefined || payload.length > longestPayload) return [];
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
    if (typeof claims !== 'object' || claims === null || !Object.hasOwn(claims, 'aud')) return [];
    const { aud } = claims as { readonly aud: unknown };
    const all: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
    return all.filter((one) => typeof one === 'string');
  } catch {
    return [];
  }
}

/** Whether one of them is among those that the application goes by; nothing configured: every token is. */
export function isMeantFor(expected: readonly string[], audiences: readonly string[]): boolean {
  if (expected.length === 0) return true;
  for (const audience of audiences) if (expected.includes(audience)) return true;
  return false;
}

/** For whom a token is asked; empty when only scopes say it, and the token itself has to be looked at. */
export function audiencesOfTarget({ audience, resource }: TokenTarget): readonly string[] {
  if (audience === null) return resource === null ? [] : [resource];
  return resource === null ? [audience] : [audience, resource];
}
