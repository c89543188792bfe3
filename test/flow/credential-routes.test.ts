/** What routes make of sessions, tokens and keys: claims, scopes, several kinds at once, other origins, step-up and upgrades. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, beforeEach, describe, test } from 'node:test';
import { WebSocket } from 'ws';
import { cheapHash, makeKey } from '../support/api-keys-fixture.ts';
import { createEcho, type Echo, type EchoRequest } from '../support/echo.ts';
import { freePort } from '../support/free-port.ts';
import { cookieOf, exampleConfig, signInAs, startExampleProvider } from '../support/gate.ts';
import { type GateAlone, startGateAlone } from '../support/gate-alone.ts';
import { rawSend } from '../support/raw.ts';
import type { RealProvider } from '../support/real-provider.ts';
import { appClient, machineClient, machineToken, personToken } from '../support/token-client.ts';
import type { UserAgent } from '../support/user-agent.ts';

const spa = 'https://spa.example';
const writer = makeKey('writer');
const reader = makeKey('reader');

let app: Echo;
let provider: RealProvider;
let gate: GateAlone;
let orders: string;
let alice: UserAgent;
let bobsToken: string;
let machinesToken: string;

before(async () => {
  const url = `http://127.0.0.1:${await freePort()}`;
  orders = `${url}/orders`;
  app = await createEcho();
  provider = await startExampleProvider(url, {
    asks: true,
    apis: { resources: { [orders]: { scope: 'orders.read orders.write', format: 'jwt' } } },
    machines: [appClient, machineClient('machine')],
  });
  const api = { cluster: 'app', api: 'orders' };
  const told = {
    requestHeaders: {
      'X-User': '{claims.sub}',
      'X-Client': '{claims.client_id}',
      'X-Team': '{claims.team}',
    },
  };
  gate = await startGateAlone({
    url,
    config: {
      ...exampleConfig({ issuer: provider.issuer, appUrl: app.url }),
      apis: {
        orders: {
          issuers: ['main'],
          audience: [orders],
          corsOrigins: [spa],
          scopesSupported: ['orders.read', 'orders.write'],
        },
        plain: { issuers: ['main'], audience: ['urn:plain'] },
      },
      apiKeys: {
        keys: {
          writer: { hash: cheapHash(writer), scopes: ['orders.write'], claims: { team: 'night' } },
          reader: { hash: cheapHash(reader), scopes: ['orders.read'] },
        },
      },
      routes: [
        { path: '/orders/**', ...api, authenticate: ['bearer'], ...told },
        {
          path: '/orders/write/**',
          ...api,
          authenticate: ['bearer', 'api-key'],
          scopes: ['orders.write'],
          ...told,
        },
        { path: '/both/**', ...api, authenticate: ['session', 'bearer'], ...told },
        { path: '/page/**', cluster: 'app', access: 'signed-in', ...told },
        { path: '/recent/**', ...api, authenticate: ['bearer'], maxAge: '5m' },
        { path: '/strong/**', ...api, authenticate: ['bearer'], acrValues: ['urn:mfa', 'urn:phr'] },
        { path: '/no-cors/**', cluster: 'app', authenticate: ['bearer'], api: 'plain' },
      ],
    },
  });
  alice = await signInAs(url, 'alice');
  bobsToken = await personToken(provider.issuer, 'bob', { resource: orders, scope: 'orders.read' });
  machinesToken = await machineToken(provider.issuer, 'machine', {
    resource: orders,
    scope: 'orders.read orders.write',
  });
});

after(async () => {
  await gate?.close();
  await provider?.close();
  await app?.close();
});

beforeEach(() => app.reset());

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const call = (path: string, headers: Readonly<Record<string, string>>, method = 'GET') =>
  fetch(gate.url + path, { method, headers, redirect: 'manual' });

const toldOf = (request: EchoRequest | undefined) =>
  ['x-user', 'x-client', 'x-team'].map((name) => request?.all(name).join('|'));

describe('claims of a caller', () => {
  test('reach the application in the headers that the route names', async () => {
    assert.equal((await call('/orders/1', bearer(bobsToken))).status, 200);
    assert.deepEqual(toldOf(app.requests[0]), ['bob', 'phone-app', '']);
    assert.equal((await call('/orders/1', bearer(machinesToken))).status, 200);
    assert.deepEqual(toldOf(app.requests[1]), ['machine', 'machine', '']);
    assert.equal((await call('/orders/write/1', { 'x-api-key': writer })).status, 200);
    assert.deepEqual(toldOf(app.requests[2]), ['writer', '', 'night']);
  });

  test('RS-010: cannot be said by the caller', async () => {
    const forged = { 'X-User': 'root', 'x-team': 'root', 'X-Client': 'root', x_user: 'root' };
    assert.equal((await call('/orders/1', { ...bearer(bobsToken), ...forged })).status, 200);
    assert.deepEqual(toldOf(app.requests[0]), ['bob', 'phone-app', '']);
    assert.ok(!app.sees('root'));
  });
});

describe('RS-013: scopes', () => {
  test('are those of the token or of the key, whichever came', async () => {
    assert.equal((await call('/orders/write/1', bearer(machinesToken))).status, 200);
    assert.equal((await call('/orders/write/1', { 'x-api-key': writer })).status, 200);
    app.reset();
    const refused = await call('/orders/write/1', bearer(bobsToken));
    assert.equal(refused.status, 403);
    assert.match(
      refused.headers.get('www-authenticate') ?? '',
      /error="insufficient_scope", scope="orders\.write"/,
    );
    assert.equal((await call('/orders/write/1', { 'x-api-key': reader })).status, 403);
    assert.equal(app.requests.length, 0);
  });
});

describe('a route for sessions and tokens', () => {
  test('tells the application of the one who came', async () => {
    assert.equal((await call('/both/1', { cookie: cookieOf(alice, gate.url) })).status, 200);
    assert.deepEqual(toldOf(app.requests[0])[0], 'alice');
    assert.equal((await call('/both/1', bearer(bobsToken))).status, 200);
    assert.deepEqual(toldOf(app.requests[1])[0], 'bob');
  });

  test('RS-007: with both it is 400, whichever of them is good, and nobody is let in', async () => {
    const cookie = cookieOf(alice, gate.url);
    for (const headers of [
      { cookie, ...bearer(bobsToken) },
      { cookie, ...bearer('garbage') },
      { cookie: cookie.replace(/=./, '=x'), ...bearer(bobsToken) },
    ]) {
      const response = await call('/both/1', headers);
      assert.equal(response.status, 400);
      assert.match(response.headers.get('www-authenticate') ?? '', /error="invalid_request"/);
      assert.deepEqual(response.headers.getSetCookie(), []);
    }
    assert.equal(app.requests.length, 0);
  });

  test('RS-007: where one kind is taken, the other counts for nothing', async () => {
    const cookie = cookieOf(alice, gate.url);
    assert.equal((await call('/orders/1', { cookie, ...bearer(bobsToken) })).status, 200);
    assert.equal(toldOf(app.requests[0])[0], 'bob');
    assert.equal((await call('/page/1', { cookie, ...bearer(bobsToken) })).status, 200);
    assert.equal(toldOf(app.requests[1])[0], 'alice');
    assert.deepEqual(app.requests[1]?.all('authorization'), []);
  });

  test('RS-008: a session is nobody on a route for tokens alone', async () => {
    const response = await call('/orders/1', { cookie: cookieOf(alice, gate.url), accept: 'text/html' });
    assert.equal(response.status, 401);
    assert.equal(response.headers.get('location'), null);
    assert.equal(app.requests.length, 0);
  });
});

describe('a page of another origin', () => {
  const asks = {
    origin: spa,
    'access-control-request-method': 'PUT',
    'access-control-request-headers': 'authorization,content-type',
  };

  test('RS-016: asks first, calls then, and may read the answer, good or not', async () => {
    const preflight = await call('/orders/1', asks, 'OPTIONS');
    assert.ok(preflight.status === 204 || preflight.status === 200);
    assert.equal(preflight.headers.get('access-control-allow-origin'), spa);
    assert.equal(preflight.headers.get('access-control-allow-methods'), 'PUT');
    assert.equal(preflight.headers.get('access-control-allow-headers'), 'authorization,content-type');
    assert.equal(preflight.headers.get('access-control-allow-credentials'), null);
    assert.equal(app.requests.length, 0, 'the application was not asked');

    const fromPage = { origin: spa, 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'cors' };
    const done = await call('/orders/1', { ...fromPage, ...bearer(bobsToken) }, 'PUT');
    assert.equal(done.status, 200);
    assert.equal(done.headers.get('access-control-allow-origin'), spa);
    assert.match(done.headers.get('vary') ?? '', /origin/i);

    const refused = await call('/orders/1', fromPage, 'PUT');
    assert.equal(refused.status, 401);
    assert.equal(refused.headers.get('access-control-allow-origin'), spa);
    assert.match(refused.headers.get('access-control-expose-headers') ?? '', /WWW-Authenticate/i);
  });

  test('RS-016: an origin that is not named, and a route without any, get nothing', async () => {
    for (const [path, origin] of [
      ['/orders/1', 'https://evil.example'],
      ['/orders/1', 'null'],
      ['/orders/1', `${spa}.evil.example`],
      ['/no-cors/1', spa],
    ] as const) {
      for (const [method, headers] of [
        ['OPTIONS', { ...asks, origin }],
        ['PUT', { origin, ...bearer(bobsToken) }],
      ] as const) {
        const response = await call(path, headers, method);
        assert.equal(response.headers.get('access-control-allow-origin'), null);
      }
    }
  });

  test('RS-016: a preflight with a token and forged names goes no further', async () => {
    await call('/orders/1', { ...asks, ...bearer(bobsToken), 'X-User': 'root' }, 'OPTIONS');
    assert.equal(app.requests.length, 0);
  });

  test('its calls are no calls of a person who happens to be signed in', async () => {
    const cookie = cookieOf(alice, gate.url);
    const headers = { origin: spa, 'sec-fetch-site': 'cross-site', cookie };
    const response = await call('/orders/1', headers, 'PUT');
    assert.equal(response.status, 401);
    assert.equal(app.requests.length, 0);
  });
});

describe('what an API says about itself (RFC 9728)', () => {
  const path = '/.well-known/oauth-protected-resource/orders';

  test('RS-080: anybody may read it, from any origin, and it names resource and issuer exactly', async () => {
    const response = await call(path, { origin: 'https://anywhere.example' });
    assert.equal(response.status, 200);
    assert.match(response.headers.get('content-type') ?? '', /^application\/json/);
    assert.equal(response.headers.get('access-control-allow-origin'), '*');
    assert.match(response.headers.get('cache-control') ?? '', /max-age=\d+/);
    const document = (await response.json()) as Record<string, unknown>;
    assert.equal(document.resource, orders);
    assert.deepEqual(document.authorization_servers, [provider.issuer]);
    assert.deepEqual(document.scopes_supported, ['orders.read', 'orders.write']);
    assert.deepEqual(document.bearer_methods_supported, ['header']);
  });

  test('RS-080: whoever comes without a token is told where it is', async () => {
    const challenge = (await call('/orders/1', {})).headers.get('www-authenticate') ?? '';
    const [, address = ''] = /resource_metadata="([^"]+)"/.exec(challenge) ?? [];
    assert.equal(address, gate.url + path);
    assert.equal((await fetch(address)).status, 200);
  });

  test('RS-081: it says the same whatever host the client names, or is not there', async () => {
    const usual = await (await call(path, {})).text();
    const forwarded = await call(path, {
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'https',
      forwarded: 'host=evil.example',
    });
    assert.equal(await forwarded.text(), usual);
    const { text } = await rawSend(gate.port, `GET ${path} HTTP/1.1\r\nHost: evil.example\r\n\r\n`, {
      responses: 1,
    });
    assert.ok(!text.includes('evil.example'));
  });
});

describe('RS-014: step-up (RFC 9470)', () => {
  test('a token that does not say when the person signed in is too old, and the challenge says what is needed', async () => {
    const response = await call('/recent/1', bearer(machinesToken));
    assert.equal(response.status, 401);
    assert.match(
      response.headers.get('www-authenticate') ?? '',
      /error="insufficient_user_authentication", max_age="300"/,
    );
  });

  test('a token of a weaker sign-in is told which ones count', async () => {
    const response = await call('/strong/1', bearer(bobsToken));
    assert.equal(response.status, 401);
    assert.match(
      response.headers.get('www-authenticate') ?? '',
      /error="insufficient_user_authentication", acr_values="urn:mfa urn:phr"/,
    );
    assert.equal(app.requests.length, 0);
  });
});

describe('a WebSocket', () => {
  /** The status of the handshake. */
  const dial = (path: string, headers: Readonly<Record<string, string>>): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      const socket = new WebSocket(gate.url.replace('http:', 'ws:') + path, { headers });
      socket.once('unexpected-response', (request, response) => {
        request.destroy();
        resolve(response.statusCode);
      });
      socket.once('upgrade', (response) => {
        resolve(response.statusCode);
        socket.terminate();
      });
      socket.on('error', reject);
    });

  before(() => {
    const accept = (key: string) =>
      createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    app.answerWith((request) => {
      const [key = ''] = request.all('sec-websocket-key');
      const fields = `Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept(key)}`;
      return `HTTP/1.1 101 Switching Protocols\r\n${fields}\r\n\r\n`;
    });
  });

  test('opens with a token, and the application hears who it is and not the token', async () => {
    assert.equal(await dial('/orders/ws', bearer(bobsToken)), 101);
    assert.equal(toldOf(app.requests[0])[0], 'bob');
    assert.ok(!app.sees(bobsToken));
  });

  test('is 401 without one, with a bad one, and with one in the query', async () => {
    assert.equal(await dial('/orders/ws', {}), 401);
    assert.equal(await dial('/orders/ws', bearer(`${bobsToken}x`)), 401);
    assert.equal(await dial(`/orders/ws?access_token=${bobsToken}`, {}), 401);
    assert.equal(await dial('/orders/ws', { cookie: cookieOf(alice, gate.url), origin: gate.url }), 401);
    assert.equal(app.requests.length, 0);
  });

  test('RS-009: a token among the subprotocols is nobody', async () => {
    assert.equal(await dial('/orders/ws', { 'sec-websocket-protocol': `bearer, ${bobsToken}` }), 401);
    assert.equal(app.requests.length, 0);
  });
});
