/** Signs JWTs (RFC 7519) with a key of the gate, at once: for assertions, request objects and proofs. */
import { constants, type SignKeyObjectInput, sign } from 'node:crypto';
import type { SigningAlgorithm, SigningKey } from './signing-key.ts';

/** Answers the compact form. */
export type SignJwt = (claims: Readonly<Record<string, unknown>>) => string;

/** `header` is that of every JWT; `alg` is added to it. */
export function createJwtSigner(signingKey: SigningKey, header: Readonly<Record<string, unknown>>): SignJwt {
  const { algorithm } = signingKey;
  const begin = encode({ alg: algorithm, ...header });
  const hash = hashOf(algorithm);
  const options = signOptions(signingKey);
  return (claims) => {
    const input = `${begin}.${encode(claims)}`;
    return `${input}.${sign(hash, Buffer.from(input), options).toString('base64url')}`;
  };
}

/** One JSON part of a JWT. */
export function encode(value: Readonly<Record<string, unknown>>): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

/** Null: the hash is part of the algorithm. */
function hashOf(algorithm: SigningAlgorithm): string | null {
  return algorithm.startsWith('Ed') ? null : `sha${algorithm.slice(2)}`;
}

function signOptions({ key, algorithm }: SigningKey): SignKeyObjectInput {
  if (algorithm.startsWith('PS')) {
    return { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
  }
  return { key, dsaEncoding: 'ieee-p1363' };
}
