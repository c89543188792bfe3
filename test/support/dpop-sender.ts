/** A client that holds a DPoP key: makes proofs (RFC 9449 section 4.2) that are right in everything a test does not override. */
import { createHash, createHmac, generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto';

type Json = Readonly<Record<string, unknown>>;

export interface DpopSender {
  readonly publicJwk: Json;
  readonly privateJwk: Json;
  /** RFC 7638, made by another way than the product's. */
  readonly jkt: string;
  prove(request: ProofRequest, over?: ProofOverrides): string;
}

export interface ProofRequest {
  readonly method: string;
  readonly url: string;
  readonly token: string;
}

export interface ProofOverrides {
  /** Over header and claims; undefined removes. */
  readonly header?: Json;
  readonly claims?: Json;
  /** Over the exact text of header and payload. */
  readonly headerText?: string;
  readonly payloadText?: string;
  readonly signature?: (input: string) => Buffer;
  readonly mangle?: (proof: string) => string;
}

type KeyKind = 'ES256' | 'ES384' | 'PS256' | 'RS256' | 'EdDSA';

export function createDpopSender(alg: KeyKind = 'ES256', modulusLength = 2048): DpopSender {
  const { publicKey, privateKey } = makePair(alg, modulusLength);
  const publicJwk = publicKey.export({ format: 'jwk' }) as Json;
  return {
    publicJwk,
    privateJwk: privateKey.export({ format: 'jwk' }) as Json,
    jkt: thumbprint(publicJwk),
    prove(request, over = {}) {
      const header = { typ: 'dpop+jwt', alg, jwk: publicJwk, ...over.header };
      const claims = {
        jti: randomUUID(),
        htm: request.method,
        htu: request.url,
        iat: Math.floor(Date.now() / 1000),
        ath: createHash('sha256').update(request.token).digest('base64url'),
        ...over.claims,
      };
      const part = (text: string) => Buffer.from(text).toString('base64url');
      const headerPart = part(over.headerText ?? JSON.stringify(header));
      const input = `${headerPart}.${part(over.payloadText ?? JSON.stringify(claims))}`;
      const signature = over.signature?.(input) ?? signWith(alg, privateKey, input);
      const proof = `${input}.${signature.toString('base64url')}`;
      return over.mangle?.(proof) ?? proof;
    },
  };
}

export function macWith(secret: string, input: string): Buffer {
  return createHmac('sha256', secret).update(input).digest();
}

function makePair(alg: KeyKind, modulusLength: number): { publicKey: KeyObject; privateKey: KeyObject } {
  if (alg === 'EdDSA') return generateKeyPairSync('ed25519');
  if (alg.startsWith('ES')) {
    return generateKeyPairSync('ec', { namedCurve: alg === 'ES256' ? 'P-256' : 'P-384' });
  }
  return generateKeyPairSync('rsa', { modulusLength });
}

function signWith(alg: KeyKind, key: KeyObject, input: string): Buffer {
  const data = Buffer.from(input);
  if (alg === 'EdDSA') return sign(null, data, key);
  if (alg === 'PS256') return sign('sha256', data, { key, padding: 6, saltLength: 32 });
  return sign(`sha${alg.slice(2)}`, data, { key, dsaEncoding: 'ieee-p1363' });
}

function thumbprint({ kty, crv, x, y, n, e }: Json): string {
  const text =
    kty === 'RSA'
      ? `{"e":"${e}","kty":"RSA","n":"${n}"}`
      : kty === 'EC'
        ? `{"crv":"${crv}","kty":"EC","x":"${x}","y":"${y}"}`
        : `{"crv":"${crv}","kty":"OKP","x":"${x}"}`;
  return createHash('sha256').update(text).digest('base64url');
}
