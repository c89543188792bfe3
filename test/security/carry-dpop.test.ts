/** Tokens that are bound to a key of the gate: a proof for every request, for the very target, with the nonce it asks for. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Forward } from '../../src/core/decision.ts';
import type { ProvenRequest, UpstreamToken } from '../../src/core/upstream-token.ts';
import { type CarrierDoor, createCarrierDoor, createSession } from '../support/carrier-door.ts';
import { createEcho, type Echo, type EchoAnswer } from '../support/echo.ts';
import { createRoute } from '../support/heads.ts';
import { rawConnect, rawSend, waitUntil } from '../support/raw.ts';

/** A token whose proofs can be read. */
const bound = (renew: UpstreamToken['renew'] = null, value = 'DPoP bound'): UpstreamToken => ({
  header: 'authorization',
  value,
  prove: (request) => Buffer.from(JSON.stringify(request)).toString('base64url'),
  renew,
});
const signedIn = (upstreamToken: UpstreamToken): Partial<Forward> => ({
  route: createRoute({ path: '/**', upstreamToken: 'access' }),
  session: createSession(),
  upstreamToken,
});

const ok = (nonce?: string) =>
  `HTTP/1.1 200 OK\r\n${nonce === undefined ? '' : `DPoP-Nonce: ${nonce}\r\n`}Content-Length: 0\r\n\r\n`;
const demand = (nonce: string) =>
  `HTTP/1.1 401 No\r\nWWW-Authenticate: DPoP error="use_dpop_nonce"\r\nDPoP-Nonce: ${nonce}\r\nContent-Length: 0\r\n\r\n`;
const one = { responses: 1 };
const get = (path = '/a?b=c') => `GET ${path} HTTP/1.1\r\nHost: app.test\r\nDPoP: of-the-client\r\n\r\n`;

function proofs(echo: Echo): readonly ProvenRequest[] {
  return echo.requests.map((request) => {
    assert.equal(request.all('dpop').length, 1, request.head);
    return JSON.parse(Buffer.from(request.all('dpop')[0] as string, 'base64url').toString());
  });
}

async function start(
  t: TestContext,
  options: { answer: EchoAnswer; token?: UpstreamToken; cluster?: Readonly<Record<string, unknown>> },
): Promise<{ echo: Echo; door: CarrierDoor }> {
  const { answer, token = bound(), cluster = {} } = options;
  const echo = await createEcho(answer);
  t.after(() => echo.close());
  const door = await createCarrierDoor({
    targets: [`${echo.url}/base`],
    cluster,
    forward: () => signedIn(token),
  });
  t.after(() => door.close());
  return { echo, door };
}

test('a proof names the method and the address of the application, without query', async (t) => {
  const { echo, door } = await start(t, { answer: () => ok() });
  await rawSend(door.port, get('/a%20b/c?d=e'), one);
  await rawSend(door.port, 'POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx', one);
  assert.deepEqual(proofs(echo), [
    { method: 'GET', url: `${echo.url}/base/a%20b/c`, nonce: null },
    { method: 'POST', url: `${echo.url}/base/p`, nonce: null },
  ]);
  assert.deepEqual(echo.requests[0]?.all('authorization'), ['DPoP bound']);
});

test('a nonce that is asked for is answered at once, remembered, and replaced by the next', async (t) => {
  let count = 0;
  const { echo, door } = await start(t, {
    answer() {
      count += 1;
      return count === 1 ? demand('n1') : ok(count === 3 ? 'n2' : undefined);
    },
  });
  for (let i = 0; i < 3; i += 1) {
    const { responses } = await rawSend(door.port, get(), one);
    assert.equal(responses[0]?.status, 200);
    assert.equal(responses[0]?.header('dpop-nonce'), null);
  }
  assert.deepEqual(
    proofs(echo).map((proof) => proof.nonce),
    [null, 'n1', 'n1', 'n2'],
  );
});

test('an application that asks again and again is answered once', async (t) => {
  let count = 0;
  const { echo, door } = await start(t, { answer: () => demand(`n${++count}`) });
  const { responses } = await rawSend(door.port, get(), one);
  assert.equal(responses[0]?.status, 401);
  assert.equal(responses[0]?.header('dpop-nonce'), null);
  assert.equal(responses[0]?.header('www-authenticate'), null);
  assert.equal(echo.requests.length, 2);
});

test('what cannot be repeated is not, and the next request has the nonce', async (t) => {
  const { echo, door } = await start(t, {
    answer: (request) => (proofsOf(request.all('dpop')).nonce === null ? demand('n1') : ok()),
  });
  const post = 'POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx';
  assert.equal((await rawSend(door.port, post, one)).responses[0]?.status, 401);
  assert.equal((await rawSend(door.port, post, one)).responses[0]?.status, 200);
  assert.equal(echo.requests.length, 2);
});
const proofsOf = (lines: readonly string[]): ProvenRequest =>
  JSON.parse(Buffer.from(lines[0] ?? '', 'base64url').toString());

for (const [title, fields] of [
  ['without a nonce', 'WWW-Authenticate: DPoP error="use_dpop_nonce"'],
  ['with two nonces', 'WWW-Authenticate: DPoP error="use_dpop_nonce"\r\nDPoP-Nonce: a\r\nDPoP-Nonce: b'],
  ['with a nonce that is none', 'WWW-Authenticate: DPoP error="use_dpop_nonce"\r\nDPoP-Nonce: a b"c'],
  [
    'with an endless nonce',
    `WWW-Authenticate: DPoP error="use_dpop_nonce"\r\nDPoP-Nonce: ${'x'.repeat(513)}`,
  ],
  ['for another scheme', 'WWW-Authenticate: Bearer error="use_dpop_nonce"\r\nDPoP-Nonce: a'],
  ['for another reason', 'WWW-Authenticate: DPoP error="invalid_token"\r\nDPoP-Nonce: a'],
] as const) {
  test(`a 401 ${title} is the answer`, async (t) => {
    const { echo, door } = await start(t, {
      answer: () => `HTTP/1.1 401 No\r\n${fields}\r\nContent-Length: 0\r\n\r\n`,
    });
    assert.equal((await rawSend(door.port, get(), one)).responses[0]?.status, 401);
    assert.equal(echo.requests.length, 1);
    assert.equal((await rawSend(door.port, get(), one)).responses[0]?.status, 401);
    const expected = title.startsWith('for ') ? 'a' : null;
    assert.equal(proofs(echo)[1]?.nonce, expected);
  });
}

test('each target has nonces of its own, and its own address in the proof', async (t) => {
  const second = await createEcho((request) =>
    proofsOf(request.all('dpop')).nonce === 'of-b' ? ok() : demand('of-b'),
  );
  t.after(() => second.close());
  const first = await createEcho((request) =>
    proofsOf(request.all('dpop')).nonce === 'of-a' ? ok() : demand('of-a'),
  );
  t.after(() => first.close());
  const door = await createCarrierDoor({
    targets: [first.url, second.url],
    forward: () => signedIn(bound()),
  });
  t.after(() => door.close());
  for (let i = 0; i < 4; i += 1) {
    assert.equal((await rawSend(door.port, get(), one)).responses[0]?.status, 200);
  }
  for (const [echo, nonce] of [
    [first, 'of-a'],
    [second, 'of-b'],
  ] as const) {
    assert.deepEqual(
      proofs(echo).map((proof) => [proof.url, proof.nonce]),
      [null, nonce, nonce].map((one) => [`${echo.url}/a`, one]),
    );
  }
});

test('a renewed token is proved as well, and a nonce may be asked for on the way', async (t) => {
  const token = bound(async () => bound(null, 'DPoP newer'));
  const { echo, door } = await start(t, {
    token,
    answer(request) {
      if (proofsOf(request.all('dpop')).nonce === null) return demand('n1');
      return request.all('authorization')[0] === 'DPoP newer'
        ? ok()
        : 'HTTP/1.1 401 No\r\nWWW-Authenticate: DPoP error="invalid_token"\r\nContent-Length: 0\r\n\r\n';
    },
  });
  assert.equal((await rawSend(door.port, get(), one)).responses[0]?.status, 200);
  assert.deepEqual(
    echo.requests.map((request) => [request.all('authorization')[0], proofsOf(request.all('dpop')).nonce]),
    [
      ['DPoP bound', null],
      ['DPoP bound', 'n1'],
      ['DPoP newer', 'n1'],
    ],
  );
});

test('without a proof there is no request', async (t) => {
  const token: UpstreamToken = {
    ...bound(),
    prove() {
      throw new Error('the key is gone');
    },
  };
  const { echo, door } = await start(t, {
    token,
    answer: () => ok(),
    cluster: { connections: 1, queue: 0 },
  });
  // Each of them gives back its place.
  for (let i = 0; i < 3; i += 1) {
    const { responses } = await rawSend(door.port, get(), one);
    assert.equal(responses[0]?.status, 502);
    assert.equal(responses[0]?.body, 'ERR_UPSTREAM_TOKEN');
  }
  const handshake = 'GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n';
  assert.match((await rawSend(door.port, handshake)).text, /^HTTP\/1\.1 502 /);
  assert.equal(echo.accepted(), 0);
  assert.equal(door.carrier.inFlight(), 0);
});

test('the nonce of an application is for the client where the gate proves nothing', async (t) => {
  const token = { ...bound(), prove: null };
  const { door } = await start(t, { token, answer: () => ok('theirs') });
  assert.equal((await rawSend(door.port, get(), one)).responses[0]?.header('dpop-nonce'), 'theirs');
});

test('a handshake is proved, and repeated with the nonce that is asked for', async (t) => {
  const { echo, door } = await start(t, {
    answer: (request) =>
      proofsOf(request.all('dpop')).nonce === 'n1'
        ? 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat\r\nDPoP-Nonce: n2\r\n\r\n'
        : demand('n1'),
  });
  const peer = await rawConnect(door.port);
  peer.write('GET /ws?x=y HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n');
  await waitUntil(() => peer.text().startsWith('HTTP/1.1 101'));
  assert.equal(peer.text().includes('n2'), false);
  assert.deepEqual(proofs(echo), [
    { method: 'GET', url: `${echo.url}/base/ws`, nonce: null },
    { method: 'GET', url: `${echo.url}/base/ws`, nonce: 'n1' },
  ]);
  peer.destroy();
  await waitUntil(() => door.outcomes.length === 1);
  await rawSend(door.port, get('/next'), one);
  assert.equal(proofs(echo)[2]?.nonce, 'n2');
});
