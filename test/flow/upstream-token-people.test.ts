/** What applications get for people, whether they come with a session or a token of their own: by a certified provider. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { readJwt } from '../support/client-keys.ts';
import { createEcho, type Echo } from '../support/echo.ts';
import { type RunningGate, signInAs, startGate } from '../support/gate.ts';
import { waitUntil } from '../support/raw.ts';
import { everyGrant } from '../support/real-provider-apis.ts';
import { appClient, machineClient, machineToken, personToken } from '../support/token-client.ts';
import { fetchHeaders, type UserAgent } from '../support/user-agent.ts';

const front = 'urn:front';
const orders = 'urn:orders';
const both = { authenticate: ['session', 'bearer'], api: 'front' };

let app: Echo;
let gate: RunningGate;
let alice: UserAgent;
let bob: UserAgent;

before(async () => {
  app = await createEcho();
  gate = await startGate({
    appUrl: app.url,
    provider: {
      asks: true,
      apis: {
        resources: {
          [front]: { scope: 'front', format: 'jwt' },
          [orders]: { scope: 'orders.read orders.write', format: 'jwt' },
        },
      },
      machines: [appClient, machineClient('machine')],
      clientMetadata: everyGrant,
    },
    providerSettings: {
      scopes: ['openid', 'front', 'offline_access'],
      userinfo: 'never',
      authorizationParameters: { resource: front },
    },
    config: {
      clusters: {
        app: { targets: [app.url] },
        front: { targets: [app.url], audiences: [front] },
        orders: { targets: [app.url], audiences: [orders] },
      },
      apis: { front: { issuers: ['main'], audience: [front] } },
      routes: [
        { path: '/access/**', cluster: 'app', ...both, upstreamToken: 'access' },
        { path: '/meant/**', cluster: 'front', ...both, upstreamToken: 'access' },
        { path: '/misdirected/**', cluster: 'orders', ...both, upstreamToken: 'access' },
        { path: '/id/**', cluster: 'app', authenticate: ['session'], upstreamToken: 'id' },
        { path: '/pass/**', cluster: 'front', authenticate: ['bearer'], api: 'front', upstreamToken: 'pass' },
        {
          path: '/misdirected-pass/**',
          cluster: 'orders',
          authenticate: ['bearer'],
          api: 'front',
          upstreamToken: 'pass',
        },
        {
          path: '/exchange/**',
          cluster: 'orders',
          ...both,
          upstreamToken: { exchange: { resource: orders, scope: 'orders.read' } },
        },
        {
          path: '/refused/**',
          cluster: 'app',
          ...both,
          upstreamToken: { exchange: { resource: 'urn:nobody' } },
        },
      ],
    },
  });
  [alice, bob] = [await signInAs(gate.url, 'alice'), await signInAs(gate.url, 'bob')];
});

after(async () => {
  await gate?.close();
  await app?.close();
});

beforeEach(() => app.reset());

const tokenOf = (login: string) =>
  personToken(gate.provider.issuer, login, { resource: front, scope: 'front' });

type Caller = UserAgent | string;

/** With the cookies of a browser, or a token. */
async function call(path: string, by: Caller): Promise<number> {
  if (typeof by !== 'string') return (await by.ask(gate.url + path, { headers: fetchHeaders })).status;
  const response = await fetch(gate.url + path, { headers: { authorization: `Bearer ${by}` } });
  await response.arrayBuffer();
  return response.status;
}

/** What the application got with the one request that it got. */
async function sent(path: string, by: Caller): Promise<readonly string[]> {
  app.reset();
  assert.equal(await call(path, by), 200);
  assert.equal(app.requests.length, 1);
  return app.requests[0]?.all('authorization') ?? [];
}

async function sentClaims(path: string, by: Caller): Promise<Readonly<Record<string, unknown>>> {
  const [value = ''] = await sent(path, by);
  assert.match(value, /^Bearer [^ ]+$/i);
  return readJwt(value.slice(7)).claims;
}

describe('`access` on a route for sessions and tokens', () => {
  test("is the session's token, or the caller's own", async () => {
    const own = await tokenOf('alice');
    assert.deepEqual(await sent('/access/1', own), [`Bearer ${own}`]);
    const ofSession = await sentClaims('/access/1', alice);
    assert.deepEqual([ofSession.sub, ofSession.aud, ofSession.client_id], ['alice', front, 'app']);
  });

  test('`id` is the ID token of the session', async () => {
    const claims = await sentClaims('/id/1', alice);
    assert.deepEqual([claims.sub, claims.aud], ['alice', 'app']);
  });
});

describe('RT-075: a cluster that says what it goes by', () => {
  test('gets a token that is for it', async () => {
    assert.equal((await sent('/meant/1', alice)).length, 1);
    assert.equal((await sent('/meant/1', await tokenOf('alice'))).length, 1);
    assert.equal((await sent('/pass/1', await tokenOf('alice'))).length, 1);
  });

  test('gets no token that is for another one, and the log says so', async () => {
    assert.deepEqual(await sent('/misdirected/1', alice), []);
    assert.deepEqual(await sent('/misdirected/1', await tokenOf('alice')), []);
    assert.deepEqual(await sent('/misdirected-pass/1', await tokenOf('alice')), []);
    await waitUntil(() => gate.events('token.withheld').length >= 3);
    const routes = gate.events('token.withheld').map(({ route, cluster }) => [route, cluster]);
    assert.deepEqual(routes, [
      ['/misdirected/**', 'orders'],
      ['/misdirected/**', 'orders'],
      ['/misdirected-pass/**', 'orders'],
    ]);
  });
});

describe('an exchanged token', () => {
  test('RS-071: is of the same person, for the application alone, with the scope that was asked for', async () => {
    for (const [login, by] of [
      ['alice', alice],
      ['bob', bob],
      ['alice', await tokenOf('alice')],
      ['bob', await tokenOf('bob')],
    ] as const) {
      const claims = await sentClaims('/exchange/1', by);
      assert.deepEqual([claims.sub, claims.aud, claims.scope], [login, orders, 'orders.read']);
    }
  });

  test("RS-071: of a machine is the machine's", async () => {
    const token = await machineToken(gate.provider.issuer, 'machine', { resource: front, scope: 'front' });
    const claims = await sentClaims('/exchange/1', token);
    assert.deepEqual([claims.sub, claims.aud], ['machine', orders]);
  });

  test('costs one call for a session and one for a token, however many requests at the same time', async () => {
    const [carol, token] = [await signInAs(gate.url, 'carol'), await tokenOf('carol')];
    for (const by of [carol, token]) {
      const before = gate.provider.stats().token;
      const many = await Promise.all(Array.from({ length: 30 }, () => call('/exchange/1', by)));
      assert.deepEqual(new Set(many), new Set([200]));
      assert.equal(await call('/exchange/2', by), 200);
      assert.equal(gate.provider.stats().token - before, 1);
      const values = new Set(app.requests.flatMap((request) => request.all('authorization')));
      assert.equal(values.size, 1);
      app.reset();
    }
  });

  test('RS-071: people who come at the same time get their own', async () => {
    const people = ['dora', 'emil', 'fred', 'gina'];
    const agents = await Promise.all(people.map((login) => signInAs(gate.url, login)));
    app.reset();
    await Promise.all(
      [0, 1, 2].flatMap(() => agents.map((agent, index) => call(`/exchange/${people[index]}`, agent))),
    );
    assert.equal(app.requests.length, 12);
    for (const request of app.requests) {
      const [value = ''] = request.all('authorization');
      assert.equal(`/exchange/${readJwt(value.slice(7)).claims.sub}`, request.target);
    }
  });

  test('RS-071: of a session that ended is not used for the next one of the same person', async () => {
    const before = await sent('/exchange/1', bob);
    await bob.submit(`${gate.url}/.auth/logout`, {});
    assert.equal(await call('/exchange/1', bob), 401);
    bob = await signInAs(gate.url, 'bob');
    assert.notDeepEqual(await sent('/exchange/1', bob), before);
  });

  test('RS-070: that the provider refuses is 403, and the application hears nothing', async () => {
    for (const by of [alice, await tokenOf('alice')]) {
      assert.equal(await call('/refused/1', by), 403);
      assert.equal(app.requests.length, 0);
    }
  });
});

test('RS-070: with no provider to ask, whoever has no exchanged token yet gets 503, and the application nothing', async () => {
  const newcomer = await tokenOf('henry');
  assert.equal(await call('/exchange/1', alice), 200);
  // The keys are known by now: the token itself is good.
  assert.equal(await call('/access/1', newcomer), 200);
  await gate.provider.close();
  app.reset();
  assert.equal(await call('/exchange/1', newcomer), 503);
  assert.equal(app.requests.length, 0);
  assert.equal(await call('/exchange/1', alice), 200);
});
