/**
 * Checks one JWS signature (RFC 7515 section 5.2) with a key that is known to fit its algorithm. By `node:crypto` and in
 * one go: WebCrypto's way through a thread costs three times as much as the RSA operation itself.
 */
import { constants, createHmac, type KeyObject, timingSafeEqual, verify } from 'node:crypto';

/** `input` is what was signed: header and payload in base64url with a dot between. Never throws. */
export function verifySignature(alg: string, key: KeyObject, input: string, signature: Uint8Array): boolean {
  const data = Buffer.from(input, 'latin1');
  try {
    if (alg.startsWith('PS')) {
      // The salt is as long as the hash (RFC 7518 section 3.5).
      const options = { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: Number(alg.slice(2)) / 8 };
      return verify(hashOf(alg), data, options, signature);
    }
    if (alg.startsWith('RS')) return verify(hashOf(alg), data, key, signature);
    if (alg.startsWith('ES')) {
      return verify(hashOf(alg), data, { key, dsaEncoding: 'ieee-p1363' }, signature);
    }
    return (alg === 'EdDSA' || alg === 'Ed25519') && verify(null, data, key, signature);
  } catch {
    return false;
  }
}

/** The same for HS256, HS384 and HS512, in constant time. */
export function verifyMac(alg: string, secret: Uint8Array, input: string, signature: Uint8Array): boolean {
  const expected = createHmac(hashOf(alg), secret).update(input, 'latin1').digest();
  return expected.length === signature.length && timingSafeEqual(expected, signature);
}

function hashOf(alg: string): string {
  return `sha${alg.slice(2)}`;
}
