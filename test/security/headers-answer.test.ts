/** The response head that a client receives: nothing of the connection behind the gate, no cookie of ours, no sharing. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import type { Forward } from '../../src/core/decision.ts';
import { createCaller } from '../support/caller.ts';
import { type CarrierDoor, createCarrierDoor, createSession } from '../support/carrier-door.ts';
import { createEcho, type Echo } from '../support/echo.ts';
import { createRoute } from '../support/heads.ts';
import { type RawResponse, rawSend } from '../support/raw.ts';

let echo: Echo;
let door: CarrierDoor;
let forward: Partial<Forward> = {};

const signedIn: Partial<Forward> = { route: createRoute({ path: '/**' }), session: createSession() };

const page = 'https://page.test';
const byCaller: Partial<Forward> = {
  route: createRoute({ path: '/**', authenticate: ['session', 'bearer'], api: 'main', corsOrigins: [page] }),
  caller: createCaller(),
};

before(async () => {
  echo = await createEcho();
  door = await createCarrierDoor({ targets: [echo.url], forward: () => forward });
});
after(async () => {
  await door.close();
  await echo.close();
});
beforeEach(() => {
  forward = {};
});

async function answered(
  lines: readonly string[],
  statusLine = 'HTTP/1.1 200 OK',
  sent: readonly string[] = [],
): Promise<RawResponse> {
  echo.answerWith(() => [statusLine, ...lines, 'Content-Length: 0', '', ''].join('\r\n'));
  const head = ['GET / HTTP/1.1', 'Host: a', ...sent, '', ''].join('\r\n');
  const { responses } = await rawSend(door.port, head, { responses: 1 });
  assert.equal(responses.length, 1);
  return responses[0] as RawResponse;
}

test('HP-063: hop-by-hop fields of the application and those that it names do not arrive', async () => {
  const response = await answered([
    'Connection: keep-alive, X-Secret',
    'X-Secret: 1',
    'Keep-Alive: timeout=77',
    'Upgrade: h2c',
    'Proxy-Authenticate: Basic',
    'Proxy-Connection: x',
    'TE: x',
    'X-Kept: 1',
  ]);
  for (const name of ['x-secret', 'upgrade', 'proxy-authenticate', 'proxy-connection', 'te']) {
    assert.equal(response.header(name), null, name);
  }
  assert.equal(response.all('keep-alive').includes('timeout=77'), false);
  assert.equal(response.header('x-kept'), '1');
});

const own = [
  '__Host-sallyport=evil; Path=/; Secure',
  'sallyport=; Max-Age=0',
  'sallyport.1=x',
  'SALLYPORT=x',
  '__HOST-Sallyport=x',
  'sallyport-login=x',
  ' sallyport =x',
  'sallyport',
  '=sallyport=evil',
  '= __Host-sallyport=evil',
];
for (const value of own) {
  test(`SC-038: an application cannot set ${JSON.stringify(value)}`, async () => {
    for (const others of [[], ['a=1; Path=/', 'b=2; Domain=app.test']]) {
      const response = await answered([`Set-Cookie: ${value}`, ...others.map((one) => `Set-Cookie: ${one}`)]);
      assert.deepEqual(response.all('set-cookie'), others);
    }
  });
}

test('SC-039: several cookies of the application stay separate and as they are', async () => {
  const cookies = ['a=1; Expires=Wed, 21 Oct 2037 07:28:00 GMT', 'b=2; Domain=.app.test', 'xsallyport=3'];
  const response = await answered(cookies.map((one) => `Set-Cookie: ${one}`));
  assert.deepEqual(response.all('set-cookie'), cookies);
});

test('SC-040: an answer that carries our cookie is stored by nobody', async () => {
  forward = { ...signedIn, setCookies: ['__Host-sallyport=new; Path=/', 'other=gone; Max-Age=0'] };
  const response = await answered([
    'Cache-Control: public, max-age=3600',
    'Expires: Wed, 21 Oct 2037 07:28:00 GMT',
    'CDN-Cache-Control: max-age=60',
    'Surrogate-Control: max-age=60',
    'Vary: Accept',
    'Set-Cookie: a=1',
  ]);
  assert.deepEqual(response.all('cache-control'), ['private, no-store']);
  assert.deepEqual(response.all('vary'), ['Accept', 'Cookie']);
  assert.equal(response.header('expires'), null);
  assert.equal(response.header('cdn-cache-control'), null);
  assert.equal(response.header('surrogate-control'), null);
  assert.deepEqual(response.all('set-cookie'), ['a=1', ...(forward.setCookies ?? [])]);
});

const caching: readonly [string | null, string][] = [
  ['public, max-age=3600', 'private, max-age=3600'],
  ['max-age=60, s-maxage=600', 'private, max-age=60'],
  ['PUBLIC', 'private'],
  ['no-store', 'private, no-store'],
  ['private="set-cookie", max-age=5', 'private, max-age=5'],
  [null, 'private'],
];
for (const [sent, expected] of caching) {
  test(`SC-041, SC-042: on a session route Cache-Control ${sent} becomes ${expected}`, async () => {
    forward = signedIn;
    const response = await answered(sent === null ? [] : [`Cache-Control: ${sent}`, 'X-Accel-Expires: 9']);
    assert.deepEqual(response.all('cache-control'), [expected]);
    assert.equal(response.header('x-accel-expires'), null);
  });
}

test('SC-041: a public route is as cacheable as the application says, unless it learns who asks', async () => {
  assert.deepEqual((await answered(['Cache-Control: public'])).all('cache-control'), ['public']);
  forward = {
    route: createRoute({ path: '/**', access: 'public', upstreamToken: 'access' }),
    session: createSession(),
  };
  assert.deepEqual((await answered(['Cache-Control: public'])).all('cache-control'), ['private']);
});

for (const origin of ['*', 'https://evil.test', 'null', 'https://app.test.evil.test', 'http://app.test']) {
  test(`RD-062: on a session route the answer is not shared with ${origin}`, async () => {
    const lines = [
      `Access-Control-Allow-Origin: ${origin}`,
      'Access-Control-Allow-Credentials: true',
      'Access-Control-Expose-Headers: *',
    ];
    forward = signedIn;
    const response = await answered(lines);
    assert.equal(response.headers.filter((pair) => pair[0].startsWith('access-control-')).length, 0);
    forward = {};
    assert.equal((await answered(lines)).header('access-control-allow-origin'), origin);
  });
}

test('RD-062: our own origin may be named', async () => {
  forward = signedIn;
  const response = await answered(['Access-Control-Allow-Origin: https://app.test']);
  assert.equal(response.header('access-control-allow-origin'), 'https://app.test');
});

test('a challenge that the client could not answer is not shown', async () => {
  const lines = ['WWW-Authenticate: Basic realm="x"'];
  forward = signedIn;
  const response = await answered(lines, 'HTTP/1.1 401 Unauthorized');
  assert.equal(response.status, 401);
  assert.equal(response.header('www-authenticate'), null);
  forward = { ...signedIn, route: createRoute({ path: '/**', passAuthorization: true }) };
  assert.equal(
    (await answered(lines, 'HTTP/1.1 401 Unauthorized')).header('www-authenticate'),
    'Basic realm="x"',
  );
});

test('RS-082: a challenge is for a caller with a token, and not for a browser with a cookie', async () => {
  const lines = ['WWW-Authenticate: Bearer error="insufficient_scope"', 'WWW-Authenticate: DPoP'];
  forward = { ...byCaller, caller: null, session: createSession() };
  const browser = await answered(lines, 'HTTP/1.1 401 Unauthorized');
  assert.equal(browser.status, 401);
  assert.deepEqual(browser.all('www-authenticate'), []);
  forward = byCaller;
  const caller = await answered(lines, 'HTTP/1.1 401 Unauthorized');
  assert.deepEqual(caller.all('www-authenticate'), ['Bearer error="insufficient_scope"', 'DPoP']);
});

test("a caller gets the application's own CORS fields as they are", async () => {
  const lines = [
    'Access-Control-Allow-Origin: *',
    'Access-Control-Expose-Headers: X-A',
    'Cache-Control: public',
  ];
  for (const route of [byCaller.route, createRoute({ path: '/**', authenticate: ['bearer'], api: 'main' })]) {
    forward = { ...byCaller, ...(route === undefined ? {} : { route }) };
    const response = await answered(lines, undefined, [`Origin: ${page}`]);
    assert.deepEqual(response.all('access-control-allow-origin'), ['*']);
    assert.deepEqual(response.all('access-control-expose-headers'), ['X-A']);
    assert.deepEqual(response.all('vary'), []);
    assert.deepEqual(response.all('cache-control'), ['private']);
  }
});

test('an application that says nothing about CORS is spoken for, to the origins of the api alone', async () => {
  forward = byCaller;
  for (const status of ['200 OK', '401 Unauthorized', '500 Internal Server Error']) {
    const response = await answered(['Vary: Accept'], `HTTP/1.1 ${status}`, [`Origin: ${page}`]);
    assert.deepEqual(response.all('access-control-allow-origin'), [page]);
    assert.ok(response.header('access-control-expose-headers')?.includes('WWW-Authenticate'));
    assert.deepEqual(response.all('access-control-allow-credentials'), []);
    assert.deepEqual(response.all('vary'), ['Accept', 'Origin']);
    assert.deepEqual(response.all('cache-control'), ['private']);
  }
  for (const sent of [
    [],
    ['Origin: https://evil.test'],
    ['Origin: null'],
    ['Origin: https://page.test.evil.test'],
  ]) {
    const response = await answered([], undefined, sent);
    assert.deepEqual(response.all('access-control-allow-origin'), []);
    assert.deepEqual(response.all('vary'), ['Origin']);
  }
});

test('RD-062: on a route for sessions and tokens, an answer to a cookie is shared with nobody', async () => {
  forward = { ...byCaller, caller: null, session: createSession() };
  for (const lines of [[], [`Access-Control-Allow-Origin: ${page}`]]) {
    const response = await answered(lines, undefined, [`Origin: ${page}`]);
    assert.deepEqual(response.all('access-control-allow-origin'), []);
  }
});

test('HP-092: a reason phrase is not passed on', async () => {
  const response = await answered([], 'HTTP/1.1 200 \xe9t\xe9');
  assert.equal(response.status, 200);
  assert.equal(response.reason, 'OK');
});

test('RT-074: a redirect is passed on and never followed', async () => {
  const count = echo.requests.length;
  forward = signedIn;
  const response = await answered([`Location: ${echo.url}/elsewhere`], 'HTTP/1.1 302 Found');
  assert.equal(response.status, 302);
  assert.equal(response.header('location'), `${echo.url}/elsewhere`);
  assert.equal(echo.requests.length, count + 1);
});

test('DL-038: an answer is not compressed on the way', async () => {
  echo.answerWith(() => 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello');
  const { responses } = await rawSend(
    door.port,
    'GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip, br\r\n\r\n',
    { responses: 1 },
  );
  assert.equal(responses[0]?.header('content-encoding'), null);
  assert.equal(responses[0]?.body, 'hello');
});

test('every answer carries our request id, and only ours', async () => {
  assert.deepEqual((await answered(['X-Request-Id: theirs'])).all('x-request-id'), ['request-id-1']);
});

test('fields called like members of objects are fields', async () => {
  const response = await answered([
    '__proto__: 1',
    'constructor: 2',
    'toString: 3',
    '123: 4',
    'X-Twice: a',
    'X-Twice: b',
  ]);
  assert.equal(response.header('__proto__'), '1');
  assert.equal(response.header('constructor'), '2');
  assert.equal(response.header('123'), '4');
  assert.deepEqual(response.all('x-twice'), ['a', 'b']);
});
