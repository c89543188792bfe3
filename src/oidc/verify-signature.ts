/**
 * Checks one JWS signature (RFC 7515 section 5.2). By `node:crypto` and in one go: WebCrypto's way through a thread costs
 * three times as much as the RSA operation itself.
 */
import {
  constants,
  createHmac,
  type KeyObject,
  timingSafeEqual,
  type VerifyKeyObjectInput,
  verify,
} from 'node:crypto';

interface Scheme {
  /** Null: part of the scheme. */
  readonly hash: string | null;
  readonly keyType: 'rsa' | 'ec' | 'ed25519';
  readonly options: Omit<VerifyKeyObjectInput, 'key'>;
}

const schemes: ReadonlyMap<string, Scheme> = new Map([
  ...[256, 384, 512].flatMap((bits): [string, Scheme][] => {
    const hash = `sha${bits}`;
    // The salt is as long as the hash (RFC 7518 section 3.5).
    const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: bits / 8 };
    return [
      [`RS${bits}`, { hash, keyType: 'rsa', options: {} }],
      [`PS${bits}`, { hash, keyType: 'rsa', options: pss }],
      [`ES${bits}`, { hash, keyType: 'ec', options: { dsaEncoding: 'ieee-p1363' } }],
    ];
  }),
  ...['EdDSA', 'Ed25519'].map((alg): [string, Scheme] => [
    alg,
    { hash: null, keyType: 'ed25519', options: {} },
  ]),
]);

const macs: ReadonlyMap<string, string> = new Map([
  ['HS256', 'sha256'],
  ['HS384', 'sha384'],
  ['HS512', 'sha512'],
]);

/** Whether it is checked with a shared secret. */
export function isMac(alg: string): boolean {
  return macs.has(alg);
}

/**
 * `input` is what was signed: header and payload in base64url with a dot between. False for an algorithm that is not known
 * or for another type of key; the curve is for the caller to check (`fitsHeader`). Never throws.
 */
export function verifySignature(alg: string, key: KeyObject, input: string, signature: Uint8Array): boolean {
  const scheme = schemes.get(alg);
  if (scheme === undefined || key.asymmetricKeyType !== scheme.keyType) return false;
  try {
    return verify(scheme.hash, Buffer.from(input, 'latin1'), { key, ...scheme.options }, signature);
  } catch {
    return false;
  }
}

/** The same for HS256, HS384 and HS512, in constant time. */
export function verifyMac(alg: string, secret: Uint8Array, input: string, signature: Uint8Array): boolean {
  const hash = macs.get(alg);
  if (hash === undefined) return false;
  const expected = createHmac(hash, secret).update(input, 'latin1').digest();
  return expected.length === signature.length && timingSafeEqual(expected, signature);
}
