/** Tokens that are bound to a client certificate (RFC 8705 section 3). */
import { timingSafeEqual } from 'node:crypto';

/**
 * Whether the client proved to hold the certificate that the token names. Both are `x5t#S256`: SHA-256 in base64url; null
 * when the client showed none.
 */
export function isBoundToCertificate(confirmed: string, presented: string | null): boolean {
  if (presented === null) return false;
  const [left, right] = [Buffer.from(confirmed), Buffer.from(presented)];
  return left.length === right.length && timingSafeEqual(left, right);
}
