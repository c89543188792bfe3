/**
 * Catalogue 5A to 5C through the whole gate with the raw bytes of an application behind it: whatever is hidden in a
 * message, the application never sees a request that was not decided on, nor a header that the client made up.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { answerWithHead, createEcho, type Echo } from '../support/echo.ts';
import { cookieOf, type RunningGate, startGate } from '../support/gate.ts';
import { rawConnect, rawSend } from '../support/raw.ts';

let echo: Echo;
let gate: RunningGate;
let host: string;
let cookie: string;
before(async () => {
  echo = await createEcho();
  gate = await startGate({
    appUrl: echo.url,
    config: {
      listen: { limits: { body: '1MiB' } },
      routes: [
        { path: '/public/**', cluster: 'app', access: 'public' },
        {
          path: '/api/**',
          cluster: 'app',
          access: 'signed-in',
          onAnonymous: 'unauthorized',
          upstreamToken: 'access',
        },
        {
          path: '/app/**',
          cluster: 'app',
          access: 'signed-in',
          requestHeaders: { 'X-User': '{claims.sub}', 'X-Phone': '{claims.phone_number}' },
        },
      ],
    },
  });
  host = new URL(gate.url).host;
  const agent = await gate.signIn('/app/');
  cookie = cookieOf(agent, gate.url);
});
after(async () => {
  await gate.close();
  await echo.close();
});

const message = (...lines: readonly string[]) => `${lines.join('\r\n')}\r\n\r\n`;
const get = (path: string, ...lines: readonly string[]) =>
  message(`GET ${path} HTTP/1.1`, `Host: ${host}`, ...lines);
const post = (...lines: readonly string[]) =>
  message('POST /public/upload HTTP/1.1', `Host: ${host}`, ...lines);
const smuggled = () => get('/public/smuggled');

type Stimulus = readonly [id: string, what: string, bytes: () => string];

const lengths = [
  '+1',
  '-1',
  '0x1',
  '1_0',
  '1 2',
  '',
  '1;',
  '1e1',
  '\u00d9\u00a1',
  '1, 1',
  '18446744073709551617',
];
const codings = [
  ...[
    'chunked, chunked',
    'chunked, identity',
    'gzip, chunked',
    ', chunked',
    'xchunked',
    'chunkedx',
    '"chunked"',
  ],
  ...["'chunked'", 'chunked;x=y', 'chunked,', 'identity', ''],
];
const chunked = 'Transfer-Encoding: chunked';

const refused: readonly Stimulus[] = [
  ...[
    ['5', '5'],
    ['5', '0'],
  ].map(
    ([a, b]): Stimulus => [
      'HP-002',
      `the lengths ${a} and ${b}`,
      () => `${post(`Content-Length: ${a}`, `Content-Length: ${b}`)}AAAAA`,
    ],
  ),
  ...lengths.map(
    (length): Stimulus => [
      'HP-003',
      `the length ${JSON.stringify(length)}`,
      () => `${post(`Content-Length: ${length}`)}A`,
    ],
  ),
  ['HP-005', 'a length of 2^63', () => post('Content-Length: 9223372036854775808')],
  ...['Content-Length : 1', 'Content-Length\t: 1', 'Transfer-Encoding : chunked'].map(
    (line): Stimulus => ['HP-007', JSON.stringify(line), () => `${post(line)}0\r\n\r\n`],
  ),
  [
    'HP-007',
    'a first header that begins with a space',
    () => message('POST /public/upload HTTP/1.1', ' Content-Length: 40', `Host: ${host}`),
  ],
  ['HP-010', 'chunked twice', () => `${post(chunked, chunked)}0\r\n\r\n`],
  ['HP-011', 'identity and chunked', () => `${post('Transfer-Encoding: identity', chunked)}0\r\n\r\n`],
  ...codings.map(
    (coding): Stimulus => [
      'HP-012, HP-013, HP-016',
      `the coding ${JSON.stringify(coding)}`,
      () => `${post(`Transfer-Encoding: ${coding}`)}0\r\n\r\n`,
    ],
  ),
  ['HP-014', 'a length and chunked', () => `${post('Content-Length: 4', chunked)}0\r\n\r\n`],
  [
    'HP-017',
    'chunked on HTTP/1.0',
    () => `${message('POST /public/upload HTTP/1.0', `Host: ${host}`, chunked)}0\r\n\r\n`,
  ],
  ['HP-019', 'bare LF line ends', () => `POST /public/upload HTTP/1.1\nHost: ${host}\nContent-Length: 0\n\n`],
  [
    'HP-019',
    'one bare LF',
    () => `POST /public/upload HTTP/1.1\r\nX: a\nContent-Length: 40\r\nHost: ${host}\r\n\r\n`,
  ],
  ['HP-020', 'a bare CR that hides a coding', () => `${post('X: a\rTransfer-Encoding: chunked')}0\r\n\r\n`],
  ...['a\x00b', 'a\x01b', 'a\x7fb'].map(
    (value): Stimulus => [
      'HP-020',
      `the value ${JSON.stringify(value)}`,
      () => get('/public/a', `X: ${value}`),
    ],
  ),
  ...['X(', 'X Y', '', 'X\u00c3\u00a4'].map(
    (name): Stimulus => ['HP-022', `the name ${JSON.stringify(name)}`, () => get('/public/a', `${name}: 1`)],
  ),
  ['HP-024', 'a chunk extension with a bare LF', () => `${post(chunked)}1;a\nb\r\nA\r\n0\r\n\r\n`],
  [
    'HP-024',
    'a chunk extension of 20 KiB',
    () => `${post(chunked)}1;${'a'.repeat(20_480)}\r\nA\r\n0\r\n\r\n`,
  ],
  ['HP-026', 'a chunk size that is none', () => `${post(chunked)}0x1\r\nA\r\n0\r\n\r\n`],
  ['HP-036', 'HTTP/2.0 on this connection', () => message('GET /public/a HTTP/2.0', `Host: ${host}`)],
  ['HP-037', 'HTTP/1.2', () => message('GET /public/a HTTP/1.2', `Host: ${host}`)],
  ...['TRACE', 'TRACK', 'CONNECT'].map(
    (method): Stimulus => [
      'HP-039',
      method,
      () =>
        message(
          `${method} ${method === 'CONNECT' ? 'evil.test:443' : '/public/a'} HTTP/1.1`,
          `Host: ${host}`,
        ),
    ],
  ),
  ['HP-041', 'two hosts', () => get('/public/a', `Host: ${host}`)],
  ['HP-041', 'two different hosts', () => get('/public/a', 'Host: evil.test')],
  ...['', 'a@b', 'a/b', 'a, b', 'a:99999999', 'a b', '[::1', 'a#b', 'h'.repeat(300)].map(
    (name): Stimulus => [
      'HP-042',
      `the host ${JSON.stringify(name.slice(0, 20))}`,
      () => message('GET /public/a HTTP/1.1', `Host: ${name}`),
    ],
  ),
  ['HP-043', 'a host that is not served', () => message('GET /public/a HTTP/1.1', 'Host: evil.test')],
  ['HP-044', 'an absolute target', () => message('GET http://evil.test/public/a HTTP/1.1', `Host: ${host}`)],
  ['HP-047', 'no host on HTTP/1.0', () => message('GET /public/a HTTP/1.0')],
  [
    'HP-050',
    'a length behind 1,100 fillers',
    () => `${post(...Array.from({ length: 1100 }, (_, index) => `F${index}: x`), 'Content-Length: 35')}`,
  ],
  ...['Authorization: a', 'Content-Type: a', 'Origin: http://a.test'].map(
    (line): Stimulus => ['HP-052', `${line.split(':')[0]} twice`, () => get('/public/a', line, line)],
  ),
  [
    'HP-055',
    'an expectation that nobody knows',
    () => `${post('Expect: y 100-continue', 'Content-Length: 1')}A`,
  ],
  [
    'HP-103',
    'an upgrade with a body',
    () => `${post('Upgrade: websocket', 'Connection: Upgrade', 'Content-Length: 3')}abc`,
  ],
];

describe('messages that two readers could end at different bytes', () => {
  for (const [id, what, bytes] of refused) {
    test(`${id}: ${what} is refused, and nothing of it or behind it reaches the application`, async () => {
      echo.reset();
      const result = await rawSend(gate.port, bytes() + smuggled());
      assert.equal(result.closed, true, `the connection stays open: ${result.text.slice(0, 300)}`);
      assert.equal(result.responses.length, 1, result.text);
      const status = result.responses[0]?.status ?? 0;
      assert.ok((status >= 400 && status < 500) || status === 501 || status === 505, `${status}`);
      assert.equal(result.responses[0]?.header('connection'), 'close');
      const next = await rawSend(gate.port, get('/public/next'), { responses: 1 });
      assert.equal(next.responses[0]?.status, 200, 'the next connection works');
      assert.deepEqual(
        echo.requests.map(({ target }) => target),
        ['/public/next'],
      );
      assert.ok(!echo.sees('/smuggled'));
    });
  }

  test('HP-030, HP-004, HP-026, HP-034: what is unambiguous is served in order, and arrives in one spelling', async () => {
    echo.reset();
    const bytes =
      `\r\n${get('/public/1')}` +
      `${post('Content-Length: 00003')}abc` +
      `${post(chunked)}0000000000000003\r\nabc\r\n0\r\n\r\n` +
      get('/api/x') +
      get('/public/2', 'Content_Length: 5', 'Transfer_Encoding: chunked');
    const { responses } = await rawSend(gate.port, bytes, { responses: 5 });
    assert.deepEqual(
      responses.map(({ status }) => status),
      [200, 200, 200, 401, 200],
    );
    assert.deepEqual(echo.requests.map(({ target }) => target).sort(), [
      '/public/1',
      '/public/2',
      '/public/upload',
      '/public/upload',
    ]);
    const uploads = echo.requests.filter(({ method }) => method === 'POST');
    for (const upload of uploads) assert.equal(upload.body.toString(), 'abc');
    assert.ok(uploads.some((upload) => upload.all('content-length')[0] === '3'));
    assert.ok(!echo.sees('_'));
  });

  test('HP-031: behind an early answer the body is never taken for a request', async () => {
    echo.reset();
    const body = `${smuggled()}${'x'.repeat(5000)}`;
    const head = message('POST /api/x HTTP/1.1', `Host: ${host}`, `Content-Length: ${body.length}`);
    const result = await rawSend(gate.port, head + body + get('/public/after'), {
      responses: 2,
      timeoutMs: 1500,
    });
    assert.equal(result.responses[0]?.status, 401);
    assert.ok(!echo.sees('/smuggled'));
    assert.ok(echo.requests.every(({ target }) => target === '/public/after'));
  });

  test('HP-033: a GET with a body arrives with that body and nothing else', async () => {
    echo.reset();
    const hidden = smuggled();
    const bytes = `${get('/public/a', `Content-Length: ${hidden.length}`)}${hidden}${get('/public/b')}`;
    await rawSend(gate.port, bytes, { responses: 2, timeoutMs: 1500 });
    assert.ok(echo.requests.every(({ target }) => target !== '/public/smuggled'));
    const carried = echo.requests.find(({ target }) => target === '/public/a');
    if (carried !== undefined) assert.equal(carried.body.toString(), hidden);
  });

  test('HP-032: nothing behind a request that closes the connection is served', async () => {
    echo.reset();
    const result = await rawSend(gate.port, get('/public/a', 'Connection: close') + smuggled());
    assert.equal(result.closed, true);
    assert.ok(!echo.sees('/smuggled'));
    assert.equal(echo.requests.length, 1);
  });

  test('HP-028: trailers never become headers', async () => {
    echo.reset();
    const trailers = 'X-User: admin\r\nAuthorization: Bearer x\r\nHost: evil.test\r\n';
    await rawSend(gate.port, `${post(chunked, 'Trailer: X-User')}3\r\nabc\r\n0\r\n${trailers}\r\n`, {
      responses: 1,
    });
    assert.ok(!echo.sees('admin') && !echo.sees('evil.test'));
  });

  test('HP-046: OPTIONS * is answered here', async () => {
    echo.reset();
    const bytes = message('OPTIONS * HTTP/1.1', `Host: ${host}`);
    const { responses } = await rawSend(gate.port, bytes, { responses: 1 });
    assert.ok((responses[0]?.status ?? 500) < 300);
    assert.equal(echo.requests.length, 0);
  });

  test('HP-054: 100 Continue comes after the decision, and Expect goes no further', async () => {
    echo.reset();
    const expect = ['Expect: 100-continue', 'Content-Length: 3'];
    const refusal = await rawSend(gate.port, message('POST /api/x HTTP/1.1', `Host: ${host}`, ...expect));
    assert.deepEqual(
      refusal.responses.map(({ status }) => status),
      [401],
    );
    const peer = await rawConnect(gate.port);
    peer.write(post(...expect));
    await peer.waitFor((it) => it.text().startsWith('HTTP/1.1 100'));
    peer.write('abc');
    await peer.waitResponses(1);
    peer.destroy();
    assert.deepEqual(echo.requests[0]?.all('expect'), []);
    assert.equal(echo.requests.length, 1);
  });

  test('HP-062: a Connection that is malformed or repeated makes no 500', async () => {
    for (const lines of [
      ['Connection: ,,, x y'],
      ['Connection: a', 'Connection: b'],
      ['Connection: Host, Content-Length'],
    ]) {
      const { responses } = await rawSend(gate.port, get('/public/a', ...lines), { responses: 1 });
      assert.ok([200, 400].includes(responses[0]?.status ?? 0), lines.join());
    }
  });
});

const identity = ['X-User', 'x-user', 'X-Phone', 'X_User', 'x.user', 'X_Phone', 'X-uSER'];
const forged = [
  ...identity.map((name) => `${name}: forged`),
  'X-User:    forged   ',
  'X-Forwarded-For: 6.6.6.6',
  'X-Forwarded-Host: forged.test',
  'X-Forwarded-Proto: forged',
  'X-Real-IP: 6.6.6.6',
  'Forwarded: for=6.6.6.6;host=forged.test',
  'X-Original-URL: /forged',
];
const websocket = [
  ...['Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='],
  'Sec-WebSocket-Version: 13',
];

describe('headers that speak for somebody', () => {
  const last = () => echo.requests.at(-1) as Echo['requests'][number];

  for (const [what, path, lines, user] of [
    ['on a public route', '/public/x', [], []],
    ['on a protected route', '/app/x', ['session'], ['alice']],
    ['on a route that sends a token', '/api/x', ['session'], []],
    ['with a WebSocket', '/app/ws', ['session', ...websocket], ['alice']],
    ['with a public WebSocket', '/public/ws', websocket, []],
  ] as const) {
    test(`HP-070, HP-071, HP-072, HP-073, HP-074, HP-079: what the client made up does not arrive ${what}`, async () => {
      echo.reset();
      echo.answerWith(answerWithHead);
      const own = lines.map((line) => (line === 'session' ? `Cookie: ${cookie}` : line));
      const authorization = path.startsWith('/api') ? [] : ['Authorization: Bearer forged'];
      const origin = own.includes('Upgrade: websocket') ? [`Origin: ${gate.url}`] : [];
      const peer = await rawConnect(gate.port);
      peer.write(get(path, ...own, ...forged, ...authorization, ...origin));
      await echo.waitRequests(1);
      peer.destroy();
      assert.doesNotMatch(last().head, /forged|6\.6\.6\.6/);
      assert.deepEqual(last().all('x-user'), user);
      assert.deepEqual(last().all('x-phone'), [], 'a claim that is not there gives no header');
      assert.deepEqual(last().all('x-forwarded-for'), ['127.0.0.1']);
      assert.deepEqual(last().all('x-forwarded-host'), [host]);
    });
  }

  test('HP-075: a preflight is stripped like any request', async () => {
    echo.reset();
    const bytes = message(
      'OPTIONS /public/x HTTP/1.1',
      `Host: ${host}`,
      'Origin: https://evil.test',
      ...forged,
    );
    await rawSend(gate.port, bytes, { responses: 1 });
    assert.doesNotMatch(last().head, /forged|6\.6\.6\.6/);
  });

  test('HP-060: naming our headers in Connection takes nothing of ours away', async () => {
    echo.reset();
    const named = 'Connection: close, X-User, Authorization, Cookie, X-Forwarded-For, Host, Via';
    await rawSend(gate.port, get('/app/x', named, `Cookie: ${cookie}; theme=dark`), { responses: 1 });
    assert.deepEqual(last().all('x-user'), ['alice']);
    assert.deepEqual(last().all('x-forwarded-for'), ['127.0.0.1']);
    assert.equal(last().all('host').length, 1);
    assert.equal(last().all('via').length, 1);
  });

  test('HP-077: the Authorization of the client is replaced by the token of the session, or removed', async () => {
    echo.reset();
    const lines = [`Cookie: ${cookie}`, 'Authorization: Bearer forged'];
    await rawSend(gate.port, get('/api/x', ...lines), { responses: 1 });
    assert.equal(last().all('authorization').length, 1);
    assert.doesNotMatch(last().head, /forged/);
    await rawSend(gate.port, get('/app/x', ...lines), { responses: 1 });
    assert.deepEqual(last().all('authorization'), []);
  });

  test('SC-037: our cookies stay here, those of the application arrive as they were', async () => {
    echo.reset();
    const jar = `a=1; ${cookie}; b="2 3"; sallyport-login-x=y; sallyport=again; c==4`;
    await rawSend(gate.port, get('/public/x', `Cookie: ${jar}`), { responses: 1 });
    assert.deepEqual(last().all('cookie'), ['a=1; b="2 3"; c==4']);
    await rawSend(gate.port, get('/app/x', `Cookie: ${cookie}`), { responses: 1 });
    assert.deepEqual(last().all('cookie'), []);
  });

  test('SC-038: the application sets its cookies and none of ours', async () => {
    const cookies = [
      'sallyport=evil',
      'SALLYPORT=evil; Path=/',
      'sallyport-login-x=; Max-Age=0',
      '=sallyport=evil',
    ];
    const lines = [...cookies, 'theme=dark', 'lang=de; Path=/']
      .map((line) => `Set-Cookie: ${line}\r\n`)
      .join('');
    echo.answerWith(() => `HTTP/1.1 200 OK\r\nContent-Length: 2\r\n${lines}\r\nok`);
    const { responses } = await rawSend(gate.port, get('/public/x'), { responses: 1 });
    assert.deepEqual(responses[0]?.all('set-cookie'), ['theme=dark', 'lang=de; Path=/']);
    echo.answerWith(answerWithHead);
  });

  test('HP-082: the callback and its query reach neither the application nor the log', async () => {
    echo.reset();
    const secret = 'code-that-nobody-may-see';
    await rawSend(gate.port, get(`/.auth/callback?code=${secret}&state=x`), { responses: 1 });
    await rawSend(gate.port, get(`/.auth/callback/..%2f?code=${secret}`), { responses: 1 });
    assert.equal(echo.requests.length, 0);
    assert.ok(!gate.logged().includes(secret));
  });

  test('HP-087: what an application sends behind its answer is no answer to anybody', async () => {
    const poison = 'HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\npoisoned';
    echo.answerWith(() => `HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok${poison}`);
    const answers = await Promise.all(
      Array.from({ length: 40 }, () =>
        rawSend(gate.port, get('/public/x') + get('/public/y'), { responses: 2 }),
      ),
    );
    for (const { text } of answers) assert.ok(!text.includes('poisoned'));
    echo.answerWith(answerWithHead);
    const after = await rawSend(gate.port, get('/public/z'), { responses: 1 });
    assert.match(after.text, /\/public\/z/);
    assert.deepEqual(gate.events('request.crashed'), []);
  });
});
