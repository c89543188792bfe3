/** API keys through the whole gate: who passes, what the application gets, and what the log says. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { cheapHash, makeKey, wrongKey } from '../support/api-keys-fixture.ts';
import { until } from '../support/cli.ts';
import { type GateAlone, startGateAlone } from '../support/gate-alone.ts';

const billing = makeKey('billing');
const reader = makeKey('reader');
let application: Server;
let gate: GateAlone;
let received: IncomingHttpHeaders[] = [];

before(async () => {
  application = createServer((request, response) => {
    received.push(request.headers);
    response.end('hello');
  }).listen(0, '127.0.0.1');
  await once(application, 'listening');
  const { port } = application.address() as AddressInfo;
  gate = await startGateAlone({
    config: {
      session: { store: 'memory' },
      log: { level: 'debug' },
      apiKeys: {
        keys: {
          billing: { hash: cheapHash(billing), scopes: ['orders.write'], claims: { team: 'finance' } },
          reader: { hash: cheapHash(reader) },
        },
      },
      clusters: { app: { targets: [`http://127.0.0.1:${port}`] } },
      routes: [
        {
          path: '/**',
          cluster: 'app',
          authenticate: ['api-key'],
          requestHeaders: { 'X-Caller': '{claims.sub}', 'X-Team': '{claims.team}' },
        },
        { path: '/write/**', cluster: 'app', authenticate: ['api-key'], scopes: ['orders.write'] },
        { path: '/billing/**', cluster: 'app', authenticate: ['api-key'], apiKeys: ['billing'] },
        { path: '/public/**', cluster: 'app', access: 'public' },
      ],
    },
  });
});

after(async () => {
  await gate?.close();
  application.close();
  application.closeAllConnections();
});

async function call(path: string, key: string | null, init: RequestInit = {}): Promise<Response> {
  received = [];
  return fetch(gate.url + path, { ...init, headers: key === null ? {} : { 'X-Api-Key': key } });
}

test('a good key passes, and the application learns whose it is and never the key', async () => {
  for (let turn = 0; turn < 2; turn++) {
    assert.equal((await call('/', billing)).status, 200);
    const [headers] = received;
    assert.deepEqual([headers?.['x-caller'], headers?.['x-team']], ['billing', 'finance']);
    assert.equal(headers?.['x-api-key'], undefined);
  }
});

test('a key does not reach the application of a public route either', async () => {
  assert.equal((await call('/public/', billing)).status, 200);
  assert.equal(received[0]?.['x-api-key'], undefined);
});

test('a key may change things without what protects browsers', async () => {
  assert.equal((await call('/write/', billing, { method: 'POST', body: 'x' })).status, 200);
});

test('a key without the scope that the route asks for is 403', async () => {
  const response = await call('/write/', reader);
  assert.equal(response.status, 403);
  assert.deepEqual(received, []);
});

for (const [about, path, key] of [
  ['no key', '/', null],
  ['a wrong key', '/', wrongKey(billing)],
  ['the key of nobody', '/', makeKey('nobody')],
  ['what is no key', '/', 'hunter2'],
  ['a key for another route', '/billing/', reader],
] as const) {
  test(`${about} is 401 with the challenge, and the application hears nothing`, async () => {
    const response = await call(path, key);
    assert.equal(response.status, 401);
    assert.equal(response.headers.get('www-authenticate'), 'ApiKey realm="sallyport", header="X-Api-Key"');
    assert.deepEqual(received, []);
  });
}

test('the log names the key and the check, and holds no key', async () => {
  await call('/', billing);
  await call('/', wrongKey(billing));
  // The log writes what it was given a moment later.
  await until(() => gate.events('request.finished').some(({ caller }) => caller === 'billing'));
  await until(() => gate.events('credential.refused').some(({ detail }) => detail === 'wrong-key'));
  for (const key of [billing, reader]) assert.ok(!gate.logged().includes(key.slice(-43)));
});

test("where no route takes keys the header is an application's own", async (context) => {
  const { port } = application.address() as AddressInfo;
  const other = await startGateAlone({
    config: {
      session: { store: 'memory' },
      clusters: { app: { targets: [`http://127.0.0.1:${port}`] } },
      routes: [{ path: '/**', cluster: 'app', access: 'public' }],
    },
  });
  context.after(() => other.close());
  received = [];
  assert.equal((await fetch(other.url, { headers: { 'X-Api-Key': 'theirs' } })).status, 200);
  assert.equal(received[0]?.['x-api-key'], 'theirs');
});
