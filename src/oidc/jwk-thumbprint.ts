/** The name that a public key has by itself (RFC 7638): the digest of the members that make it. */
import { createHash } from 'node:crypto';
import type { PublicJwk } from './jwk-check.ts';

/** SHA-256 in base64url: what `jkt` of a token says (RFC 9449 section 6.1). */
export function jwkThumbprint({ members }: Pick<PublicJwk, 'members'>): string {
  const sorted = Object.fromEntries(Object.entries(members).sort(([a], [b]) => (a < b ? -1 : 1)));
  return createHash('sha256').update(JSON.stringify(sorted)).digest('base64url');
}
