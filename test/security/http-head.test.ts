/** Catalogue 5B: the authority, repeated fields, limits and expectations of a request head. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { assertSafeProcess } from '../../src/doors/safe-process.ts';
import { rawConnect } from '../support/raw.ts';
import {
  assertRefused,
  type Carried,
  forward,
  get,
  message,
  type RefusedCase,
  respond,
  smuggled,
  startDoor,
} from '../unit/doors/door-harness.ts';

const harness = await startDoor({ listen: { hosts: ['Other.test:8443', '[::1]'] } });
after(() => harness[Symbol.asyncDispose]());

const withHost = (host: string) => message('GET /a HTTP/1.1', `Host: ${host}`);

const invalidHosts = [
  ...['', 'a@b', 'app.test@evil.test', 'a/b', 'a, b', 'app.test, evil.test', 'a:99999999', 'a:65536', 'a b'],
  ...[
    '[::1',
    '::1]',
    'a#b',
    'a?b',
    'a\\b',
    'app.test:',
    'app.test:80x',
    '-a',
    'a..b',
    '.a',
    `${'a'.repeat(300)}`,
  ],
  ...['a%00b', 'a_b', 'app.test:80:80', 'http://app.test', '\u00e4.test', 'a"b', "a'b"],
];
const unknownHosts = [
  'evil.test',
  'app.test.',
  'app.test:81',
  'xapp.test',
  'app.test.evil.test',
  '127.0.0.1',
  '[::2]',
];

const cases: readonly RefusedCase[] = [
  {
    id: 'HP-041',
    title: 'two Host lines',
    bytes: message('GET /a HTTP/1.1', 'Host: app.test', 'Host: evil.test'),
    status: 400,
  },
  {
    id: 'HP-041',
    title: 'the same Host twice',
    bytes: message('GET /a HTTP/1.1', 'Host: app.test', 'hOST: app.test'),
    status: 400,
  },
  ...invalidHosts.map(
    (host): RefusedCase => ({
      id: 'HP-042',
      title: `the Host ${JSON.stringify(host.slice(0, 40))}`,
      bytes: withHost(host),
      status: 400,
    }),
  ),
  ...unknownHosts.map(
    (host): RefusedCase => ({
      id: 'HP-043',
      title: `the unknown Host ${host}`,
      bytes: withHost(host),
      status: 421,
    }),
  ),
  ...[
    'http://evil.test/x',
    'http://app.test/x',
    'https://app.test/',
    'HTTP://h//admin',
    'http://public.example/admin',
  ].map(
    (target): RefusedCase => ({
      id: 'HP-044 RT-045',
      title: `the absolute target ${target}`,
      bytes: get(target),
      status: 400,
    }),
  ),
  { id: 'HP-046', title: 'GET and the target *', bytes: get('*'), status: 400 },
  { id: 'HP-047', title: 'HTTP/1.0 and no Host', bytes: message('GET /a HTTP/1.0'), status: 400 },
  { id: 'HP-047', title: 'HTTP/1.1 and no Host', bytes: message('GET /a HTTP/1.1'), status: 400 },
  {
    id: 'HP-050',
    title: '1100 fields before its length',
    bytes: `${message(
      'POST /a HTTP/1.1',
      'Host: app.test',
      ...Array.from({ length: 1100 }, (_, index) => `A${index}: `),
      `Content-Length: ${smuggled.length}`,
    )}${smuggled}`,
    status: 431,
  },
  ...['Authorization', 'Origin', 'Content-Type', 'Sec-Fetch-Site', 'Proxy-Authorization'].map(
    (name): RefusedCase => ({
      id: 'HP-052',
      title: `two ${name} lines`,
      bytes: get('/a', `${name}: a`, `${name.toLowerCase()}: b`),
      status: 400,
    }),
  ),
  ...['y 100-continue', '100-continue, x', 'x', '', '200-ok'].map(
    (value): RefusedCase => ({
      id: 'HP-055',
      title: `the expectation ${JSON.stringify(value)}`,
      bytes: `${message('POST /a HTTP/1.1', 'Host: app.test', `Expect: ${value}`, 'Content-Length: 1')}A`,
      status: 417,
    }),
  ),
  {
    id: 'DL-010',
    title: '101 fields',
    bytes: get('/a', ...Array.from({ length: 100 }, () => 'X-A: b')),
    status: 431,
  },
  { id: 'DL-011', title: 'a target over 8 KiB', bytes: get(`/${'a'.repeat(8192)}`), status: 414 },
];

for (const row of cases) {
  test(`${row.id}: a request with ${row.title} is refused and nothing behind it is read`, () =>
    assertRefused(harness, row));
}

const headOf = async (bytes: string) => {
  const before = harness.carried.length;
  const result = await harness.send(bytes, { responses: 1 });
  assert.equal(result.responses[0]?.status, 200, result.text);
  return (harness.carried[before] as Carried).exchange.head;
};

test('HP-043: a served host is known in any spelling', async () => {
  const spellings = {
    'APP.test': 'app.test',
    'app.test:80': 'app.test',
    'other.TEST:8443': 'other.test:8443',
    '[::1]': '[::1]',
  };
  for (const [spelling, host] of Object.entries(spellings)) {
    const head = await headOf(withHost(spelling));
    assert.equal(head.host, host);
    assert.deepEqual(head.headers, ['host', host]);
  }
});

test('HP-046: OPTIONS * is answered by the door itself', async () => {
  const before = harness.decided.length;
  const result = await harness.send(message('OPTIONS * HTTP/1.1', 'Host: app.test') + get('/next'), {
    responses: 2,
  });
  assert.equal(result.responses[0]?.status, 204);
  assert.match(result.responses[0]?.header('allow') ?? '', /OPTIONS/);
  assert.deepEqual(harness.decided.slice(before), ['GET /next']);
});

test('HP-052: other repeated fields are kept in order, from one source', async () => {
  const head = await headOf(get('/a', 'Cookie: a=1', 'Range: x', 'cookie: b=2', 'RANGE: y', 'Referer: r'));
  assert.deepEqual(head.headers, [
    ...['host', 'app.test', 'cookie', 'a=1', 'range', 'x', 'cookie', 'b=2', 'range', 'y', 'referer', 'r'],
  ]);
});

test('HP-072 HP-073: names that fold to another name are dropped', async () => {
  const names = [
    'X_Forwarded_User',
    'X-Forwarded_User',
    'X.Forwarded.User',
    'x~forwarded~user',
    'X!User',
    "X'User",
  ];
  const head = await headOf(get('/a', ...names.map((name) => `${name}: admin`), 'X-Ok: 1'));
  assert.deepEqual(head.headers, ['host', 'app.test', 'x-ok', '1']);
});

test('HP-052: a field called __proto__ is only a dropped field', async () => {
  const head = await headOf(get('/a', '__proto__: x', 'constructor: y', 'toString: z'));
  assert.deepEqual(head.headers, ['host', 'app.test', 'constructor', 'y', 'tostring', 'z']);
});

const expecting = message('POST /a HTTP/1.1', 'Host: app.test', 'Expect: 100-continue', 'Content-Length: 3');

test('HP-054: 100 Continue is sent after the decision, and the expectation goes no further', async () => {
  const before = harness.carried.length;
  const peer = await rawConnect(harness.port);
  peer.write(expecting);
  await peer.waitFor(() => peer.text().startsWith('HTTP/1.1 100'));
  peer.write('abc');
  const [answer] = await peer.waitResponses(1);
  assert.equal(answer?.body, 'POST /a [abc]');
  assert.ok(!(harness.carried[before] as Carried).exchange.head.headers.includes('expect'));
  peer.destroy();
});

test('HP-054: a refused request gets its status without 100 and the connection is closed', async () => {
  await using strict = await startDoor({ decide: () => Promise.resolve(respond(401)) });
  const result = await strict.send(expecting);
  assert.deepEqual(
    result.responses.map((response) => response.status),
    [401],
  );
  assert.equal(result.closed, true);
});

test('HP-054: a body over the limit is refused without 100', async () => {
  await using small = await startDoor({ listen: { limits: { body: '2B' } } });
  const result = await small.send(expecting);
  assert.deepEqual(
    result.responses.map((response) => response.status),
    [413],
  );
  assert.equal(result.closed, true);
  assert.equal(small.carried.length, 0);
});

test('HP-054: an endpoint that reads the body sends 100 when it reads', async () => {
  await using reading = await startDoor({
    decide: async (_head, readBody) => respond(200, { body: await readBody(100) }),
  });
  const peer = await rawConnect(reading.port);
  peer.write(expecting);
  await peer.waitFor(() => peer.text().startsWith('HTTP/1.1 100'));
  peer.write('abc');
  const [answer] = await peer.waitResponses(1);
  assert.equal(answer?.body, 'abc');
  peer.destroy();
});

test('HP-055: an expectation without a body is answered, and nothing behind it is read', async () => {
  const before = harness.decided.length;
  const result = await harness.send(get('/a', 'Expect: 100-continue') + smuggled);
  assert.deepEqual(
    result.responses.map((response) => response.body),
    ['GET /a []'],
  );
  assert.equal(result.closed, true);
  assert.deepEqual(harness.decided.slice(before), ['GET /a']);
});

test('SC-034: a head over 16 KiB gets a page that says what to do, and no header is read', async () => {
  const result = await harness.send(get('/a', `Cookie: a=${'x'.repeat(16_400)}`));
  assert.equal(result.responses[0]?.status, 431);
  assert.match(result.responses[0]?.body ?? '', /clear the cookies/);
  assert.equal(result.closed, true);
  const below = await harness.send(get('/a', `Cookie: a=${'x'.repeat(16_200)}`), { responses: 1 });
  assert.equal(below.responses[0]?.status, 200);
});

test('SC-035: a jar that another application has filled gets the same page, and sets and clears nothing', async () => {
  const bomb = Array.from({ length: 180 }, (_, index) => `bomb-${index}=${'x'.repeat(100)}`).join('; ');
  const result = await harness.send(get('/a', `Cookie: __Host-sallyport=id.secret; ${bomb}`));
  assert.equal(result.responses[0]?.status, 431);
  assert.match(result.responses[0]?.body ?? '', /clear the cookies/);
  assert.deepEqual(result.responses[0]?.all('set-cookie'), []);
  assert.deepEqual(result.responses[0]?.all('clear-site-data'), []);
});

test('a repeated cookie rotation reaches the browser with every answer, each on a line of its own', async () => {
  const setCookies = ['a=1; Path=/', 'b=2, c; Path=/'];
  await using failing = await startDoor({
    decide: () => ({ ...forward, setCookies, route: { ...forward.route, bodyLimit: 1 } }),
  });
  const result = await failing.send(
    `${message('POST /a HTTP/1.1', 'Host: app.test', 'Content-Length: 2')}ab`,
    {
      responses: 1,
    },
  );
  assert.equal(result.responses[0]?.status, 413);
  assert.deepEqual(result.responses[0]?.all('set-cookie'), setCookies);
});

const safe = { execArgv: [], env: {}, versions: { node: '26.10.0' } };

test('HP-040 HP-050 RP-154: the process is refused with an insecure parser, without certificates or unpatched', () => {
  assert.doesNotThrow(() => assertSafeProcess(process));
  assert.doesNotThrow(() => assertSafeProcess({ ...safe, env: { NODE_TLS_REJECT_UNAUTHORIZED: '1' } }));
  const refused = [
    [{ ...safe, execArgv: ['--insecure-http-parser'] }, /insecure-http-parser/],
    [{ ...safe, execArgv: ['--insecure_http_parser'] }, /insecure-http-parser/],
    [
      { ...safe, env: { NODE_OPTIONS: '--max-old-space-size=64 --insecure-http-parser' } },
      /insecure-http-parser/,
    ],
    [{ ...safe, env: { NODE_TLS_REJECT_UNAUTHORIZED: '0' } }, /NODE_TLS_REJECT_UNAUTHORIZED/],
    ...['18.20.0', '20.20.2', '22.20.9', '24.9.0', '25.1.0'].map(
      (node) => [{ ...safe, versions: { node } }, /known holes/] as const,
    ),
  ] as const;
  for (const [processLike, reason] of refused) assert.throws(() => assertSafeProcess(processLike), reason);
  for (const node of ['22.21.0', '24.10.0', '26.0.0']) {
    assert.doesNotThrow(() => assertSafeProcess({ ...safe, versions: { node } }));
  }
});
