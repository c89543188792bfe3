/** Tokens that the gate brings by itself: its own from a certified provider, and those that it signs. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { cheapHash, makeKey } from '../support/api-keys-fixture.ts';
import { readJwt } from '../support/client-keys.ts';
import { createEcho, type Echo } from '../support/echo.ts';
import { type RunningGate, startGate } from '../support/gate.ts';
import { waitUntil } from '../support/raw.ts';
import { everyGrant } from '../support/real-provider-apis.ts';
import { appClient, machineClient, machineToken } from '../support/token-client.ts';
import { fetchHeaders, type UserAgent } from '../support/user-agent.ts';

const front = 'urn:front';
const orders = 'urn:orders';
const robot = makeKey('robot');
/** Milliseconds that the clock of the gate is ahead. */
let ahead = 0;
const clock = { now: () => Date.now() + ahead, monotonic: () => performance.now() + ahead };
const everybody = { authenticate: ['session', 'bearer', 'api-key'], api: 'front', cluster: 'app' };
const client = { client: { resource: orders, scope: 'orders.read' } };

let app: Echo;
let gate: RunningGate;
let alice: UserAgent;
let token: string;

before(async () => {
  app = await createEcho();
  gate = await startGate({
    appUrl: app.url,
    gate: { clock },
    provider: {
      apis: {
        resources: {
          [front]: { scope: 'front', format: 'jwt' },
          [orders]: { scope: 'orders.read', format: 'jwt' },
        },
      },
      machines: [appClient, machineClient('machine')],
      clientMetadata: everyGrant,
    },
    config: {
      clusters: { app: { targets: [app.url] }, orders: { targets: [app.url], audiences: [orders] } },
      apis: { front: { issuers: ['main'], audience: [front] } },
      apiKeys: { keys: { robot: { hash: cheapHash(robot), claims: { team: 'night' } } } },
      routes: [
        { path: '/client/**', ...everybody, upstreamToken: client },
        { path: '/public/**', cluster: 'orders', access: 'public', upstreamToken: client },
        {
          path: '/assertion/**',
          ...everybody,
          upstreamToken: { assertion: { audience: orders, claims: ['email', 'team', 'aud', 'exp'] } },
        },
        {
          path: '/header/**',
          ...everybody,
          upstreamToken: { assertion: { audience: orders, header: 'X-Assertion', lifetime: '2m' } },
        },
      ],
    },
  });
  alice = await gate.signIn('/assertion/').catch(async (error) => {
    await gate.close();
    throw error;
  });
  token = await machineToken(gate.provider.issuer, 'machine', { resource: front, scope: 'front' });
});

after(async () => {
  await gate?.close();
  await app?.close();
});

beforeEach(() => app.reset());

/** Who may call, and the status of a call. */
const callers = {
  session: async (path: string) => (await alice.ask(gate.url + path, { headers: fetchHeaders })).status,
  bearer: async (path: string) =>
    (await fetch(gate.url + path, { headers: { authorization: `Bearer ${token}` } })).status,
  key: async (path: string) => (await fetch(gate.url + path, { headers: { 'x-api-key': robot } })).status,
  nobody: async (path: string) => (await fetch(gate.url + path)).status,
};

async function sent(path: string, by: keyof typeof callers, header = 'authorization'): Promise<string> {
  app.reset();
  assert.equal(await callers[by](path), 200);
  const [request] = app.requests;
  const values = request?.all(header) ?? [];
  assert.equal(values.length, 1, `one ${header}`);
  return values[0] as string;
}

const bearer = (value: string): string => {
  assert.match(value, /^Bearer [^ ]+$/i);
  return value.slice(7);
};

describe("the gate's own token", () => {
  test('is one for everybody, by one call', async () => {
    const before = gate.provider.stats().token;
    const kinds = ['session', 'bearer', 'key'] as const;
    await Promise.all(kinds.flatMap((by) => Array.from({ length: 10 }, () => callers[by]('/client/1'))));
    assert.equal(app.requests.length, 30);
    const values = new Set(app.requests.flatMap((request) => request.all('authorization')));
    assert.equal(values.size, 1);
    assert.equal(gate.provider.stats().token - before, 1);
    const { claims } = readJwt(bearer([...values][0] as string));
    assert.deepEqual([claims.sub, claims.aud, claims.scope], ['app', orders, 'orders.read']);
    assert.equal(await sent('/public/1', 'nobody'), [...values][0]);
    assert.equal(gate.provider.stats().token - before, 1);
  });

  test('is renewed before it ends, and nobody waits or gets one that has ended', async (context) => {
    context.after(() => {
      ahead = 0;
    });
    const first = await sent('/client/1', 'key');
    const { exp } = readJwt(bearer(first)).claims;
    ahead += Number(exp) * 1000 - clock.now() - 15_000;
    const before = gate.provider.stats().token;
    assert.equal(await sent('/client/1', 'key'), first);
    await waitUntil(() => gate.provider.stats().token === before + 1);
    const deadline = performance.now() + 5000;
    let renewed = first;
    while (renewed === first) {
      assert.ok(performance.now() < deadline, 'it was not renewed');
      renewed = await sent('/client/1', 'key');
    }
    assert.equal(gate.provider.stats().token, before + 1);
    ahead += 3_700_000;
    const last = await sent('/client/1', 'key');
    assert.ok(![first, renewed].includes(last));
  });

  test('RT-075: for another application than that of the cluster is refused before the start', async () => {
    const config = {
      clusters: { app: { targets: [app.url], audiences: [orders] } },
      routes: [
        {
          path: '/**',
          cluster: 'app',
          access: 'public',
          upstreamToken: { client: { resource: front } },
        },
      ],
    };
    await assert.rejects(startGate({ appUrl: app.url, config }), /none of the audiences of cluster `app`/);
  });
});

describe('an assertion', () => {
  const jwks = () => createRemoteJWKSet(new URL(`${gate.url}/.auth/jwks.json`));
  const verify = (jwt: string) =>
    jwtVerify(jwt, jwks(), { issuer: gate.url, audience: orders, typ: 'JWT', algorithms: ['ES256'] });

  for (const [by, subject, provider, claim] of [
    ['session', 'alice', 'main', ['email', 'alice@example.com']],
    ['bearer', 'machine', 'main', null],
    ['key', 'robot', 'api-keys', ['team', 'night']],
  ] as const) {
    test(`says who calls (${by}), for whom and for how long, and verifies with the published keys`, async () => {
      const { payload } = await verify(bearer(await sent('/assertion/1', by)));
      assert.deepEqual([payload.sub, payload.idp, payload.aud], [subject, provider, orders]);
      assert.equal(Number(payload.exp) - Number(payload.iat), 60);
      if (claim !== null) assert.equal(payload[claim[0]], claim[1]);
      const known = ['iss', 'sub', 'idp', 'aud', 'iat', 'exp', 'jti', ...(claim === null ? [] : [claim[0]])];
      assert.deepEqual(Object.keys(payload).sort(), known.sort());
    });
  }

  test('is another one for each request', async () => {
    await Promise.all(Array.from({ length: 20 }, () => callers.session('/assertion/1')));
    const ids = app.requests.map(
      (request) => readJwt(bearer(request.all('authorization')[0] ?? '')).claims.jti,
    );
    assert.equal(new Set(ids).size, 20);
  });

  test('comes bare in the header that the route names, whatever the client sends there', async () => {
    const { payload } = await verify(await sent('/header/1', 'key', 'x-assertion'));
    assert.equal(Number(payload.exp) - Number(payload.iat), 120);
    assert.deepEqual(app.requests[0]?.all('authorization'), []);
    app.reset();
    const headers = { 'x-api-key': robot, 'X-Assertion': 'forged', x_assertion: 'forged' };
    assert.equal((await fetch(`${gate.url}/header/1`, { headers })).status, 200);
    const values = app.requests[0]?.all('x-assertion') ?? [];
    assert.equal(values.length, 1);
    await verify(values[0] as string);
    assert.ok(!app.sees('forged'));
    assert.equal((await fetch(`${gate.url}/client/1`, { headers })).status, 200);
    assert.ok(!app.sees('forged'), 'not on another route either');
  });

  test('the published keys are public halves alone, readable by everybody', async () => {
    const response = await fetch(`${gate.url}/.auth/jwks.json`);
    assert.equal(response.status, 200);
    assert.match(response.headers.get('content-type') ?? '', /^application\/jwk-set\+json/);
    const { keys } = (await response.json()) as { keys: Record<string, unknown>[] };
    assert.equal(keys.length, 1);
    for (const key of keys)
      assert.deepEqual(Object.keys(key).sort(), ['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
  });
});
