/** The guide to APIs is true: its configuration answers as its tables say, and describes itself as it shows. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { SignJWT } from 'jose';
import { maxTokenLength } from '../../src/apis/authorization-header.ts';
import { parseSource } from '../../src/config/source.ts';
import { freePort } from '../support/free-port.ts';
import { type GateAlone, startGateAlone } from '../support/gate-alone.ts';

const guide = readFileSync(new URL('../../docs/guides/apis.md', import.meta.url), 'utf8');
const blocks = (language: string) =>
  [...guide.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)]
    .filter((block) => block[1] === language)
    .map((block) => block[2] as string);
const [example = ''] = blocks('yaml');
const both = blocks('yaml').find((text) => text.includes('[session, bearer]')) ?? '';

const published = 'https://app.example.com';
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });

let gate: GateAlone;
let app: Server;

before(async () => {
  app = createServer((request, response) => response.end(JSON.stringify(request.headers)));
  await new Promise<void>((resolve) => {
    app.listen(0, '127.0.0.1', resolve);
  });
  const url = `http://127.0.0.1:${await freePort()}`;
  const data = read(example, url);
  const more = read(both, url);
  const issuer = {
    issuer: 'https://login.example.com',
    jwks: { keys: [publicKey.export({ format: 'jwk' })] },
  };
  gate = await startGateAlone({
    url,
    config: {
      ...data,
      apis: { orders: { ...data.apis.orders, issuers: [issuer], corsOrigins: ['https://spa.example.net'] } },
      providers: { main: { ...data.providers.main, clientSecret: 'hush-hush' } },
      clusters: { orders: { targets: [`http://127.0.0.1:${(app.address() as AddressInfo).port}`] } },
      routes: [...data.routes, ...more.routes],
    },
  });
});

after(async () => {
  await gate.close();
  app.closeAllConnections();
  app.close();
});

interface Shown {
  readonly providers: { readonly main: object };
  readonly apis: { readonly orders: object };
  readonly routes: readonly object[];
}

function read(text: string, url: string): Shown {
  const source = parseSource(text.replaceAll(published, url), 'yaml');
  assert.ok(source.ok);
  return source.data as unknown as Shown;
}

/** A token as the example wants it, with other claims over it. */
function tokenWith(claims: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  const good = {
    iss: 'https://login.example.com',
    aud: `${gate.url}/orders`,
    sub: 'alice',
    client_id: 'cli',
    jti: 'token-1',
    iat: now,
    exp: now + 300,
    auth_time: now - 10,
    acr: 'urn:example:mfa',
    scope: 'orders.read orders.write',
  };
  return new SignJWT({ ...good, ...claims })
    .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt' })
    .sign(privateKey);
}

const call = (authorization: string | null, init: RequestInit = {}, path = '/orders/1') =>
  fetch(gate.url + path, {
    ...init,
    headers: { ...(authorization === null ? {} : { authorization }), ...init.headers },
  });

describe('what clients see', () => {
  const rows = new Map(
    [...guide.matchAll(/^\| ([^|]+) \| (\d{3}) \| `(Bearer [^`]+)` \|$/gm)].map(
      ([, name = '', status = '', challenge = '']) => [name, { status: Number(status), challenge }],
    ),
  );
  const metadata = /^`…` stands for `([^`]+)`/m.exec(guide)?.[1] ?? '';
  const requests: Readonly<Record<string, () => Promise<Response>>> = {
    'no token': () => call(null),
    'another scheme': () => call('Basic dXNlcjpwYXNz'),
    'not one token': () => call('Bearer one two'),
    'a bad token': async () => call(`Bearer ${await tokenWith({ aud: 'https://other.example.com' })}`),
    'without the scope': async () => call(`Bearer ${await tokenWith({ scope: 'other' })}`),
    'signed in long ago, or too weakly': async () =>
      call(`Bearer ${await tokenWith({ auth_time: 1, jti: 'old' })}`, { method: 'POST' }),
  };

  test('each row of the table is tried', () =>
    assert.deepEqual([...rows.keys()].sort(), Object.keys(requests).sort()));

  for (const [name, request] of Object.entries(requests)) {
    test(`${name}: the answer is that of the table`, async () => {
      const row = rows.get(name);
      const answer = await request();
      assert.equal(answer.status, row?.status);
      const expected = row?.challenge.replace('…', metadata).replaceAll(published, gate.url);
      assert.equal(answer.headers.get('www-authenticate'), expected);
      assert.equal(answer.headers.get('content-type'), 'application/problem+json');
    });
  }

  test('a good token passes, and the application gets the claims and not the token', async () => {
    const answer = await call(`Bearer ${await tokenWith()}`);
    assert.equal(answer.status, 200);
    const headers = (await answer.json()) as Record<string, string>;
    assert.deepEqual(
      [headers['x-user'], headers['x-client'], headers.authorization],
      ['alice', 'cli', undefined],
    );
  });

  test('the access log names the client and why it was refused', async () => {
    await call(`Bearer ${await tokenWith({ aud: 'https://elsewhere.example.com' })}`);
    await call(`Bearer ${await tokenWith({ jti: 'logged' })}`);
    const lines = gate.events('request.finished');
    assert.ok(lines.some(({ decision }) => decision === 'invalid_token:audience'));
    assert.ok(lines.some(({ caller }) => caller === 'cli'));
  });
});

test('the metadata are those that the guide shows, where it says', async () => {
  const path = '/.well-known/oauth-protected-resource/orders';
  assert.ok(guide.includes(`\`${path}\``));
  const answer = await fetch(gate.url + path);
  const [shown = ''] = blocks('json');
  assert.deepEqual(await answer.json(), JSON.parse(shown.replaceAll(published, gate.url)));
  assert.equal(answer.headers.get('access-control-allow-origin'), '*');
});

test('pages of a named origin may ask before they call, and those of others may not', async () => {
  const ask = (origin: string) =>
    call(null, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'GET',
        'access-control-request-headers': 'authorization',
      },
    });
  const allowed = await ask('https://spa.example.net');
  assert.equal(allowed.status, 204);
  assert.equal(allowed.headers.get('access-control-allow-origin'), 'https://spa.example.net');
  assert.equal(allowed.headers.get('access-control-max-age'), '600');
  assert.equal(allowed.headers.get('access-control-allow-credentials'), null);
  const refused = await ask('https://other.example.net');
  assert.equal(refused.headers.get('access-control-allow-origin'), null);
});

describe('a route for people and machines', () => {
  test('says both challenges to whoever comes with neither', async () => {
    const answer = await call(null, {}, '/api/1');
    assert.equal(answer.status, 401);
    const challenges = answer.headers.get('www-authenticate') ?? '';
    assert.match(challenges, /Cookie realm="sallyport"/);
    assert.match(challenges, /Bearer realm="orders"/);
  });

  test('answers 400 to whoever comes with both', async () => {
    const headers = { cookie: 'sallyport=something' };
    const answer = await call(`Bearer ${await tokenWith()}`, { headers }, '/api/1');
    assert.equal(answer.status, 400);
  });

  test("gives the application the caller's token", async () => {
    const token = await tokenWith();
    const answer = await call(`Bearer ${token}`, {}, '/api/1');
    assert.equal(((await answer.json()) as Record<string, string>).authorization, `Bearer ${token}`);
  });
});

test('the longest token is as long as the guide says', () => {
  assert.ok(guide.includes(`at most ${maxTokenLength.toLocaleString('en')} characters`));
});
