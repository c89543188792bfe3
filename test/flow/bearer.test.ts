/** Machine clients with tokens that a certified provider issues, through the whole gate. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type RunningGate, startGate } from '../support/gate.ts';
import { machine } from '../support/real-provider-apis.ts';

const orders = 'urn:orders';
const billing = 'urn:billing';
const opaque = 'urn:opaque';
const secret = 'machine-secret-machine-secret';

const resources = {
  [orders]: { scope: 'orders.read orders.write', format: 'jwt' },
  [billing]: { scope: 'billing', format: 'jwt' },
  [opaque]: { scope: 'orders.read', format: 'opaque' },
} as const;

let gate: RunningGate;

async function tokenFor(resource: string, scope: string): Promise<string> {
  const response = await fetch(`${gate.provider.issuer}/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`machine:${secret}`)}` },
    body: new URLSearchParams({ grant_type: 'client_credentials', resource, scope }),
  });
  const { access_token } = (await response.json()) as { access_token?: string };
  assert.ok(access_token !== undefined, `a token, not ${response.status}`);
  return access_token;
}

const call = (path: string, token: string | null, init: RequestInit = {}) =>
  fetch(gate.url + path, {
    ...init,
    headers: { ...(token === null ? {} : { authorization: `Bearer ${token}` }), ...init.headers },
  });

function claimsOf(authorization: string | undefined): Record<string, unknown> {
  return JSON.parse(Buffer.from(authorization?.split('.')[1] ?? '', 'base64url').toString() || '{}');
}

before(async () => {
  gate = await startGate({
    provider: {
      apis: { resources },
      machines: [
        {
          clientId: 'machine',
          clientSecret: secret,
          redirectUris: [],
          metadata: machine,
        },
      ],
    },
    config: {
      apis: {
        orders: { issuers: ['main'], audience: [orders] },
        opaque: { issuers: ['main'], audience: [opaque], introspection: {} },
      },
      routes: [
        {
          path: '/orders/**',
          cluster: 'app',
          authenticate: ['bearer'],
          api: 'orders',
          scopes: ['orders.read'],
        },
        {
          path: '/write/**',
          cluster: 'app',
          authenticate: ['bearer'],
          api: 'orders',
          scopes: ['orders.write'],
        },
        { path: '/pass/**', cluster: 'app', authenticate: ['bearer'], api: 'orders', upstreamToken: 'pass' },
        { path: '/opaque/**', cluster: 'app', authenticate: ['bearer'], api: 'opaque' },
      ],
    },
  });
});

after(() => gate.close());

describe('a JWT of the provider', () => {
  test('passes with its scope, and the application does not see it', async () => {
    const response = await call('/orders/1', await tokenFor(orders, 'orders.read'));
    assert.equal(response.status, 200);
    const { headers } = (await response.json()) as { headers: Record<string, string> };
    assert.equal(headers.authorization, undefined);
  });

  test('RS-013: without the scope is 403 with the scope that is asked for', async () => {
    const response = await call('/write/1', await tokenFor(orders, 'orders.read'));
    assert.equal(response.status, 403);
    assert.match(
      response.headers.get('www-authenticate') ?? '',
      /error="insufficient_scope".*scope="orders\.write"/,
    );
  });

  test('RS-022: for another resource is refused', async () => {
    const response = await call('/orders/1', await tokenFor(billing, 'billing'));
    assert.equal(response.status, 401);
    assert.match(response.headers.get('www-authenticate') ?? '', /error="invalid_token"/);
  });

  test('is passed on where the route says so', async () => {
    const token = await tokenFor(orders, 'orders.read');
    const response = await call('/pass/1', token);
    const { headers } = (await response.json()) as { headers: Record<string, string> };
    assert.equal(headers.authorization, `Bearer ${token}`);
    assert.equal(claimsOf(headers.authorization).aud, orders);
  });
});

test('an opaque token is asked about once while the answer is fresh', async () => {
  const token = await tokenFor(opaque, 'orders.read');
  const before = gate.provider.stats().introspection;
  for (let i = 0; i < 3; i += 1) assert.equal((await call('/opaque/1', token)).status, 200);
  assert.equal(gate.provider.stats().introspection - before, 1);
});

test('RS-001: nothing is 401 without an error code', async () => {
  const response = await call('/orders/1', null);
  assert.equal(response.status, 401);
  assert.doesNotMatch(response.headers.get('www-authenticate') ?? '', /error/);
});
