/** Opaque tokens of a certified provider through the whole gate: asked about once, forgotten in time, and never guessed. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type RunningGate, startGate } from '../support/gate.ts';
import { machineClient, machineToken, revokeToken } from '../support/token-client.ts';

const orders = 'urn:orders';
/** Milliseconds that the clock of the gate is ahead. */
let ahead = 0;
const clock = { now: () => Date.now() + ahead, monotonic: () => performance.now() + ahead };

let gate: RunningGate;

before(async () => {
  gate = await startGate({
    gate: { clock },
    provider: {
      apis: { resources: { [orders]: { scope: 'read', format: 'opaque' } } },
      machines: [machineClient('machine')],
    },
    config: {
      apis: { orders: { issuers: ['main'], audience: [orders], introspection: { cache: '20s' } } },
      routes: [{ path: '/orders/**', cluster: 'app', authenticate: ['bearer'], api: 'orders' }],
    },
  });
});

after(() => gate?.close());

const obtain = () => machineToken(gate.provider.issuer, 'machine', { resource: orders, scope: 'read' });

async function statusOf(token: string): Promise<number> {
  const headers = { authorization: `Bearer ${token}` };
  const response = await fetch(`${gate.url}/orders/1`, { headers });
  await response.arrayBuffer();
  return response.status;
}

const asked = () => gate.provider.stats().introspection;

test('RS-046: three hundred requests with one new token are one question', async () => {
  const token = await obtain();
  const before = asked();
  const statuses = await Promise.all(Array.from({ length: 300 }, () => statusOf(token)));
  assert.deepEqual(new Set(statuses), new Set([200]));
  assert.equal(asked() - before, 1);
});

test('RS-046: three hundred requests with one token that is none are one question', async () => {
  const before = asked();
  const statuses = await Promise.all(Array.from({ length: 300 }, () => statusOf('not-a-token-of-anybody')));
  assert.deepEqual(new Set(statuses), new Set([401]));
  assert.equal(asked() - before, 1);
});

test('RS-044: a token that was revoked is refused once the answer about it is as old as it may be', async () => {
  const token = await obtain();
  assert.equal(await statusOf(token), 200);
  await revokeToken(gate.provider.issuer, 'machine', token);
  const before = asked();
  ahead += 19_000;
  assert.equal(await statusOf(token), 200);
  assert.equal(asked(), before);
  ahead += 1_001;
  assert.equal(await statusOf(token), 401);
  assert.equal(asked() - before, 1);
});

test('RS-045: a token that differs in its last character is another one', async () => {
  const token = await obtain();
  assert.equal(await statusOf(token), 200);
  const other = token.slice(0, -1) + (token.endsWith('A') ? 'B' : 'A');
  assert.equal(await statusOf(other), 401);
  assert.equal(await statusOf(token), 200);
});

describe('an issuer that signs its answers (RFC 9701)', () => {
  let signed: RunningGate;
  before(async () => {
    signed = await startGate({
      provider: {
        apis: { resources: { [orders]: { scope: 'read', format: 'opaque' } } },
        machines: [machineClient('machine')],
        clientMetadata: { introspection_signed_response_alg: 'ES256' },
      },
      providerSettings: { introspectionResponse: 'jwt' },
      config: {
        apis: { orders: { issuers: ['main'], audience: [orders], introspection: {} } },
        routes: [{ path: '/**', cluster: 'app', authenticate: ['bearer'], api: 'orders', scopes: ['read'] }],
      },
    });
  });
  after(() => signed?.close());

  test('RS-048: is believed, also when it says that the token is none', async () => {
    const { issuer } = signed.provider;
    const token = await machineToken(issuer, 'machine', { resource: orders, scope: 'read' });
    const ask = async (one: string) =>
      (await fetch(signed.url, { headers: { authorization: `Bearer ${one}` } })).status;
    assert.equal(await ask(token), 200);
    assert.equal(await ask(`${token}x`), 401);
    assert.equal(signed.received.length, 1);
  });
});

describe('RS-042: while the issuer cannot be asked', () => {
  test('a token that is remembered passes, another one is 503 and blames nobody', async () => {
    const [known, unknown] = [await obtain(), await obtain()];
    assert.equal(await statusOf(known), 200);
    await gate.provider.close();
    assert.equal(await statusOf(known), 200);
    const reached = gate.received.length;
    const response = await fetch(`${gate.url}/orders/1`, { headers: { authorization: `Bearer ${unknown}` } });
    assert.equal(response.status, 503);
    assert.equal(response.headers.get('www-authenticate'), null);
    ahead += 20_001;
    assert.equal(await statusOf(known), 503);
    assert.equal(gate.received.length, reached);
  });
});
