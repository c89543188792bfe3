/** An issuer of access tokens whose keys come and go: signs for whoever a test names, and publishes what it is told to. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';

export interface AccessTokens {
  readonly issuer: string;
  /** How often the keys were fetched. */
  readonly fetches: number;
  /** Signs with the key of this name, which is made when it is new, and published until it is withdrawn. */
  issue(key: string, subject: string): Promise<string>;
  /** Publishes the key no longer. */
  withdraw(key: string): void;
  close(): Promise<void>;
}

export interface AccessTokensOptions {
  readonly audience: string;
  /** Seconds that the keys may be cached by whoever fetches them. */
  readonly maxAge: number;
}

type Pair = Awaited<ReturnType<typeof generateKeyPair>>;

export async function startAccessTokens({ audience, maxAge }: AccessTokensOptions): Promise<AccessTokens> {
  const pairs = new Map<string, Pair>();
  const published = new Map<string, object>();
  let fetches = 0;

  const server = createServer((request, response) => {
    const isKeys = request.url === '/jwks';
    if (isKeys) fetches += 1;
    const body = isKeys ? { keys: [...published.values()] } : { issuer, jwks_uri: `${issuer}/jwks` };
    response
      .writeHead(200, { 'content-type': 'application/json', 'cache-control': `max-age=${maxAge}` })
      .end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const pairOf = async (kid: string): Promise<Pair> => {
    const known = pairs.get(kid);
    if (known !== undefined) return known;
    const pair = await generateKeyPair('ES256');
    pairs.set(kid, pair);
    published.set(kid, { ...(await exportJWK(pair.publicKey)), kid, alg: 'ES256', use: 'sig' });
    return pair;
  };

  return {
    issuer,
    get fetches() {
      return fetches;
    },
    async issue(kid, subject) {
      const { privateKey } = await pairOf(kid);
      return new SignJWT({ client_id: subject, scope: 'any' })
        .setProtectedHeader({ alg: 'ES256', kid, typ: 'at+jwt' })
        .setIssuer(issuer)
        .setSubject(subject)
        .setAudience(audience)
        .setIssuedAt()
        .setJti(crypto.randomUUID())
        .setExpirationTime('1h')
        .sign(privateKey);
    },
    withdraw: (kid) => void published.delete(kid),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
