/** A private key of the gate that signs: which algorithm it signs with (RFC 7518) and how others call it. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { jwkThumbprint } from './jwk-thumbprint.ts';
import { notPrivateKey, readPrivateKey } from './private-key.ts';

/** Asymmetric signature algorithms, of ours and of others; symmetric ones and `none` are not among them (RFC 8725 section 3.2). */
export const signingAlgorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const;

export type SigningAlgorithm = (typeof signingAlgorithms)[number];

export interface SigningKey {
  readonly key: KeyObject;
  readonly algorithm: SigningAlgorithm;
  /** `kid` of the JWK, or the thumbprint. */
  readonly kid: string;
  /** RFC 7638, SHA-256, base64url. */
  readonly thumbprint: string;
  /** The public half: only the members that make the key. */
  readonly publicJwk: Readonly<Record<string, string>>;
}

const algorithmOfCurve: Readonly<Record<string, SigningAlgorithm>> = {
  prime256v1: 'ES256',
  secp384r1: 'ES384',
  secp521r1: 'ES512',
};

/** Members that make a key (RFC 7638 section 3.2). */
const membersOf: Readonly<Record<string, readonly string[]>> = {
  RSA: ['e', 'kty', 'n'],
  EC: ['crv', 'kty', 'x', 'y'],
  OKP: ['crv', 'kty', 'x'],
};

/**
 * The key, or why the text is none; the reason never quotes it. `algorithm` null: that of the JWK, else the usual one
 * of its type, which is PS256 for RSA.
 */
export function readSigningKey(text: string, algorithm: SigningAlgorithm | null = null): SigningKey | string {
  const read = readPrivateKey(text);
  if (read === null) return notPrivateKey;
  const { key, jwk } = read;
  if (jwk?.use !== undefined && jwk.use !== 'sig')
    return 'is a key for something other than signatures (`use`)';
  const possible = algorithmsOf(key);
  if (typeof possible === 'string') return possible;
  const asked = algorithm ?? jwk?.alg ?? possible[0];
  const chosen = possible.find((name) => name === asked);
  if (chosen === undefined) return `cannot sign with ${algorithm ?? 'the `alg` of the JWK'}`;
  if (jwk?.alg !== undefined && jwk.alg !== chosen) return `is a key for another algorithm than ${chosen}`;
  const publicJwk = publicMembers(key);
  const thumbprint = jwkThumbprint({ members: publicJwk });
  const kid = typeof jwk?.kid === 'string' && jwk.kid !== '' ? jwk.kid : thumbprint;
  return { key, algorithm: chosen, kid, thumbprint, publicJwk };
}

/** Those that the key can sign with, the usual one first, or why there are none. */
function algorithmsOf(key: KeyObject): readonly SigningAlgorithm[] | string {
  const { modulusLength = 0, namedCurve = '' } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'ed25519') return ['EdDSA', 'Ed25519'];
  if (key.asymmetricKeyType === 'ec' && Object.hasOwn(algorithmOfCurve, namedCurve)) {
    return [algorithmOfCurve[namedCurve] as SigningAlgorithm];
  }
  if (key.asymmetricKeyType !== 'rsa')
    return 'is neither an RSA key nor one on P-256, P-384, P-521 or Ed25519';
  if (modulusLength < 2048 || modulusLength > 8192) {
    return 'is an RSA key of fewer than 2048 or more than 8192 bits';
  }
  return ['PS256', 'PS384', 'PS512', 'RS256', 'RS384', 'RS512'];
}

function publicMembers(key: KeyObject): Readonly<Record<string, string>> {
  const jwk = createPublicKey(key).export({ format: 'jwk' }) as Readonly<Record<string, string>>;
  const names = membersOf[jwk.kty as string] as readonly string[];
  return Object.fromEntries(names.map((name) => [name, jwk[name] as string]));
}
