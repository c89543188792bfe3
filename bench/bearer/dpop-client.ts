/** A client with a token that is bound to its key: it signs a proof for each request (RFC 9449). */
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { signature, signingInput, type TokenIssuer } from './token-issuer.ts';

export interface DpopClient {
  readonly token: string;
  /** For one GET of this address. */
  prove(url: string): string;
}

export function createDpopClient(issuer: TokenIssuer): DpopClient {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { crv, kty, x, y } = publicKey.export({ format: 'jwk' });
  const thumbprint = digest(JSON.stringify({ crv, kty, x, y }));
  const token = issuer.issue('ES256', thumbprint);
  const header = { typ: 'dpop+jwt', alg: 'ES256', jwk: { kty, crv, x, y } };
  const ath = digest(token);
  return {
    token,
    prove(url) {
      const iat = Math.floor(Date.now() / 1000);
      const jti = randomBytes(16).toString('base64url');
      const input = signingInput(header, { htm: 'GET', htu: url, iat, jti, ath });
      return `${input}.${signature(input, privateKey)}`;
    },
  };
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}
