/** Applications that refuse the token they get, and applications that want a proof with it (DPoP, RFC 9449). */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, beforeEach, describe, test } from 'node:test';
import { calculateJwkThumbprint, EmbeddedJWK, jwtVerify } from 'jose';
import { makeClientKey, readJwt } from '../support/client-keys.ts';
import { type RunningGate, signInAs, startGate } from '../support/gate.ts';
import { everyGrant } from '../support/real-provider-apis.ts';
import { machineClient, machineToken } from '../support/token-client.ts';
import { type Answer, fetchHeaders, type UserAgent } from '../support/user-agent.ts';

const front = 'urn:front';
const orders = 'urn:orders';

interface App {
  readonly url: string;
  /** What came, in order. */
  readonly seen: IncomingMessage[];
  close(): Promise<void>;
}

async function startApp(
  answer: (request: IncomingMessage, response: ServerResponse) => unknown,
): Promise<App> {
  const seen: IncomingMessage[] = [];
  const server: Server = createServer((request, response) => {
    seen.push(request);
    request.resume().once('end', () => answer(request, response));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const tokensOf = ({ seen }: App) => seen.map(({ headers }) => headers.authorization);
const apis = {
  resources: {
    [front]: { scope: 'front', format: 'jwt' },
    [orders]: { scope: 'orders.read', format: 'jwt' },
  },
} as const;
const providerSettings = {
  scopes: ['openid', 'front', 'offline_access'],
  userinfo: 'never',
  authorizationParameters: { resource: front },
};

describe('an application that answers 401', () => {
  /** Tokens that it takes no longer. */
  const refused = new Set<string>();
  let takesNone = false;
  let app: App;
  let gate: RunningGate;
  let agent: UserAgent;

  before(async () => {
    app = await startApp(({ headers }, response) => {
      const isGood = !takesNone && !refused.has(headers.authorization ?? '');
      response.writeHead(isGood ? 200 : 401, isGood ? {} : { 'www-authenticate': 'Bearer realm="app"' });
      response.end(isGood ? 'welcome' : 'not with that token');
    });
    gate = await startGate({
      appUrl: app.url,
      provider: { asks: true, apis, machines: [machineClient('machine')], clientMetadata: everyGrant },
      providerSettings,
      config: {
        apis: { front: { issuers: ['main'], audience: [front] } },
        routes: [
          {
            path: '/access/**',
            cluster: 'app',
            authenticate: ['session', 'bearer'],
            api: 'front',
            upstreamToken: 'access',
            retryUnauthorized: true,
          },
          { path: '/once/**', cluster: 'app', access: 'signed-in', upstreamToken: 'access' },
          {
            path: '/client/**',
            cluster: 'app',
            access: 'public',
            upstreamToken: { client: { resource: orders } },
            retryUnauthorized: true,
          },
          {
            path: '/exchange/**',
            cluster: 'app',
            access: 'signed-in',
            upstreamToken: { exchange: { resource: orders } },
            retryUnauthorized: true,
          },
        ],
      },
    });
  });

  after(async () => {
    await gate?.close();
    await app?.close();
  });

  beforeEach(async () => {
    refused.clear();
    takesNone = false;
    agent = await signInAs(gate.url, 'alice');
    app.seen.length = 0;
  });

  const call = (path: string, method = 'GET'): Promise<Answer> =>
    agent.ask(gate.url + path, {
      method,
      headers: { ...fetchHeaders, origin: gate.url },
      ...(method === 'POST' ? { body: 'x' } : {}),
    });

  /** The token that the application gets now, which it refuses from now on. */
  async function refuse(path: string): Promise<string> {
    assert.equal((await call(path)).status, 200);
    const token = app.seen.at(-1)?.headers.authorization ?? '';
    refused.add(token);
    app.seen.length = 0;
    return token;
  }

  for (const path of ['/access/1', '/exchange/1', '/client/1']) {
    test(`RS-082: gets another token once, and the client the answer to that (${path})`, async () => {
      const token = await refuse(path);
      const before = gate.provider.stats().token;
      const answer = await call(path);
      assert.deepEqual([answer.status, answer.body], [200, 'welcome']);
      const [first, second, ...more] = tokensOf(app);
      assert.equal(first, token);
      assert.ok(second !== undefined && second !== token);
      assert.deepEqual(more, []);
      assert.equal(gate.provider.stats().token - before, 1);
      assert.equal((await call(path)).status, 200);
      assert.equal(app.seen.at(-1)?.headers.authorization, second, 'the new one is kept');
      assert.equal(gate.provider.stats().token - before, 1);
    });
  }

  test('costs one refresh, however many requests it refuses at the same time', async () => {
    await refuse('/access/1');
    const before = gate.provider.stats().token;
    const answers = await Promise.all(Array.from({ length: 20 }, () => call('/access/1')));
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
    assert.equal(gate.provider.stats().token - before, 1);
  });

  test('RS-082: to every token costs one refresh, and a browser never sees its challenge', async () => {
    assert.equal((await call('/access/1')).status, 200);
    takesNone = true;
    const before = gate.provider.stats().token;
    for (let i = 0; i < 5; i += 1) {
      const { status, headers, body } = await call('/access/1');
      assert.deepEqual([status, headers['www-authenticate']], [401, undefined]);
      assert.equal(body, 'not with that token');
    }
    assert.equal(gate.provider.stats().token - before, 1);
  });

  test('RS-082: to a request that cannot be repeated is passed on, without its challenge', async () => {
    await refuse('/access/1');
    const before = gate.provider.stats().token;
    const { status, headers } = await call('/access/1', 'POST');
    assert.deepEqual([status, headers['www-authenticate']], [401, undefined]);
    assert.equal(app.seen.length, 1);
    assert.equal(gate.provider.stats().token, before);
  });

  test('RS-082: on a route that does not renew is passed on, without its challenge', async () => {
    await refuse('/once/1');
    const before = gate.provider.stats().token;
    const { status, headers } = await call('/once/1');
    assert.deepEqual([status, headers['www-authenticate'], app.seen.length], [401, undefined, 1]);
    assert.equal(gate.provider.stats().token, before);
  });

  test('RS-082: whoever came with a token of their own may read the challenge, and nothing is renewed', async () => {
    const token = await machineToken(gate.provider.issuer, 'machine', { resource: front, scope: 'front' });
    takesNone = true;
    const response = await fetch(`${gate.url}/access/1`, { headers: { authorization: `Bearer ${token}` } });
    assert.equal(response.status, 401);
    assert.equal(response.headers.get('www-authenticate'), 'Bearer realm="app"');
    assert.equal(app.seen.length, 1);
  });
});

describe('an application that takes bound tokens alone (DPoP)', () => {
  const nonce = 'a-nonce-of-the-application';
  const ids = new Set<unknown>();
  const faults: string[] = [];
  let app: App;
  let gate: RunningGate;
  let agent: UserAgent;

  /** What is wrong with the request, as RFC 9449 section 4.3 lists it; `nonce` when nothing else is; null when nothing is. */
  async function problem({ headers, method, url = '' }: IncomingMessage): Promise<string | null> {
    const [scheme, token = ''] = (headers.authorization ?? '').split(' ');
    if (scheme !== 'DPoP') return 'scheme';
    if (typeof headers.dpop !== 'string' || headers.dpop.includes(',')) return 'no proof';
    const { payload, protectedHeader } = await jwtVerify(headers.dpop, EmbeddedJWK, { typ: 'dpop+jwt' });
    const { jwk } = protectedHeader;
    if (jwk === undefined || 'd' in jwk) return 'key';
    const { cnf, exp } = readJwt(token).claims as { cnf?: { jkt?: string }; exp?: number };
    if (cnf?.jkt !== (await calculateJwkThumbprint(jwk))) return 'another key';
    if (Number(exp) * 1000 < Date.now()) return 'expired';
    if (payload.htm !== method) return 'htm';
    if (payload.htu !== app.url + url.split('?')[0]) return `htu ${payload.htu}`;
    if (payload.ath !== createHash('sha256').update(token).digest('base64url')) return 'ath';
    if (ids.has(payload.jti)) return 'jti';
    ids.add(payload.jti);
    return payload.nonce === nonce ? null : 'nonce';
  }

  before(async () => {
    app = await startApp(async (request, response) => {
      const found = await problem(request).catch((error: unknown) => String(error));
      if (found === null) {
        response.writeHead(200, { 'dpop-nonce': nonce }).end('proven');
        return;
      }
      if (found !== 'nonce') faults.push(found);
      const challenge = `DPoP error="${found === 'nonce' ? 'use_dpop_nonce' : 'invalid_dpop_proof'}"`;
      response.writeHead(401, { 'www-authenticate': challenge, 'dpop-nonce': nonce }).end();
    });
    gate = await startGate({
      appUrl: app.url,
      provider: {
        asks: true,
        apis: { ...apis, dpopNonce: true },
        clientMetadata: { ...everyGrant, dpop_bound_access_tokens: true },
      },
      providerSettings: { ...providerSettings, dpopKey: makeClientKey('p256').pem },
      config: {
        routes: [
          { path: '/access/**', cluster: 'app', access: 'signed-in', upstreamToken: 'access' },
          {
            path: '/client/**',
            cluster: 'app',
            access: 'public',
            upstreamToken: { client: { resource: orders } },
          },
        ],
      },
    });
    agent = await signInAs(gate.url, 'alice');
  });

  after(async () => {
    await gate?.close();
    await app?.close();
  });

  const call = (path: string) => agent.ask(gate.url + path, { headers: fetchHeaders });

  test("RP-032: gets the session's token with a proof for its own address, made again with its nonce", async () => {
    const { status, body, headers } = await call('/access/1?page=2');
    assert.deepEqual(faults, []);
    assert.deepEqual([status, body], [200, 'proven']);
    assert.equal(headers['dpop-nonce'], undefined, 'the nonce is for the gate');
    assert.equal(app.seen.length, 2);
  });

  test('RP-032: gets the nonce at once from then on, and another proof each time', async () => {
    app.seen.length = 0;
    const answers = await Promise.all(Array.from({ length: 10 }, (_, index) => call(`/access/${index}`)));
    assert.deepEqual(faults, []);
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
    assert.equal(app.seen.length, 10);
    const posted = await agent.ask(`${gate.url}/access/1`, {
      method: 'POST',
      headers: { ...fetchHeaders, origin: gate.url },
      body: 'x',
    });
    assert.equal(posted.status, 200);
  });

  test("RP-032: gets the gate's own token with a proof", async () => {
    assert.equal((await call('/client/1')).status, 200);
    assert.deepEqual(faults, []);
    assert.match(app.seen.at(-1)?.headers.authorization ?? '', /^DPoP /);
  });

  test('never sees a proof of the client', async () => {
    const { status } = await agent.ask(`${gate.url}/access/1`, {
      headers: { ...fetchHeaders, dpop: 'forged', authorization: 'DPoP forged' },
    });
    assert.equal(status, 200);
    assert.deepEqual(faults, []);
  });
});
