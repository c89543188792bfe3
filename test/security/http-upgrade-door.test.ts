/** Catalogue 5D as far as the door goes: what may become a raw connection, and that it is decided first. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { rawConnect } from '../support/raw.ts';
import {
  assertRefused,
  type Carried,
  get,
  type HarnessOptions,
  message,
  type RefusedCase,
  respond,
  smuggled,
  startDoor,
} from '../unit/doors/door-harness.ts';

const outcome = { upstreamMs: 1, bytesIn: 0, bytesOut: 0, error: null, aborted: false };

/** Answers 101 and echoes, as an application would. */
const echoing: HarnessOptions = {
  carryUpgrade(exchange) {
    exchange.socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    );
    exchange.socket.write(exchange.firstBytes);
    exchange.socket.on('data', (chunk) => exchange.socket.write(chunk));
    exchange.socket.on('end', () => exchange.socket.end());
    exchange.socket.on('close', () => exchange.finish({ ...outcome, status: 101 }));
  },
};
const harness = await startDoor(echoing);
after(() => harness[Symbol.asyncDispose]());

const handshake = [
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version: 13',
];

test('HP-100: a handshake is decided like any request and then handed over with its first bytes', async () => {
  const before = harness.carried.length;
  const peer = await rawConnect(harness.port);
  peer.write(`${get('/ws?x=1', ...handshake)}early`);
  await peer.waitFor(() => peer.text().endsWith('early'));
  peer.write('later');
  await peer.waitFor(() => peer.text().endsWith('earlylater'));
  const { exchange, target } = harness.carried[before] as Carried;
  assert.equal(target, '/ws?x=1');
  assert.equal(exchange.head.upgrade, 'websocket');
  assert.equal(harness.door.inFlight(), 1);
  peer.destroy();
  await peer.waitFor(() => harness.door.inFlight() === 0);
  assert.equal(harness.finished.at(-1)?.status, 101);
});

test('HP-100: a refused handshake gets the answer and never reaches the carrier', async () => {
  for (const status of [401, 403]) {
    const setCookies = ['a=1', 'b=2'];
    await using strict = await startDoor({
      decide: () => (status === 401 ? respond(401, { setCookies }) : Promise.resolve(respond(403))),
    });
    const result = await strict.send(get('/ws', ...handshake) + smuggled);
    assert.equal(result.responses[0]?.status, status);
    assert.equal(result.responses[0]?.header('connection'), 'close');
    assert.equal(result.responses[0]?.body, `status ${status}\n`);
    assert.deepEqual(result.responses[0]?.all('set-cookie'), status === 401 ? setCookies : []);
    assert.equal(result.closed, true);
    assert.deepEqual(strict.decided, ['GET /ws']);
    assert.equal(strict.carried.length, 0);
    assert.equal(strict.finished[0]?.status, status);
  }
});

test('HP-100: the rules for targets, hosts and fields hold for handshakes as well', async () => {
  const rows: readonly (readonly [string, number])[] = [
    [get('/public/..%2fadmin', ...handshake), 400],
    [get('http://evil.test/ws', ...handshake), 400],
    [message('GET /ws HTTP/1.1', 'Host: evil.test', ...handshake), 421],
    [get('/ws', ...handshake, 'Authorization: a', 'Authorization: b'), 400],
    [get(`/${'a'.repeat(9000)}`, ...handshake), 414],
  ];
  for (const [bytes, status] of rows) await assertRefused(harness, { id: '', title: '', bytes, status });
  const before = harness.carried.length;
  const peer = await rawConnect(harness.port);
  peer.write(get('/x/../ws', ...handshake, 'X_User: admin'));
  await peer.waitFor(() => harness.carried.length > before);
  const { exchange, target } = harness.carried[before] as Carried;
  assert.equal(target, '/ws');
  assert.ok(!exchange.head.headers.includes('x_user'));
  peer.destroy();
});

test('HP-102: other protocols are served as plain requests without their fields', async () => {
  const rows: readonly (readonly string[])[] = [
    ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA'],
    ['Connection: Upgrade', 'Upgrade: foo'],
    ['Connection: Upgrade', 'Upgrade: websocket, h2c'],
    ['Connection: Upgrade', 'Upgrade: websocket/13'],
    ['Connection: Upgrade', 'Upgrade: TLS/1.0'],
  ];
  for (const lines of rows) {
    const before = harness.carried.length;
    // What came in one piece with a declined upgrade is lost to Node's parser: the connection must end.
    const result = await harness.send(get('/plain', ...lines) + smuggled);
    assert.deepEqual(
      result.responses.map((response) => response.body),
      ['GET /plain []'],
    );
    assert.equal(result.closed, true);
    assert.equal(harness.carried.length, before + 1);
    const { headers, upgrade } = (harness.carried[before] as Carried).exchange.head;
    assert.equal(upgrade, null);
    assert.ok(!headers.includes('upgrade') && !headers.includes('http2-settings'));
  }
});

test('HP-102: in an HTTP/1.0 request an Upgrade is ignored (RFC 9110 section 7.8)', async () => {
  const before = harness.carried.length;
  const result = await harness.send(message('GET /ws HTTP/1.0', 'Host: app.test', ...handshake) + smuggled);
  assert.deepEqual(
    result.responses.map((response) => response.status),
    [200],
  );
  assert.equal(result.closed, true);
  assert.equal((harness.carried[before] as Carried).exchange.head.upgrade, null);
});

test('HP-102: an Upgrade that Connection does not name is dropped', async () => {
  const before = harness.carried.length;
  const result = await harness.send(get('/plain', 'Upgrade: websocket') + get('/next'), { responses: 2 });
  assert.equal(result.responses.length, 2);
  assert.ok(!(harness.carried[before] as Carried).exchange.head.headers.includes('upgrade'));
});

test('HP-102: a body that comes with a declined upgrade is carried', async () => {
  const bytes = message(
    'POST /a HTTP/1.1',
    'Host: app.test',
    'Upgrade: h2c',
    'Connection: Upgrade',
    'Content-Length: 3',
  );
  const result = await harness.send(`${bytes}abc${smuggled}`);
  assert.deepEqual(
    result.responses.map((response) => response.body),
    ['POST /a [abc]'],
  );
  assert.equal(result.closed, true);
});

test('HP-102: the protocol is known in any case', async () => {
  const before = harness.carried.length;
  const peer = await rawConnect(harness.port);
  peer.write(get('/ws', 'Upgrade: WebSocket', 'Connection: keep-alive, UPGRADE'));
  await peer.waitFor(() => harness.carried.length > before);
  assert.equal((harness.carried[before] as Carried).exchange.head.upgrade, 'websocket');
  peer.destroy();
});

test('HP-102: an upgrade can be switched off', async () => {
  await using off = await startDoor({ listen: { upgrades: [] } });
  const result = await off.send(get('/ws', ...handshake), { responses: 1 });
  assert.equal(result.responses[0]?.body, 'GET /ws []');
});

const invalid: readonly RefusedCase[] = [
  ...['POST', 'PUT', 'DELETE'].map(
    (method): RefusedCase => ({
      id: 'HP-103',
      title: `${method} and a body`,
      bytes: `${message(`${method} /ws HTTP/1.1`, 'Host: app.test', ...handshake, 'Content-Length: 3')}abc`,
      status: 400,
    }),
  ),
  {
    id: 'HP-103',
    title: 'POST',
    bytes: message('POST /ws HTTP/1.1', 'Host: app.test', ...handshake),
    status: 400,
  },
  {
    id: 'HP-103',
    title: 'a length',
    bytes: `${get('/ws', ...handshake, 'Content-Length: 3')}abc`,
    status: 400,
  },
  { id: 'HP-103', title: 'a length of 0', bytes: get('/ws', ...handshake, 'Content-Length: 0'), status: 400 },
  {
    id: 'HP-103',
    title: 'a chunked body',
    bytes: `${get('/ws', ...handshake, 'Transfer-Encoding: chunked')}0\r\n\r\n`,
    status: 400,
  },
];

for (const row of invalid) {
  test(`${row.id}: a handshake with ${row.title} is refused and nothing behind it is read`, () =>
    assertRefused(harness, row));
}

test('HP-103: a handshake behind an unanswered request is not one', async () => {
  const before = harness.carried.length;
  const result = await harness.send(
    `${message('POST /a HTTP/1.1', 'Host: app.test', 'Content-Length: 1')}x${get('/ws', ...handshake)}`,
    {
      responses: 2,
    },
  );
  assert.deepEqual(
    result.responses.map((response) => response.body),
    ['POST /a [x]', 'GET /ws []'],
  );
  assert.deepEqual(
    harness.carried.slice(before).map((carried) => carried.exchange.head.upgrade),
    [null, null],
  );
});

test('a client that leaves while its handshake is decided is never carried', async () => {
  let release: () => void = () => undefined;
  await using slow = await startDoor({
    ...echoing,
    decide: async () => {
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      return respond(200);
    },
  });
  const peer = await rawConnect(slow.port);
  peer.write(get('/ws', ...handshake));
  await peer.waitFor(() => slow.decided.length === 1);
  peer.socket.resetAndDestroy();
  await peer.waitFor(() => slow.finished.length === 1);
  release();
  assert.equal(slow.finished[0]?.aborted, true);
  assert.equal(slow.carried.length, 0);
  assert.equal(slow.door.inFlight(), 0);
});
