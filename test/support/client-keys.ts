/** Keys of the gate as a client, made for one test file, and what others can read of what was signed with them. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';

export type KeyKind = 'rsa' | 'p256' | 'p384' | 'p521' | 'ed25519';

const make: Readonly<Record<KeyKind, () => { publicKey: KeyObject; privateKey: KeyObject }>> = {
  rsa: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  p256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  p384: () => generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  p521: () => generateKeyPairSync('ec', { namedCurve: 'P-521' }),
  ed25519: () => generateKeyPairSync('ed25519'),
};

export interface ClientKey {
  readonly publicKey: KeyObject;
  /** PKCS #8. */
  readonly pem: string;
  /** The private JWK as text, with these members over it. */
  jwk(members?: Readonly<Record<string, unknown>>): string;
}

export function makeClientKey(kind: KeyKind): ClientKey {
  const { publicKey, privateKey } = make[kind]();
  return {
    publicKey,
    pem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    jwk: (members = {}) => JSON.stringify({ ...privateKey.export({ format: 'jwk' }), ...members }),
  };
}

type Json = Readonly<Record<string, unknown>>;

/** Header and claims, unchecked. */
export function readJwt(token: string): { readonly header: Json; readonly claims: Json } {
  const [header, claims] = token
    .split('.', 2)
    .map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()) as Json);
  return { header: header as Json, claims: claims as Json };
}
