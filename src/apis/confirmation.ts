/** To whose key a token is bound (`cnf`, RFC 7800): a DPoP key (RFC 9449 section 6) or a client certificate (RFC 8705 section 3). */
import { Refusal } from '../oidc/refusal.ts';

export type Confirmation =
  | { readonly kind: 'dpop'; readonly jkt: string }
  | { readonly kind: 'certificate'; readonly thumbprint: string };

/** SHA-256 in base64url without padding. */
const thumbprint = /^[A-Za-z0-9_-]{43}$/;

/**
 * Null for a bearer token. Fails with a `Refusal` for a method that is not known, for several, and for a thumbprint that
 * is none: a token that is bound somehow is never taken for one that is not.
 */
export function readConfirmation(cnf: unknown): Confirmation | null {
  if (cnf === undefined) return null;
  if (typeof cnf !== 'object' || cnf === null || Array.isArray(cnf)) throw new Refusal('confirmation');
  const methods = Object.entries(cnf);
  const [method, value] = methods[0] ?? [];
  if (methods.length !== 1 || typeof value !== 'string' || !thumbprint.test(value)) {
    throw new Refusal('confirmation');
  }
  if (method === 'jkt') return { kind: 'dpop', jkt: value };
  if (method === 'x5t#S256') return { kind: 'certificate', thumbprint: value };
  throw new Refusal('confirmation');
}
