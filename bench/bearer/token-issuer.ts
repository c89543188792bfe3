/** An authorization server as a gate sees it that only checks tokens: a key set on loopback, and who asked for it. */
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { JWK } from 'jose';

export type Algorithm = 'RS256' | 'ES256';

export const algorithms: readonly Algorithm[] = ['RS256', 'ES256'];

export interface TokenIssuer {
  /** `http://127.0.0.1:…` */
  readonly issuer: string;
  readonly keySetUrl: string;
  /** How often the key set was fetched. */
  fetches(): number;
  /** A new access token (RFC 9068), bound to the key with this thumbprint where there is one. */
  issue(algorithm: Algorithm, thumbprint?: string): string;
  /** A token that names a key which nobody has: all there is to it, as nobody can check its signature. */
  forge(): string;
  publicKey(algorithm: Algorithm): JWK;
  stop(): Promise<void>;
}

export const audience = 'https://api.example.com';

/** Seconds. */
const lifetime = 3600;

interface Keys {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

export async function startTokenIssuer(): Promise<TokenIssuer> {
  const keys: Readonly<Record<Algorithm, Keys>> = {
    RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }),
    ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  };
  const publicKey = (algorithm: Algorithm) => keys[algorithm].publicKey.export({ format: 'jwk' }) as JWK;
  const document = JSON.stringify({
    keys: algorithms.map((alg) => ({ ...publicKey(alg), alg, use: 'sig', kid: alg })),
  });
  let fetches = 0;
  const server = createServer((_request, response) => {
    fetches += 1;
    response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'max-age=3600' });
    response.end(document);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    issuer,
    keySetUrl: `${issuer}/jwks`,
    fetches: () => fetches,
    issue(alg, thumbprint) {
      const input = signingInput({ alg, kid: alg }, { ...claimsOf(issuer), ...boundTo(thumbprint) });
      return `${input}.${signature(input, keys[alg].privateKey)}`;
    },
    forge() {
      const header = { alg: 'RS256', kid: randomBytes(16).toString('base64url') };
      return `${signingInput(header, claimsOf(issuer))}.${randomBytes(256).toString('base64url')}`;
    },
    publicKey,
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

function claimsOf(issuer: string): object {
  const now = Math.floor(Date.now() / 1000);
  return {
    iss: issuer,
    sub: 'alice',
    aud: [audience],
    client_id: 'orders-app',
    scope: 'openid profile email orders.read orders.write',
    iat: now,
    auth_time: now,
    exp: now + lifetime,
    jti: randomBytes(16).toString('base64url'),
    name: 'Alice Arden',
    email: 'alice@example.com',
    email_verified: true,
    groups: ['staff', 'admins'],
  };
}

function boundTo(thumbprint: string | undefined): object {
  return thumbprint === undefined ? {} : { cnf: { jkt: thumbprint } };
}

/** Header and payload of a JWS (RFC 7515). */
export function signingInput(header: object, payload: object): string {
  return [{ typ: 'at+jwt', ...header }, payload]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
}

export function signature(input: string, key: KeyObject): string {
  return sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url');
}
