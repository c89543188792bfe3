/** Catalogue 5A: messages whose end two readers could find at different bytes never get past the door. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { rawConnect } from '../support/raw.ts';
import {
  assertRefused,
  type Carried,
  get,
  message,
  type RefusedCase,
  respond,
  smuggled,
  startDoor,
} from '../unit/doors/door-harness.ts';

const harness = await startDoor();
after(() => harness[Symbol.asyncDispose]());

const post = (...headers: readonly string[]) =>
  message('POST /upload HTTP/1.1', 'Host: app.test', ...headers);
const chunkedHead = post('Transfer-Encoding: chunked');

const lengths = ['+1', '-1', '0x1', '1_0', '1 2', '', '1;', '1e1', '\u00d9\u00a1', '1, 1', ', 1', '1\t1'];
const codings = [
  ...['chunked, chunked', 'chunked, identity', 'gzip, chunked', ', chunked', 'xchunked', 'chunkedx'],
  ...['"chunked"', "'chunked'", 'chunked;x=y', 'chunked,', 'identity', '', 'deflate', 'chunked chunked'],
  ...['\x0bchunked', 'chunked\x0b', 'chun\tked', 'CHUNKED, identity'],
];
const names = ['X(', 'X Y', '', 'X\u00c3\u00a4', 'X/Y', 'X@', 'X"', 'X\x01', 'X\x7f'];

const cases: readonly RefusedCase[] = [
  ...[
    ['1', '1'],
    ['1', '2'],
    ['0', '5'],
  ].map(
    ([a, b]): RefusedCase => ({
      id: 'HP-002',
      title: `two lengths ${a} and ${b}`,
      bytes: `${post(`Content-Length: ${a}`, `Content-Length: ${b}`)}A`,
    }),
  ),
  ...lengths.map(
    (length): RefusedCase => ({
      id: length === '1, 1' ? 'HP-002' : 'HP-003',
      title: `the length ${JSON.stringify(length)}`,
      bytes: `${post(`Content-Length: ${length}`)}A`,
    }),
  ),
  { id: 'HP-006', title: 'a length of 2^64+1', bytes: post('Content-Length: 18446744073709551617') },
  ...['Content-Length : 1', 'Content-Length\t: 1', 'Transfer-Encoding : chunked'].map(
    (line): RefusedCase => ({
      id: 'HP-007',
      title: `space before the colon in ${JSON.stringify(line)}`,
      bytes: `${post(line)}A`,
    }),
  ),
  {
    id: 'HP-007',
    title: 'a first header line that begins with a space',
    bytes: `${message('POST /upload HTTP/1.1', ' Content-Length: 1', 'Host: app.test')}A`,
  },
  {
    id: 'HP-007',
    title: 'a header value folded onto a second line',
    bytes: `${post('X-A: b', ' Transfer-Encoding: chunked')}0\r\n\r\n`,
  },
  {
    id: 'HP-010',
    title: 'chunked in two header lines',
    bytes: `${post('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked')}0\r\n\r\n`,
  },
  {
    id: 'HP-010',
    title: 'chunked and identity in two header lines',
    bytes: `${post('Transfer-Encoding: chunked', 'Transfer-Encoding: identity')}0\r\n\r\n`,
  },
  {
    id: 'HP-011',
    title: 'identity and chunked in two header lines',
    bytes: `${post('Transfer-Encoding: identity', 'Transfer-Encoding: chunked')}0\r\n\r\n`,
  },
  ...codings.map(
    (coding): RefusedCase => ({
      id: coding === '' ? 'HP-016' : 'HP-012 HP-013',
      title: `the transfer coding ${JSON.stringify(coding)}`,
      bytes: `${post(`Transfer-Encoding: ${coding}`)}0\r\n\r\n`,
    }),
  ),
  {
    id: 'HP-013',
    title: 'identity with a length',
    bytes: `${post('Transfer-Encoding: identity', 'Content-Length: 1')}A`,
  },
  ...[
    ['Content-Length: 6', 'Transfer-Encoding: chunked'],
    ['Transfer-Encoding: chunked', 'Content-Length: 6'],
  ].map(
    (lines): RefusedCase => ({
      id: 'HP-014',
      title: `both framings, ${lines[0]} first`,
      bytes: `${post(...lines)}0\r\n\r\nG`,
    }),
  ),
  {
    id: 'HP-017',
    title: 'a transfer coding on HTTP/1.0',
    bytes: `${message('POST /upload HTTP/1.0', 'Host: app.test', 'Transfer-Encoding: chunked')}0\r\n\r\n`,
    status: 400,
  },
  { id: 'HP-019', title: 'bare LF line ends', bytes: 'GET /a HTTP/1.1\nHost: app.test\n\n' },
  {
    id: 'HP-019',
    title: 'a bare LF after one header',
    bytes: 'GET /a HTTP/1.1\r\nX: a\nHost: app.test\r\n\r\n',
  },
  {
    id: 'HP-019',
    title: 'a bare LF as the final line end',
    bytes: 'GET /a HTTP/1.1\r\nHost: app.test\r\n\n',
  },
  ...['a\rb', 'a\rTransfer-Encoding: chunked', 'a\x00b', 'a\x01b', 'a\x7fb'].map(
    (value): RefusedCase => ({
      id: 'HP-020',
      title: `the header value ${JSON.stringify(value)}`,
      bytes: get('/a', `X: ${value}`),
    }),
  ),
  ...names.map(
    (name): RefusedCase => ({
      id: 'HP-022',
      title: `the header name ${JSON.stringify(name)}`,
      bytes: get('/a', `${name}: 1`),
    }),
  ),
  { id: 'HP-022', title: 'a header line without a colon', bytes: get('/a', 'nothing') },
  {
    id: 'HP-024',
    title: 'a chunk extension with a bare LF',
    bytes: `${chunkedHead}1;a\nb\r\nA\r\n0\r\n\r\n`,
  },
  {
    id: 'HP-024',
    title: 'a chunk extension with a bare CR',
    bytes: `${chunkedHead}1;a\rb\r\nA\r\n0\r\n\r\n`,
  },
  {
    id: 'HP-024',
    title: 'a chunk extension of 20 KiB',
    bytes: `${chunkedHead}1;${'a'.repeat(20_480)}\r\nA\r\n0\r\n\r\n`,
    status: 413,
  },
  ...['g', '-1', '0x1', '1 ', ' 1', '10000000000000001', ''].map(
    (size): RefusedCase => ({
      id: 'HP-025',
      title: `the chunk size ${JSON.stringify(size)}`,
      bytes: `${chunkedHead}${size}\r\nA\r\n0\r\n\r\n`,
    }),
  ),
  {
    id: 'HP-025',
    title: 'a chunk longer than its size',
    bytes: `${chunkedHead}1\r\nAB\r\n0\r\n\r\n`,
  },
  ...['Content-Length: 5', 'Transfer-Encoding: chunked'].map(
    (line): RefusedCase => ({
      id: 'HP-028',
      title: `the trailer ${line}`,
      bytes: `${chunkedHead}1\r\nA\r\n0\r\n${line}\r\n\r\n`,
    }),
  ),
  {
    id: 'HP-036',
    title: 'the version HTTP/2.0',
    bytes: message('GET /a HTTP/2.0', 'Host: app.test'),
    status: 505,
  },
  ...['HTTP/1.2', 'HTTP/3.7', 'HTTP/11', 'http/1.1', 'HTTP/1.1 x'].map(
    (version): RefusedCase => ({
      id: 'HP-037',
      title: `the version ${version}`,
      bytes: message(`GET /a ${version}`, 'Host: app.test'),
    }),
  ),
  ...['TRACE', 'TRACK', 'CONNECT'].map(
    (method): RefusedCase => ({
      id: 'HP-039',
      title: `the method ${method}`,
      bytes: message(`${method} ${method === 'CONNECT' ? 'app.test:80' : '/a'} HTTP/1.1`, 'Host: app.test'),
    }),
  ),
];

for (const row of cases) {
  test(`${row.id}: a message with ${row.title} is refused and nothing behind it is read`, () =>
    assertRefused(harness, row));
}

const carriedBy = async (bytes: string, methods: readonly string[] = []): Promise<Carried> => {
  const before = harness.carried.length;
  const result = await harness.send(bytes, { responses: 1, methods });
  assert.equal(result.responses[0]?.status, 200, result.text);
  return harness.carried[before] as Carried;
};

test('HP-004: a length with a trailing space or leading zeros is carried as one decimal', async () => {
  for (const length of ['1 ', '00001', '1\t']) {
    const carried = await carriedBy(`${post(`Content-Length: ${length}`)}A`);
    assert.equal(carried.body, 'A');
    const { headers } = carried.exchange.head;
    assert.deepEqual(headers.slice(headers.indexOf('content-length')), ['content-length', '1']);
  }
});

test('HP-005: a length of 2^63 is refused before anything of the body is read', async () => {
  const result = await harness.send(post('Content-Length: 9223372036854775808') + smuggled);
  assert.equal(result.responses[0]?.status, 413);
  assert.equal(result.responses.length, 1);
  assert.equal(result.closed, true);
  assert.ok(!harness.decided.includes('GET /smuggled'));
});

test('HP-008: framing fields written with an underscore are dropped and frame nothing', async () => {
  for (const line of ['Content_Length: 5', 'Transfer_Encoding: chunked']) {
    const carried = await carriedBy(post(line));
    assert.equal(carried.body, '');
    assert.ok(!carried.exchange.head.headers.join().includes('_'));
  }
});

test('HP-026: a chunk size with leading zeros is a chunk size', async () => {
  const carried = await carriedBy(`${chunkedHead}00000000000000000001\r\nA\r\n0\r\n\r\n`);
  assert.equal(carried.body, 'A');
});

test('HP-028: trailers never become header fields', async () => {
  const lines = ['X-User: admin', 'Authorization: Bearer x', 'Host: evil.test'];
  const carried = await carriedBy(`${chunkedHead}1\r\nA\r\n0\r\n${lines.join('\r\n')}\r\n\r\n`);
  assert.deepEqual(carried.exchange.head.headers, ['host', 'app.test', 'transfer-encoding', 'chunked']);
});

test('HP-030: pipelined requests are decided one by one and answered in order', async () => {
  const before = harness.decided.length;
  const result = await harness.send(`${get('/1') + post('Content-Length: 3')}abc${get('/2')}`, {
    responses: 3,
  });
  assert.deepEqual(
    result.responses.map((response) => response.body),
    ['GET /1 []', 'POST /upload [abc]', 'GET /2 []'],
  );
  assert.deepEqual(harness.decided.slice(before).sort(), ['GET /1', 'GET /2', 'POST /upload']);
});

test('HP-031: the unread body of a refused request is never parsed as the next request', async () => {
  await using strict = await startDoor({ decide: () => respond(401) });
  const whole = await strict.send(post(`Content-Length: ${smuggled.length}`) + smuggled + get('/after'), {
    responses: 2,
  });
  assert.deepEqual(strict.decided.sort(), ['GET /after', 'POST /upload']);
  assert.deepEqual(
    whole.responses.map((response) => response.status),
    [401, 401],
  );

  strict.decided.length = 0;
  const peer = await rawConnect(strict.port);
  peer.write(post(`Content-Length: ${smuggled.length * 2}`) + smuggled);
  const [early] = await peer.waitResponses(1);
  assert.equal(early?.status, 401);
  assert.equal(early?.header('connection'), 'close');
  peer.write(smuggled + get('/after'));
  await peer.waitClosed();
  assert.deepEqual(strict.decided, ['POST /upload']);
  peer.destroy();
});

test('HP-031: a client that keeps sending a body nobody wants is cut off', async () => {
  await using strict = await startDoor({ decide: () => respond(413) });
  const peer = await rawConnect(strict.port);
  peer.write(post('Content-Length: 1000000000'));
  await peer.waitResponses(1);
  const pump = setInterval(() => peer.write(Buffer.alloc(262_144)), 5);
  await peer.waitClosed();
  clearInterval(pump);
  assert.ok(peer.socket.bytesWritten < 20_000_000);
  peer.destroy();
});

test('HP-032: data after a request that closes its connection changes nothing about its answer', async () => {
  const before = harness.decided.length;
  const result = await harness.send(get('/last', 'Connection: close') + smuggled);
  assert.equal(result.responses.length, 1);
  assert.equal(result.responses[0]?.body, 'GET /last []');
  assert.equal(result.closed, true);
  assert.deepEqual(harness.decided.slice(before), ['GET /last']);
});

test('HP-032: garbage behind a good request is answered after it', async () => {
  const before = harness.decided.length;
  const result = await harness.send(`${get('/good')}nonsense\r\n\r\n${smuggled}`);
  assert.deepEqual(
    result.responses.map((response) => response.status),
    [200, 400],
  );
  assert.equal(result.closed, true);
  assert.deepEqual(harness.decided.slice(before), ['GET /good']);
});

test('HP-032: a refused message behind a good request is answered after it', async () => {
  const before = harness.decided.length;
  const result = await harness.send(get('/good') + message('GET /b HTTP/1.1', 'Host: evil.test') + smuggled);
  assert.deepEqual(
    result.responses.map((response) => response.status),
    [200, 421],
  );
  assert.equal(result.closed, true);
  assert.deepEqual(harness.decided.slice(before), ['GET /good']);
});

test('HP-033: a GET with a body is carried with it, and the next request begins behind it', async () => {
  const before = harness.carried.length;
  const result = await harness.send(
    `${get('/a', 'Content-Length: 3')}abc${get('/b', 'Transfer-Encoding: chunked')}1\r\nx\r\n0\r\n\r\n${get('/c')}`,
    { responses: 3 },
  );
  assert.deepEqual(
    result.responses.map((response) => response.body),
    ['GET /a [abc]', 'GET /b [x]', 'GET /c []'],
  );
  assert.equal(harness.carried.length, before + 3);
});

test('HP-034: empty lines before a request and two spaces in its first line are read past', async () => {
  for (const bytes of [`\r\n\r\n${get('/a')}`, message('GET  /a HTTP/1.1', 'Host: app.test')]) {
    const carried = await carriedBy(bytes);
    assert.equal(carried.target, '/a');
  }
});

test('HP-039: other methods are decided like any', async () => {
  for (const method of ['QUERY', 'PROPFIND', 'PURGE']) {
    const carried = await carriedBy(message(`${method} /a HTTP/1.1`, 'Host: app.test'));
    assert.equal(carried.method, method);
  }
});

test('HP-024: a body that turns malformed later breaks the request off and closes the connection', async () => {
  const before = harness.carried.length;
  const peer = await rawConnect(harness.port);
  peer.write(`${chunkedHead}1\r\nA\r\n`);
  await peer.waitFor(() => harness.carried.length > before);
  peer.write(`nonsense\r\n${smuggled}`);
  await peer.waitClosed();
  assert.equal(peer.responses()[0]?.status, 400);
  assert.ok(!harness.decided.includes('GET /smuggled'));
  const { exchange } = harness.carried[before] as Carried;
  assert.equal(exchange.request.complete, false);
  await peer.waitFor(() => exchange.request.destroyed);
  peer.destroy();
});
