/** A gate that signs nobody in and takes tokens of several issuers that are named for one API alone. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { createEcho, type Echo } from '../support/echo.ts';
import {
  type EvilProvider,
  makeAccessToken,
  publicJwk,
  startEvilProvider,
} from '../support/evil-provider.ts';
import { type GateAlone, startGateAlone } from '../support/gate-alone.ts';
import { type RealProvider, startRealProvider } from '../support/real-provider.ts';
import { machineClient, machineSecret, machineToken } from '../support/token-client.ts';

const orders = 'urn:orders';
const opaque = 'urn:opaque';
const key = (kid: string, of: 'rsa' | 'rsa2') => publicJwk(of, { kid, use: 'sig', alg: 'RS256' });

let app: Echo;
let first: EvilProvider;
let second: EvilProvider;
let certified: RealProvider;
let gate: GateAlone;

before(async () => {
  app = await createEcho();
  [first, second] = [await startEvilProvider(), await startEvilProvider()];
  certified = await startRealProvider({
    clients: [machineClient('machine'), machineClient('gate')],
    apis: {
      resources: {
        [orders]: { scope: 'read', format: 'jwt' },
        [opaque]: { scope: 'read', format: 'opaque' },
      },
    },
  });
  const bearer = { cluster: 'app', authenticate: ['bearer'] };
  gate = await startGateAlone({
    config: {
      session: { store: 'memory' },
      clusters: { app: { targets: [app.url] } },
      apis: {
        orders: {
          issuers: [
            { issuer: first.issuer },
            { issuer: second.issuer, jwksUri: `${second.issuer}/jwks` },
            { issuer: certified.issuer },
          ],
          audience: [orders],
        },
        opaque: {
          issuers: [{ issuer: certified.issuer, clientId: 'gate', clientSecret: machineSecret }],
          audience: [opaque],
          introspection: {},
        },
      },
      routes: [
        {
          path: '/orders/**',
          ...bearer,
          api: 'orders',
          requestHeaders: { 'X-User': '{claims.iss}|{claims.sub}' },
        },
        { path: '/opaque/**', ...bearer, api: 'opaque' },
      ],
    },
  });
});

after(async () => {
  await gate?.close();
  await certified?.close();
  await second?.close();
  await first?.close();
  await app?.close();
});

beforeEach(() => {
  app.reset();
  first.behaviour = { jwks: [key('first', 'rsa')] };
  second.behaviour = { jwks: [key('second', 'rsa2')] };
});

async function statusOf(token: string, path = '/orders/1'): Promise<number> {
  const response = await fetch(gate.url + path, { headers: { authorization: `Bearer ${token}` } });
  await response.arrayBuffer();
  return response.status;
}

const claims = { aud: orders };
const ofFirst = () => makeAccessToken(first.issuer, { claims, header: { kid: 'first' } });
const ofSecond = () => makeAccessToken(second.issuer, { claims, header: { kid: 'second' }, key: 'rsa2' });

test('tokens of each issuer pass, and the application hears whose they are', async () => {
  for (const [token, issuer, subject] of [
    [ofFirst(), first.issuer, 'alice'],
    [ofSecond(), second.issuer, 'alice'],
    [
      await machineToken(certified.issuer, 'machine', { resource: orders, scope: 'read' }),
      certified.issuer,
      'machine',
    ],
  ] as const) {
    assert.equal(await statusOf(token), 200);
    assert.deepEqual(app.requests.at(-1)?.all('x-user'), [`${issuer}|${subject}`]);
  }
  assert.equal(second.hits.metadata, 0, 'an address that is configured is not looked for');
});

test('an opaque token is asked about with the client of that issuer', async () => {
  const token = await machineToken(certified.issuer, 'machine', { resource: opaque, scope: 'read' });
  assert.equal(await statusOf(token, '/opaque/1'), 200);
  assert.equal(await statusOf(`${token}x`, '/opaque/1'), 401);
});

test('RS-028: the keys of one issuer sign nothing for another, whatever key is named', async () => {
  for (const kid of ['first', 'second'])
    for (const [issuer, signer] of [
      [first.issuer, 'rsa2'],
      [second.issuer, 'rsa'],
    ] as const) {
      assert.equal(await statusOf(makeAccessToken(issuer, { claims, header: { kid }, key: signer })), 401);
    }
  assert.equal(app.requests.length, 0);
});

test('while one issuer is down, tokens of the others pass', async () => {
  const down = await startEvilProvider();
  await down.close();
  assert.equal(await statusOf(makeAccessToken(down.issuer, { claims })), 401);
  await second.close();
  assert.equal(await statusOf(ofSecond()), 200, 'its keys are still known');
  assert.equal(await statusOf(ofFirst()), 200);
});

test('nobody signs in here', async () => {
  for (const path of ['/.auth/login', '/.auth/callback?code=x&state=y', '/.auth/me', '/.auth/logout']) {
    const { status } = await fetch(gate.url + path, { redirect: 'manual' });
    assert.equal(status, 404, path);
  }
});
