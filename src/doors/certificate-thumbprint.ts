/** What a certificate is known by in tokens. */
import { hash, type X509Certificate } from 'node:crypto';

/** `x5t#S256`: SHA-256 of the DER in base64url (RFC 8705 section 3.1). */
export function certificateThumbprint(certificate: X509Certificate): string {
  return hash('sha256', certificate.raw, 'base64url');
}
