/** A private key that signs assertions: EC on P-256, for ES256 (RFC 7518 section 3.4), as PEM or as a JWK. */
import { readSigningKey, type SigningKey } from '../oidc/signing-key.ts';

export type AssertionKeyRead =
  | { readonly ok: true; readonly value: SigningKey }
  | {
      readonly ok: false;
      /** What to write instead; nothing of what was written. */
      readonly reason: string;
    };

const expected =
  'is not what signs assertions: write a private EC key on P-256, as PEM (`openssl ecparam -name prime256v1 -genkey`) or as a JWK';

/** Never throws. */
export function parseAssertionKey(text: string): AssertionKeyRead {
  const read = readSigningKey(text, 'ES256');
  return typeof read === 'string' ? { ok: false, reason: expected } : { ok: true, value: read };
}
