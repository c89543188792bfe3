/** What a gate still knows of credentials after a restart over the same data, and what its files do not tell. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose';
import { createDpopSender } from '../support/dpop-sender.ts';
import { createEcho, type Echo } from '../support/echo.ts';
import { type RunningGate, startGate } from '../support/gate.ts';
import { everyGrant } from '../support/real-provider-apis.ts';
import { machineClient, machineToken } from '../support/token-client.ts';
import { fetchHeaders, type UserAgent } from '../support/user-agent.ts';

const front = 'urn:front';
const orders = 'urn:orders';
const sender = createDpopSender();

let app: Echo;
let gate: RunningGate;
let alice: UserAgent;
let bound: string;

before(async () => {
  app = await createEcho();
  gate = await startGate({
    appUrl: app.url,
    provider: {
      apis: {
        resources: {
          [front]: { scope: 'front', format: 'jwt' },
          [orders]: { scope: 'orders.read', format: 'jwt' },
        },
      },
      machines: [machineClient('machine')],
      clientMetadata: everyGrant,
    },
    providerSettings: {
      scopes: ['openid', 'front', 'offline_access'],
      userinfo: 'never',
      authorizationParameters: { resource: front },
    },
    config: {
      apis: {
        front: { issuers: ['main'], audience: [front] },
        fresh: { issuers: ['main'], audience: [front], dpop: { nonce: true } },
      },
      routes: [
        { path: '/bound/**', cluster: 'app', authenticate: ['bearer'], api: 'front' },
        { path: '/fresh/**', cluster: 'app', authenticate: ['bearer'], api: 'fresh' },
        {
          path: '/exchange/**',
          cluster: 'app',
          access: 'signed-in',
          upstreamToken: { exchange: { resource: orders } },
        },
        {
          path: '/assertion/**',
          cluster: 'app',
          access: 'signed-in',
          upstreamToken: { assertion: { audience: orders } },
        },
      ],
    },
  });
  alice = await gate.signIn('/assertion/1');
  bound = await machineToken(gate.provider.issuer, 'machine', { resource: front, scope: 'front', sender });
});

after(async () => {
  await gate?.close();
  await app?.close();
});

async function sent(path: string): Promise<string> {
  app.reset();
  assert.equal((await alice.ask(gate.url + path, { headers: fetchHeaders })).status, 200);
  return app.requests[0]?.all('authorization')[0] ?? '';
}

const prove = (path: string, claims = {}) =>
  sender.prove({ method: 'GET', url: gate.url + path, token: bound }, { claims });
const call = (path: string, dpop: string) =>
  fetch(gate.url + path, { headers: { authorization: `DPoP ${bound}`, dpop } });

test('RS-071: an exchanged token outlives the process, sealed in the store, and goes with the session', async () => {
  const before = await sent('/exchange/1');
  await gate.restart();
  const calls = gate.provider.stats().token;
  assert.equal(await sent('/exchange/1'), before);
  assert.equal(gate.provider.stats().token, calls);
  for (const name of readdirSync(gate.dataDir)) {
    const bytes = readFileSync(join(gate.dataDir, name));
    for (const part of before.slice(7).split('.'))
      assert.ok(!bytes.includes(part), `${name} holds the token`);
  }
  await alice.submit(`${gate.url}/.auth/logout`, {});
  assert.equal((await alice.ask(`${gate.url}/exchange/1`, { headers: fetchHeaders })).status, 401);
  alice = await gate.signIn('/assertion/1');
  assert.notEqual(await sent('/exchange/1'), before);
});

test('the keys of assertions stay, so that an application that fetched them before verifies what comes after', async () => {
  const keys = (await (await fetch(`${gate.url}/.auth/jwks.json`)).json()) as JSONWebKeySet;
  await gate.restart();
  const assertion = (await sent('/assertion/1')).replace(/^Bearer /i, '');
  const options = { issuer: gate.url, audience: orders };
  const { payload } = await jwtVerify(assertion, createLocalJWKSet(keys), options);
  assert.equal(payload.sub, 'alice');
});

test('RS-055: a proof that was used before a restart is not good after it', async () => {
  const proof = prove('/bound/1');
  assert.equal((await call('/bound/1', proof)).status, 200);
  await gate.restart();
  app.reset();
  assert.equal((await call('/bound/1', proof)).status, 401);
  assert.equal(app.requests.length, 0);
  assert.equal((await call('/bound/1', prove('/bound/1'))).status, 200);
});

test('RS-054: a nonce of before a restart is good after it', async () => {
  const nonce = (await call('/fresh/1', prove('/fresh/1'))).headers.get('dpop-nonce');
  assert.ok(nonce !== null);
  await gate.restart();
  assert.equal((await call('/fresh/1', prove('/fresh/1', { nonce }))).status, 200);
});
