/** Tokens for applications from two workers of one gate, over SQLite and with a key that it made itself. */
import assert from 'node:assert/strict';
import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { after, before, test } from 'node:test';
import { readJwt } from '../support/client-keys.ts';
import { freePort } from '../support/free-port.ts';
import { type GateProcess, prepareGateProcess } from '../support/gate-process.ts';
import { type RealProvider, startRealProvider } from '../support/real-provider.ts';
import { everyGrant } from '../support/real-provider-apis.ts';
import { claimsOf, clientSecret, front, machineClient, machineToken, orders } from './support/api-fleet.ts';
import { type App, startApp, type Told } from './support/app.ts';
import { signInAtFleet } from './support/sign-in.ts';
import { askOnce, eventually } from './support/workers.ts';

let app: App;
let gate: GateProcess;
let provider: RealProvider;

before(async () => {
  app = await startApp();
  const url = `http://127.0.0.1:${await freePort()}`;
  provider = await startRealProvider({
    clients: [
      { clientId: 'app', clientSecret, redirectUris: [`${url}/.auth/callback`], metadata: everyGrant },
      machineClient('machine'),
    ],
    apis: {
      resources: {
        [front]: { scope: 'front', format: 'jwt' },
        [orders]: { scope: 'orders', format: 'jwt' },
      },
    },
  });
  const issuer = {
    issuer: provider.issuer,
    clientId: 'app',
    clientSecret,
    authorizationParameters: { resource: front },
  };
  gate = await prepareGateProcess({
    url,
    config: {
      workers: 2,
      providers: { main: issuer },
      apis: { front: { issuers: ['main'], audience: [front] } },
      clusters: { app: { targets: [app.url] } },
      routes: [
        {
          path: '/exchanged/**',
          cluster: 'app',
          access: 'signed-in',
          onAnonymous: 'unauthorized',
          upstreamToken: { exchange: { resource: orders } },
        },
        {
          path: '/signed/**',
          cluster: 'app',
          authenticate: ['bearer'],
          api: 'front',
          upstreamToken: { assertion: { audience: orders } },
        },
      ],
    },
  });
  await gate.start();
});

after(async () => {
  await gate.close();
  await provider.close();
  await app.close();
});

/** What came back from each worker, by the first part of the ids of its requests. */
async function fromEveryWorker(
  path: string,
  headers: Readonly<Record<string, string>>,
): Promise<readonly string[]> {
  const seen: string[] = [];
  const known = gate.events('request.finished').length;
  await eventually(async () => {
    const answers = await Promise.all(Array.from({ length: 40 }, () => askOnce(gate.url + path, headers)));
    for (const { status, body } of answers) {
      assert.equal(status, 200, body);
      seen.push(body);
    }
    const lines = gate.events('request.finished').slice(known);
    return new Set(lines.map(({ requestId }) => String(requestId).split('-')[0])).size === 2;
  });
  return seen;
}

const authorizationIn = (body: string) => (JSON.parse(body) as Told).authorization;

test('RS-071: a crowd on both workers costs one exchange, and everybody gets what it brought', async () => {
  const { url } = gate;
  const at = { publicUrl: url, host: new URL(url).host };
  const tokens = new Set<string>();
  for (const login of ['karla', 'lukas']) {
    const cookie = await signInAtFleet(at, { login, via: [url, url] });
    const before = provider.stats().token;
    const mine = new Set((await fromEveryWorker('/exchanged/a', { cookie })).map(authorizationIn));
    assert.equal(provider.stats().token - before, 1);
    assert.equal(mine.size, 1);
    const [token = null] = mine;
    assert.deepEqual([claimsOf(token)?.sub, claimsOf(token)?.aud], [login, orders]);
    tokens.add(String(token));
  }
  assert.equal(tokens.size, 2);
});

test('both workers sign assertions with the one key that was made at the first start, and publish it', async () => {
  const sets = new Set(await fromEveryWorker('/.auth/jwks.json', {}));
  assert.equal(sets.size, 1);
  const { keys } = JSON.parse([...sets][0] as string) as { readonly keys: readonly Record<string, string>[] };
  const [jwk, ...others] = keys;
  assert.ok(jwk !== undefined && others.length === 0);
  const key = createPublicKey({ key: jwk, format: 'jwk' });
  const token = await machineToken(provider, { clientId: 'machine' });
  const answers = await fromEveryWorker('/signed/a', { authorization: `Bearer ${token}` });
  const ids = answers.map((body) => {
    const assertion = String(authorizationIn(body)).slice('Bearer '.length);
    assert.equal(readJwt(assertion).header.kid, jwk.kid);
    assert.ok(isSigned(assertion, key));
    return readJwt(assertion).claims.jti;
  });
  assert.equal(new Set(ids).size, answers.length, 'each is for one request');
});

function isSigned(jwt: string, key: KeyObject): boolean {
  const [header, payload, signature = ''] = jwt.split('.');
  const made = { key, dsaEncoding: 'ieee-p1363' } as const;
  return verify('sha256', Buffer.from(`${header}.${payload}`), made, Buffer.from(signature, 'base64url'));
}
