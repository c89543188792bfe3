/**
 * Hostile credentials at the whole gate, byte by byte: each is refused as the catalogue says, the application hears
 * nothing, nobody outside is asked, and no secret of all that was sent or obtained is in the log, the metrics or an answer.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { cheapHash, makeKey, wrongKey } from '../support/api-keys-fixture.ts';
import { makeClientKey } from '../support/client-keys.ts';
import { createDpopSender } from '../support/dpop-sender.ts';
import { createEcho, type Echo } from '../support/echo.ts';
import {
  type EvilBehaviour,
  type EvilProvider,
  evilSecrets,
  makeAccessToken,
  makeIdToken,
  makeLogoutToken,
  publicJwk,
  startEvilProvider,
} from '../support/evil-provider.ts';
import { type GateAlone, startGateAlone } from '../support/gate-alone.ts';
import { type RawResponse, rawSend, waitUntil } from '../support/raw.ts';
import { createSecretWitness } from '../support/secret-witness.ts';

const orders = 'https://api.test';
const robot = makeKey('robot');
const signingKey = makeClientKey('p256').pem;
const sealingKey = randomBytes(32).toString('base64');
const witness = createSecretWitness();
witness.keep(robot, robot.slice(-43), sealingKey, evilSecrets.clientSecret);
witness.keep(signingKey.replace(/-----[^-]+-----|\s/g, ''));

let app: Echo;
let evil: EvilProvider;
/** Where tokens say that they come from, and which nobody named in the configuration. */
let attacker: EvilProvider;
let gate: GateAlone;

const bearer = { cluster: 'app', authenticate: ['bearer'], api: 'orders' };

before(async () => {
  app = await createEcho(() => 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
  [evil, attacker] = [await startEvilProvider(), await startEvilProvider()];
  gate = await startGateAlone({
    config: {
      providers: { main: { issuer: evil.issuer, clientId: 'app', clientSecret: evilSecrets.clientSecret } },
      clusters: { app: { targets: [app.url] } },
      admin: { address: '127.0.0.1:0' },
      session: { store: 'memory', keys: [sealingKey] },
      log: { level: 'debug' },
      apis: { orders: { issuers: ['main'], audience: [orders] } },
      apiKeys: { keys: { robot: { hash: cheapHash(robot) } } },
      assertions: { keys: [signingKey] },
      routes: [
        { path: '/orders/**', ...bearer },
        { path: '/pass/**', ...bearer, upstreamToken: 'pass' },
        { path: '/key/**', cluster: 'app', authenticate: ['api-key'] },
        { path: '/either/**', cluster: 'app', authenticate: ['bearer', 'api-key', 'session'], api: 'orders' },
        { path: '/exchange/**', ...bearer, upstreamToken: { exchange: { audience: 'billing' } } },
        {
          path: '/obo/**',
          ...bearer,
          upstreamToken: { exchange: { scope: 'billing/.default', grant: 'on-behalf-of' } },
        },
        { path: '/client/**', ...bearer, upstreamToken: 'client' },
        { path: '/assertion/**', ...bearer, upstreamToken: { assertion: { audience: 'billing' } } },
      ],
    },
  });
  // From here on the keys of the issuer are known.
  assert.equal((await send(['/orders/1', [`Authorization: Bearer ${good()}`]])).status, 200);
  app.reset();
});

after(async () => {
  await gate?.close();
  await app?.close();
  await evil?.close();
  await attacker?.close();
});

const good = (behaviour: EvilBehaviour = {}) => witness.keep(makeAccessToken(evil.issuer, behaviour));

type Sent = readonly [target: string, lines: readonly string[], body?: string];

async function sendBytes(bytes: string | Buffer): Promise<RawResponse> {
  const { responses, text } = await rawSend(gate.port, bytes, { responses: 1, timeoutMs: 15_000 });
  witness.show('an answer', text);
  const [answer] = responses;
  assert.ok(answer, `an answer, not ${text.slice(0, 200)}`);
  return answer;
}

function send([target, lines, body]: Sent): Promise<RawResponse> {
  const method = body === undefined ? 'GET' : 'POST';
  const framing =
    body === undefined
      ? []
      : ['Content-Type: application/x-www-form-urlencoded', `Content-Length: ${body.length}`];
  const head = [`${method} ${target} HTTP/1.1`, `Host: ${new URL(gate.url).host}`, ...lines, ...framing];
  return sendBytes(`${head.join('\r\n')}\r\n\r\n${body ?? ''}`);
}

const callsOut = () => evil.requests.length + attacker.requests.length;

/** Refused with one of these, and nobody else heard of it. */
async function isRefused(sent: Sent | string, ...statuses: readonly number[]): Promise<RawResponse> {
  const [reached, called] = [app.requests.length, callsOut()];
  const answer = typeof sent === 'string' ? await sendBytes(sent) : await send(sent);
  assert.ok(statuses.includes(answer.status), `${answer.status} is none of ${statuses}`);
  assert.equal(app.requests.length, reached, 'the application heard of it');
  assert.equal(callsOut(), called, 'somebody was asked');
  return answer;
}

const authorized = (value: string, path = '/orders/1'): Sent => [path, [`Authorization: ${value}`]];
const hmac = { alg: 'HS256', typ: 'at+jwt' };

const invalidTokens: readonly (readonly [id: string, title: string, make: () => string])[] = [
  ['RS-021', 'of an unknown issuer', () => makeAccessToken('https://elsewhere.test')],
  ['RS-029', "of an issuer at an attacker's address", () => makeAccessToken(attacker.issuer)],
  ['RS-021', 'of the issuer with a slash more', () => makeAccessToken(`${evil.issuer}/`)],
  ['RS-021', 'of no issuer', () => makeAccessToken(evil.issuer, { claims: { iss: undefined } })],
  ['RS-021', 'of a list of issuers', () => makeAccessToken(evil.issuer, { claims: { iss: [evil.issuer] } })],
  [
    'RS-022',
    'for another audience',
    () => makeAccessToken(evil.issuer, { claims: { aud: `${orders}.evil` } }),
  ],
  ['RS-023', 'that has ended', () => makeAccessToken(evil.issuer, { claims: { exp: 1 } })],
  ['RS-023', 'that never ends', () => makeAccessToken(evil.issuer, { claims: { exp: undefined } })],
  [
    'RS-020',
    'without a signature',
    () => makeAccessToken(evil.issuer, { header: { alg: 'none' }, signature: () => Buffer.alloc(0) }),
  ],
  ['RS-020', 'signed with the public key as a secret', () => makeAccessToken(evil.issuer, { header: hmac })],
  [
    'RS-020',
    'signed with a key that it brings along',
    () => makeAccessToken(evil.issuer, { key: 'attacker', header: { jwk: publicJwk('attacker') } }),
  ],
  [
    'RS-020',
    'signed with a key at an address that it names',
    () => makeAccessToken(evil.issuer, { key: 'attacker', header: { jku: `${attacker.issuer}/jwks` } }),
  ],
  ['RS-020', 'signed with another key', () => makeAccessToken(evil.issuer, { key: 'attacker' })],
  [
    'RS-020',
    'with a changed payload',
    () =>
      makeAccessToken(evil.issuer, {
        mangle: (token) => token.replace(/\.(.)/, (_, one) => `.${one === 'e' ? 'f' : 'e'}`),
      }),
  ],
  ['RS-024', 'that is an ID token', () => makeIdToken(evil.issuer, 'n', { claims: { aud: orders } })],
  ['RS-025', 'that is a logout token', () => makeLogoutToken(evil.issuer, { claims: { aud: orders } })],
  ['RS-027', 'without a client', () => makeAccessToken(evil.issuer, { claims: { client_id: undefined } })],
  ['RS-040', 'that is no JWT', () => randomBytes(40).toString('base64url')],
  ['RS-020', 'of three words', () => 'not.a-real.token-at-all'],
];

for (const [id, title, make] of invalidTokens) {
  test(`${id}: a token ${title} is 401 invalid_token, with nobody asked`, async () => {
    const answer = await isRefused(authorized(`Bearer ${witness.keep(make())}`), 401);
    assert.match(answer.header('www-authenticate') ?? '', /^Bearer realm="orders", error="invalid_token"/);
    assert.equal(answer.header('content-type'), 'application/problem+json');
  });
}

/** An answer without what differs from request to request: the id, and its length. */
function faceOf(answer: RawResponse): string {
  const id = answer.header('x-request-id') ?? assert.fail('an answer has an id');
  const headers = answer.headers.filter(([name]) => name !== 'date' && name !== 'content-length');
  return JSON.stringify([answer.status, headers, answer.body]).replaceAll(id, 'id');
}

test('RS-011, RS-083: answers to bad tokens do not tell what is wrong with them', async () => {
  const faces = new Set<string>();
  for (const [, , make] of invalidTokens) {
    faces.add(faceOf(await send(authorized(`Bearer ${witness.keep(make())}`))));
  }
  assert.equal(faces.size, 1);
});

test('RS-083: answers to keys do not tell whether there is a key of that name', async () => {
  const faces = new Set<string>();
  for (const key of [
    wrongKey(robot),
    makeKey('nobody'),
    wrongKey(makeKey('nobody')),
    'what-is-no-key-at-all',
  ]) {
    faces.add(faceOf(await isRefused(['/key/1', [`X-Api-Key: ${witness.keep(key)}`]], 401)));
  }
  assert.equal(faces.size, 1);
});

describe('RS-002: what is no credential of one form', () => {
  const token = () => good();
  for (const [title, value] of [
    ['the scheme alone', () => 'Bearer'],
    ['two spaces', () => `Bearer  ${token()}`],
    ['a tab', () => `Bearer\t${token()}`],
    ['two tokens', () => `Bearer ${token()} ${token()}`],
    ['a comma', () => `Bearer ${token()}, Bearer ${token()}`],
    ['characters of no token', () => `Bearer ${token()}"<>`],
    ['bytes of Latin-1', () => `Bearer ${token()}\xe9`],
    ['a NUL byte', () => `Bearer ${token()}\x00`],
  ] as const) {
    test(`RS-002, RS-031: ${title} is refused`, async () => {
      await isRefused(authorized(value()), 400, 401);
    });
  }

  test('RS-005: another scheme is 401 with the challenge, and no error is told', async () => {
    const secret = witness.keep(btoa('user:a-password-of-somebody'));
    for (const scheme of ['Basic', 'Negotiate', 'AWS4-HMAC-SHA256']) {
      const answer = await isRefused(authorized(`${scheme} ${secret}`), 401);
      assert.doesNotMatch(answer.header('www-authenticate') ?? '', /error/);
    }
  });

  test('two `Authorization` fields are 400, whichever is good', async () => {
    await isRefused(
      ['/orders/1', [`Authorization: Bearer ${good()}`, `Authorization: Bearer ${good()}`]],
      400,
    );
    await isRefused(['/orders/1', [`Authorization: Bearer ${good()}`, 'authorization: Basic eDp5']], 400);
  });
});

describe('RS-006: a token that is not in the header', () => {
  test('RS-006: in the query it is nobody, whatever else is called so', async () => {
    for (const name of ['access_token', 'token', 'authorization', 'bearer_token']) {
      await isRefused([`/orders/1?${name}=${good()}`, []], 401);
    }
  });

  test('RS-006: in a form it is nobody', async () => {
    await isRefused(['/orders/1', [], `access_token=${good()}`], 401);
  });

  test('RS-010: in other headers it is nobody', async () => {
    const names = [
      'X-Forwarded-Access-Token',
      'X-Auth-Request-Access-Token',
      'Proxy-Authorization',
      'Access-Token',
    ];
    await isRefused(['/orders/1', names.map((name) => `${name}: Bearer ${good()}`)], 401);
  });
});

test('a token of 8 MB is cut off with its head, and the gate goes on', async () => {
  const huge = randomBytes(6 * 1024 * 1024).toString('base64url');
  witness.keep(huge.slice(0, 64), huge.slice(-64));
  const head = `GET /orders/1 HTTP/1.1\r\nHost: ${new URL(gate.url).host}\r\nAuthorization: Bearer ${huge}\r\n\r\n`;
  const [reached, called] = [app.requests.length, callsOut()];
  const { text } = await rawSend(gate.port, head, { timeoutMs: 15_000 });
  witness.show('an answer', text);
  assert.match(text, /^(?:HTTP\/1\.1 431 |$)/);
  assert.deepEqual([app.requests.length, callsOut()], [reached, called]);
  assert.equal((await send(authorized(`Bearer ${good()}`))).status, 200);
});

test('RS-020: a token as long as a head may be is refused', async () => {
  const long = randomBytes(8000).toString('base64url');
  witness.keep(long.slice(0, 64));
  await isRefused(authorized(`Bearer ${long}`), 401, 431);
});

describe('RS-007: several credentials on a route that takes several kinds', () => {
  test('are 400, good or not', async () => {
    const key = `X-Api-Key: ${robot}`;
    await isRefused(['/either/1', [key, `Authorization: Bearer ${good()}`]], 400);
    await isRefused(['/either/1', [key, 'Authorization: Bearer x']], 400);
    await isRefused(
      ['/either/1', [`X-Api-Key: ${witness.keep(wrongKey(robot))}`, `Authorization: Bearer ${good()}`]],
      400,
    );
    await isRefused(['/either/1', [key, key]], 400, 401);
  });
});

test('good credentials pass through every kind of rule, so that there is something to hide', async () => {
  const sender = createDpopSender();
  const bound = good({ claims: { cnf: { jkt: sender.jkt } } });
  const prove = () =>
    witness.keep(sender.prove({ method: 'GET', url: `${gate.url}/orders/1`, token: bound }));
  const proof = prove();
  const at = (path: string): Sent => authorized(`Bearer ${good()}`, path);
  evil.behaviour = {
    tokens: {
      access_token: witness.keep(`granted-${randomBytes(24).toString('base64url')}`),
      refresh_token: undefined,
      id_token: undefined,
      issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    },
  };
  for (const sent of [
    at('/pass/1'),
    at('/client/1'),
    at('/exchange/1'),
    at('/obo/1'),
    at('/assertion/1'),
    ['/key/1', [`X-Api-Key: ${robot}`]],
    ['/orders/1', [`Authorization: DPoP ${bound}`, `DPoP: ${proof}`]],
  ] as readonly Sent[]) {
    assert.equal((await send(sent)).status, 200, sent[0]);
  }
  await isRefused(['/orders/1', [`Authorization: DPoP ${bound}`, `DPoP: ${proof}`]], 401);
  await isRefused(['/orders/1', [`Authorization: Bearer ${bound}`, `DPoP: ${prove()}`]], 401);
  await isRefused(['/key/1', [`X-Api-Key: ${witness.keep(wrongKey(robot))}`]], 401);
  for (const { head } of app.requests) {
    const [, value] = /^authorization: bearer (.+)\r$/im.exec(head) ?? [];
    if (value !== undefined) witness.keep(value);
  }
  assert.equal(app.requests.filter((request) => request.all('authorization').length > 0).length, 5);
});

describe('RS-070: when the provider gives no token that may be sent', () => {
  const answer = { access_token: evilSecrets.accessToken, refresh_token: undefined, id_token: undefined };
  const failed = (status: number, body: string) => ({ raw: true, status, body }) as const;
  for (const [title, path, tokens, statuses] of [
    ['no issued_token_type', '/exchange/1', answer, [502]],
    [
      'a token that is no access token (N_A)',
      '/exchange/1',
      { ...answer, token_type: 'N_A', issued_token_type: 'urn:ietf:params:oauth:token-type:jwt' },
      [502],
    ],
    ['invalid_target', '/exchange/1', failed(400, '{"error":"invalid_target"}'), [403]],
    ['invalid_grant', '/obo/1', failed(400, '{"error":"invalid_grant"}'), [403]],
    [
      'that more is needed of the person',
      '/obo/1',
      failed(400, '{"error":"interaction_required"}'),
      [403, 502],
    ],
    ['no JSON', '/obo/1', failed(200, '<html>'), [502, 503]],
    ['a failure of its own', '/exchange/1', failed(500, `${evilSecrets.accessToken}`), [502, 503]],
    ['a token of two lines', '/obo/1', { ...answer, access_token: 'a\r\nX-Admin: 1' }, [502]],
  ] as const) {
    test(`RS-070: ${title}: the application is not called, least of all with the original token`, async () => {
      witness.keep(evilSecrets.accessToken);
      evil.behaviour = { tokens };
      const reached = app.requests.length;
      const { status } = await send(authorized(`Bearer ${good()}`, path));
      assert.ok((statuses as readonly number[]).includes(status), `${status}`);
      assert.equal(app.requests.length, reached);
    });
  }

  test('the on-behalf-of flow is asked for as Entra wants it, with the token of the caller alone', async () => {
    evil.reset();
    evil.behaviour = {
      tokens: { ...answer, access_token: witness.keep(`on-behalf-${randomBytes(16).toString('hex')}`) },
    };
    const token = good();
    assert.equal((await send(authorized(`Bearer ${token}`, '/obo/1'))).status, 200);
    const [asked] = evil.requests.filter(({ endpoint }) => endpoint === 'token');
    const form = new URLSearchParams(asked?.body);
    assert.equal(form.get('grant_type'), 'urn:ietf:params:oauth:grant-type:jwt-bearer');
    assert.equal(form.get('requested_token_use'), 'on_behalf_of');
    assert.deepEqual([form.get('assertion'), form.get('scope')], [token, 'billing/.default']);
    assert.match(app.requests.at(-1)?.all('authorization')[0] ?? '', /^Bearer on-behalf-/i);
  });
});

test('after all of it no secret is in the log, the metrics or an answer', async () => {
  await send(['/orders/the-last-request', []]);
  await waitUntil(() => gate.logged().includes('the-last-request'));
  const metrics = await (await fetch(`${gate.adminUrl}/metrics`)).text();
  assert.match(metrics, /sallyport_/);
  witness.show('the metrics', metrics);
  witness.show('the log', gate.logged());
  assert.ok(witness.count() > 100, `${witness.count()} secrets`);
  witness.assertUnseen();
  assert.deepEqual(gate.events('request.crashed'), []);
  for (const detail of ['replayed', 'issuer', 'audience', 'wrong-key']) {
    const told = gate.events('credential.refused').some((line) => String(line.detail).includes(detail));
    assert.ok(told, `the log says ${detail}`);
  }
});
