/** A private key that signs for the gate: EC on P-256, for ES256 (RFC 7518 section 3.4), as PEM or as a JWK. */
import { createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';

/** The public half as it is published (RFC 7517); it never has the member `d`. */
export interface PublicSigningJwk {
  readonly kty: 'EC';
  readonly crv: 'P-256';
  readonly x: string;
  readonly y: string;
  readonly kid: string;
  readonly use: 'sig';
  readonly alg: 'ES256';
}

export interface SigningKey {
  /** SHA-256 thumbprint (RFC 7638). */
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly publicJwk: PublicSigningJwk;
}

export type SigningKeyRead =
  | { readonly ok: true; readonly key: SigningKey }
  | {
      readonly ok: false;
      /** What is wrong and what to write instead; nothing of what was written. */
      readonly reason: string;
    };

const expected =
  'write a private EC key on P-256, as PEM (`openssl ecparam -name prime256v1 -genkey`) or as a JWK';

/** Never throws. */
export function parseSigningKey(text: string): SigningKeyRead {
  const privateKey = toPrivateKey(text.trim());
  if (privateKey === null) return { ok: false, reason: `is no private key: ${expected}` };
  // Asked first: not every kind of key can be written as a JWK.
  const { namedCurve } = privateKey.asymmetricKeyDetails ?? {};
  if (privateKey.asymmetricKeyType !== 'ec' || namedCurve !== 'prime256v1') {
    return { ok: false, reason: `is a key of another kind: ${expected}` };
  }
  return { ok: true, key: toSigningKey(privateKey) };
}

function toPrivateKey(text: string): KeyObject | null {
  try {
    return text.startsWith('{')
      ? createPrivateKey({ key: JSON.parse(text), format: 'jwk' })
      : createPrivateKey(text);
  } catch {
    return null;
  }
}

function toSigningKey(privateKey: KeyObject): SigningKey {
  const { x = '', y = '' } = createPublicKey(privateKey).export({ format: 'jwk' });
  const members = { crv: 'P-256', kty: 'EC', x, y } as const;
  // The members of RFC 7638 section 3.2, in their order.
  const kid = createHash('sha256').update(JSON.stringify(members)).digest('base64url');
  return { kid, privateKey, publicJwk: { ...members, kid, use: 'sig', alg: 'ES256' } };
}
