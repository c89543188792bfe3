/** The gate's own private keys that a provider encrypts tokens to: PEM (PKCS #8) or JWK text. */
import type { KeyObject } from 'node:crypto';
import { notPrivateKey, readPrivateKey } from './private-key.ts';

export interface DecryptionKey {
  /** `kid` of the JWK; null for PEM, and then the key is tried for every token. */
  readonly kid: string | null;
  readonly kind: 'rsa' | 'ec';
  readonly key: KeyObject;
}

const curves: readonly unknown[] = ['prime256v1', 'secp384r1', 'secp521r1'];

/** The key, or why the text is none; the reason never quotes it. */
export function readDecryptionKey(text: string): DecryptionKey | string {
  const read = readPrivateKey(text);
  if (read === null) return notPrivateKey;
  const { key, jwk } = read;
  const kid = typeof jwk?.kid === 'string' ? jwk.kid : null;
  const { modulusLength = 0, namedCurve } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'rsa') {
    return modulusLength < 2048 || modulusLength > 8192
      ? 'is an RSA key of fewer than 2048 or more than 8192 bits'
      : { kid, kind: 'rsa', key };
  }
  if (key.asymmetricKeyType === 'ec' && curves.includes(namedCurve)) return { kid, kind: 'ec', key };
  return 'is neither an RSA key nor one on P-256, P-384 or P-521';
}
