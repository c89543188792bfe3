/** The head that an application receives: nothing of it but what may pass, and what the gate vouches for. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import type { Forward } from '../../src/core/decision.ts';
import type { UpstreamToken } from '../../src/core/upstream-token.ts';
import { parseHeaderTemplate } from '../../src/pipeline/header-template.ts';
import { createCaller } from '../support/caller.ts';
import { type CarrierDoor, createCarrierDoor, createSession } from '../support/carrier-door.ts';
import { createEcho, type Echo, type EchoRequest } from '../support/echo.ts';
import { createRoute } from '../support/heads.ts';
import { rawSend } from '../support/raw.ts';

let echo: Echo;
let door: CarrierDoor;
let forward: Partial<Forward> = {};

const template = (name: string, value: string) => {
  const result = parseHeaderTemplate(name, value);
  assert.ok(result.ok);
  return result.template;
};

const requestHeaders = [
  template('X-User', '{claims.sub}'),
  template('X-Email', '{claims.email}'),
  template('X-Groups', '{claims.groups}'),
];
const bearer = (token: string): UpstreamToken => ({
  header: 'authorization',
  value: `Bearer ${token}`,
  prove: null,
  renew: null,
});
const signedIn = (claims: Record<string, unknown> = {}): Partial<Forward> => ({
  route: createRoute({ path: '/**', requestHeaders, upstreamToken: 'access' }),
  session: createSession(claims),
  upstreamToken: bearer('access-token-of-alice'),
});
const byCaller = (claims: Record<string, unknown> = {}): Partial<Forward> => ({
  route: createRoute({ path: '/**', requestHeaders, authenticate: ['bearer'], api: 'main' }),
  caller: createCaller({ sub: 'machine', ...claims }),
});

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
  echo.reset();
});

/** Sends these header lines and returns what arrived. */
async function arrives(lines: readonly string[], start = 'GET /x HTTP/1.1'): Promise<EchoRequest> {
  const count = echo.requests.length;
  const head = [start, 'Host: app.test', ...lines, '', ''].join('\r\n');
  const { responses } = await rawSend(door.port, head, { responses: 1 });
  assert.equal(responses.find((one) => one.status >= 200)?.status, 200);
  assert.equal(echo.requests.length, count + 1);
  return echo.requests.at(-1) as EchoRequest;
}

test('HP-060: fields named in Connection are removed before ours are added', async () => {
  forward = signedIn({ email: 'a@app.test' });
  const request = await arrives([
    'Connection: close, X-User, X-Email, Authorization, Cookie, X-Forwarded-For, X-Request-Id, Host, Content-Length, X-Mine, Via',
    'X-Mine: 1',
    'Cookie: a=b',
  ]);
  assert.deepEqual(request.all('x-user'), ['alice']);
  assert.deepEqual(request.all('x-email'), ['a@app.test']);
  assert.deepEqual(request.all('authorization'), ['Bearer access-token-of-alice']);
  assert.deepEqual(request.all('x-forwarded-for'), ['192.0.2.7']);
  assert.deepEqual(request.all('x-request-id'), ['request-id-1']);
  assert.equal(request.all('via').length, 1);
  assert.equal(request.all('host').length, 1);
  assert.deepEqual(request.all('x-mine'), []);
  assert.deepEqual(request.all('cookie'), []);
});

test('HP-060: naming Content-Length in Connection does not change the framing', async () => {
  const request = await arrives(['Connection: Content-Length', 'Content-Length: 0'], 'POST /x HTTP/1.1');
  assert.deepEqual(request.all('content-length'), ['0']);
});

test('HP-062: a malformed or repeated Connection is tolerated', async () => {
  const request = await arrives(['Connection: ,,, x y', 'Connection: X-A', 'X-A: 1', 'X-B: 2']);
  assert.deepEqual(request.all('x-a'), []);
  assert.deepEqual(request.all('x-b'), ['2']);
  assert.deepEqual(request.all('connection'), ['keep-alive']);
});

test('hop-by-hop fields and expectations do not arrive', async () => {
  const request = await arrives([
    'TE: trailers',
    'Keep-Alive: timeout=5',
    'Proxy-Connection: keep-alive',
    'Proxy-Authorization: Basic eA==',
    'HTTP2-Settings: AAMAAABk',
    'Trailer: X-T',
  ]);
  for (const name of [
    'te',
    'keep-alive',
    'proxy-connection',
    'proxy-authorization',
    'http2-settings',
    'trailer',
  ]) {
    assert.deepEqual(request.all(name), [], name);
  }
});

test('HP-055: Expect is never forwarded', async () => {
  const request = await arrives(['Expect: 100-continue', 'Content-Length: 0'], 'POST /x HTTP/1.1');
  assert.deepEqual(request.all('expect'), []);
});

const identityNames = [
  'X-User',
  'x-user',
  'X-EMAIL',
  'X_User',
  'X-User_',
  'X.User',
  'x~user',
  'x!email',
  'X-Groups',
  'X-Forwarded-User',
  'X-Forwarded-Email',
  'X-Forwarded-Groups',
  'X-Forwarded-Access-Token',
  'X_Forwarded_User',
  'X-Forwarded_User',
  'X.Forwarded.User',
  'x~forwarded~user',
  'X-Auth-Request-User',
  'X-Auth-Request-Access-Token',
  'Remote-User',
  'X-Remote-User',
];

for (const [title, decided] of [
  ['on a public route', {}],
  ['on a route with a session', signedIn()],
] as const) {
  test(`HP-070, HP-071, HP-072, HP-075: identity fields of the client never arrive ${title}`, async () => {
    forward = decided;
    for (const method of ['GET', 'OPTIONS']) {
      const lines = identityNames.flatMap((name) => [`${name}: admin`, `${name}:  admin  `, `${name}:`]);
      const request = await arrives(lines, `${method} /x HTTP/1.1`);
      assert.equal(request.head.includes('admin'), false, request.head);
      const user = decided === forward && 'session' in decided ? ['alice'] : [];
      assert.deepEqual(request.all('x-user'), user);
    }
  });
}

test('HP-073, HP-008: a field with an underscore does not arrive', async () => {
  const request = await arrives(['A_B: 1', 'Content_Length: 5', 'Transfer_Encoding: chunked', 'A-B: 2']);
  assert.equal(request.head.includes('_'), false);
  assert.deepEqual(request.all('a-b'), ['2']);
});

test('HP-074: a claim that is absent gives no field, whatever the client sent', async () => {
  forward = signedIn();
  const request = await arrives(['X-Email: admin@app.test']);
  assert.deepEqual(request.all('x-email'), []);
  assert.deepEqual(request.all('x-user'), ['alice']);
});

test('HP-076: claims arrive by one lossless rule, whatever they hold', async () => {
  const cases: readonly [unknown, string | undefined][] = [
    ['plain text', 'plain text'],
    ['100%', '100%25'],
    ['a\r\nX-User: admin', 'a%0D%0AX-User: admin'],
    ['nul\0', 'nul%00'],
    ['日本 🦊', '%E6%97%A5%E6%9C%AC %F0%9F%A6%8A'],
    [' led and trailed  ', '%20led and trailed%20%20'],
    ['é', '%C3%A9'],
    ['\ud800', '%EF%BF%BD'],
    [['a,b', 'c'], '["a,b","c"]'],
    [['日\n'], '["\\u65e5\\n"]'],
    [{ nested: { deep: 1 } }, '{"nested":{"deep":1}}'],
    [true, 'true'],
    [42, '42'],
    [null, undefined],
    [undefined, undefined],
    ['x'.repeat(20_000), undefined],
  ];
  for (const [claim, expected] of cases) {
    forward = signedIn({ groups: claim });
    const request = await arrives(['X-Groups: from the client']);
    assert.deepEqual(request.all('x-groups'), expected === undefined ? [] : [expected]);
    assert.deepEqual(request.all('x-user'), ['alice']);
    if (typeof claim === 'string' && expected !== undefined && claim.isWellFormed()) {
      assert.equal(decodeURIComponent(expected), claim);
    }
  }
  assert.deepEqual(
    door.events.filter((one) => one.name === 'header.omitted').map((one) => one.event),
    [{ requestId: 'request-id-1', route: '/**', header: 'x-groups', reason: 'too-long' }],
  );
});

test('claims are read as own properties only', async () => {
  forward = {
    ...signedIn({ address: { country: 'NL' } }),
    route: createRoute({
      path: '/**',
      requestHeaders: [
        template('X-User', '{claims.constructor}'),
        template('X-Email', '{claims.address.toString}'),
        template('X-Groups', 'c={claims.address.country}; p={params.id}'),
      ],
    }),
    params: { id: 'a%2Cb' },
  };
  const request = await arrives([]);
  assert.deepEqual(request.all('x-user'), []);
  assert.deepEqual(request.all('x-email'), []);
  assert.deepEqual(request.all('x-groups'), ['c=NL; p=a%252Cb']);
});

test("HP-077: the client's Authorization is replaced or removed, never both", async () => {
  const lines = ['Authorization: Bearer of-the-client', 'Authorization: Basic eA=='];
  forward = signedIn();
  assert.deepEqual((await arrives(lines)).all('authorization'), ['Bearer access-token-of-alice']);
  forward = {
    ...signedIn(),
    route: createRoute({ path: '/**', upstreamToken: 'id', passAuthorization: true }),
    upstreamToken: bearer('id-token-of-alice'),
  };
  assert.deepEqual((await arrives(lines)).all('authorization'), ['Bearer id-token-of-alice']);
  forward = { route: createRoute({ path: '/**' }), session: createSession() };
  assert.deepEqual((await arrives(lines)).all('authorization'), []);
  forward = {};
  assert.deepEqual((await arrives(lines)).all('authorization'), []);
  forward = { route: createRoute({ path: '/**', access: 'public', passAuthorization: true }) };
  assert.deepEqual((await arrives(lines)).all('authorization'), ['Bearer of-the-client']);
  // A token is only sent for a session: on a public route without one nothing takes its place.
  forward = { route: createRoute({ path: '/**', access: 'public', upstreamToken: 'access' }) };
  assert.deepEqual((await arrives(lines)).all('authorization'), []);
});

test('HP-079: what the client says about where it comes from is removed and rebuilt', async () => {
  const lies = [
    'X-Forwarded-For',
    'X-Forwarded-Proto',
    'X-Forwarded-Host',
    'X-Forwarded-Port',
    'X-Forwarded-Prefix',
    'X-Forwarded-Uri',
    'X-Forwarded-Method',
    'X-Forwarded-Server',
    'X-Forwarded-Client-Cert',
    'Forwarded',
    'X-Real-IP',
    'X-Original-URL',
    'X-Rewrite-URL',
    'X-Original-Host',
    'True-Client-IP',
    'CF-Connecting-IP',
    'X-Envoy-External-Address',
    'X-Envoy-Original-Path',
    'X-HTTP-Method-Override',
    'X-Request-Id',
    'X_Real_IP',
    'X.Real.IP',
  ];
  const request = await arrives(lies.map((name) => `${name}: liar`));
  assert.equal(request.head.includes('liar'), false, request.head);
  assert.deepEqual(request.all('x-forwarded-for'), ['192.0.2.7']);
  assert.deepEqual(request.all('x-forwarded-proto'), ['https']);
  assert.deepEqual(request.all('x-forwarded-host'), ['app.test']);
  assert.deepEqual(request.all('x-forwarded-port'), ['443']);
  assert.deepEqual(request.all('x-request-id'), ['request-id-1']);
});

test('HP-079: 500 forwarded entries are dropped like one', async () => {
  const request = await arrives([
    `X-Forwarded-For: ${'10.0.0.1, '.repeat(500)}unknown`,
    'Forwarded: for="[2001:db8::1]:80";proto=https, for=_hidden',
  ]);
  assert.deepEqual(request.all('x-forwarded-for'), ['192.0.2.7']);
  assert.deepEqual(request.all('forwarded'), []);
});

test('RS-061: a certificate that the client names itself does not arrive', async () => {
  const lies = [
    'Client-Cert',
    'Client-Cert-Chain',
    'X-Client-Cert',
    'X-Client-Certificate',
    'X-SSL-Cert',
    'X-SSL-Client-Cert',
    'X-SSL-Client-Verify',
    'SSL-Client-Cert',
    'SSL-Client-S-DN',
    'X-TLS-Client-Cert',
    'X-Forwarded-Client-Cert',
    'X-Forwarded-Tls-Client-Cert',
    'X-ARR-ClientCert',
    'X-Amzn-Mtls-Clientcert',
    'Cf-Cert-Presented',
    'X.SSL.Cert',
    'X_SSL_Cert',
  ];
  for (const decided of [{}, signedIn(), byCaller()]) {
    forward = decided;
    const request = await arrives(lies.map((name) => `${name}: liar`));
    assert.equal(request.head.includes('liar'), false, request.head);
  }
});

test('RS-010: tokens and identities of other gates do not arrive from a client, whoever calls', async () => {
  const lies = [
    'X-Forwarded-Access-Token',
    'X-Forwarded-Id-Token',
    'X-Auth-Request-User',
    'X-Auth-Request-Access-Token',
    'X-Auth-Request-Redirect',
    'X-Goog-IAP-JWT-Assertion',
    'X-Amzn-Oidc-Accesstoken',
    'X-Ms-Client-Principal',
  ];
  for (const decided of [{}, signedIn(), byCaller()]) {
    forward = decided;
    const request = await arrives(lies.map((name) => `${name}: liar`));
    assert.equal(request.head.includes('liar'), false, request.head);
  }
});

test('claims of a caller with a token of its own arrive as those of a session do', async () => {
  forward = byCaller({ email: 'm@app.test', groups: ['a'] });
  const request = await arrives(['X-User: admin', 'Authorization: Bearer its-own']);
  assert.deepEqual(request.all('x-user'), ['machine']);
  assert.deepEqual(request.all('x-email'), ['m@app.test']);
  assert.deepEqual(request.all('x-groups'), ['["a"]']);
  assert.deepEqual(request.all('authorization'), []);
});

test('RP-029: the token is in its header and nowhere else', async () => {
  forward = signedIn();
  const request = await arrives(['Content-Length: 0'], 'POST /x?a=b HTTP/1.1');
  assert.equal(request.target, '/x?a=b');
  assert.equal(request.body.length, 0);
  assert.equal(request.head.split('access-token-of-alice').length, 2);
});

test('an assertion has a header of its own, which a client cannot fill', async () => {
  const lines = ['X-Groups: of the client', 'X_Groups: of the client', 'Authorization: Bearer of-the-client'];
  const token = { header: 'x-groups', value: 'a.b.c', prove: null, renew: null };
  forward = { ...signedIn(), route: createRoute({ path: '/**' }), upstreamToken: token };
  const request = await arrives(lines);
  assert.deepEqual(request.all('x-groups'), ['a.b.c']);
  assert.equal(request.head.includes('client'), false);
});

const passingBoth: Partial<Forward> = {
  route: createRoute({ path: '/**', access: 'public', passAuthorization: true }),
  upstreamToken: { header: 'x-email', value: 'assertion', prove: null, renew: null },
};

test("a client's DPoP proof arrives only where its Authorization does", async () => {
  const lines = ['Authorization: DPoP token', 'DPoP: proof'];
  for (const decided of [
    {},
    signedIn(),
    byCaller(),
    { ...byCaller(), upstreamToken: bearer('t') },
    passingBoth,
  ]) {
    forward = decided;
    assert.deepEqual((await arrives(lines)).all('dpop'), []);
  }
  forward = { route: createRoute({ path: '/**', access: 'public', passAuthorization: true }) };
  const request = await arrives(lines);
  assert.deepEqual(request.all('dpop'), ['proof']);
  assert.deepEqual(request.all('authorization'), ['DPoP token']);
});

test('RD-046: fields that would change the method do not arrive', async () => {
  const request = await arrives(
    [
      'X-HTTP-Method-Override: DELETE',
      'X-HTTP-Method: DELETE',
      'X-Method-Override: DELETE',
      'Content-Length: 0',
    ],
    'POST /x HTTP/1.1',
  );
  assert.equal(request.head.includes('DELETE'), false);
});

test('trace context passes through', async () => {
  const lines = [
    'traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    'tracestate: a=b',
    'baggage: c=d',
  ];
  const request = await arrives(lines);
  for (const line of lines) assert.ok(request.head.includes(line), line);
});

test('HP-064: a request that came through this gate too often is a loop', async () => {
  const once = await arrives(['Via: 1.1 other, 1.1 app.test']);
  assert.deepEqual(once.all('via'), ['1.1 other, 1.1 app.test, 1.1 app.test']);
  const count = echo.requests.length;
  const { responses } = await rawSend(
    door.port,
    'GET / HTTP/1.1\r\nHost: a\r\nVia: 1.1 app.test, 1.0 APP.test (x)\r\nVia: HTTP/1.1 app.test\r\n\r\n',
    { responses: 1 },
  );
  assert.equal(responses[0]?.status, 508);
  assert.equal(echo.requests.length, count);
});

const jars: readonly [readonly string[], readonly string[]][] = [
  [['a=1; __Host-sallyport=x.y; b="2 ;'], ['a=1; b="2 ;']],
  [['__Host-sallyport=x; a=1'], ['a=1']],
  [['sallyport=x'], []],
  [['sallyport=x;sallyport.1=y; sallyport-login=z'], []],
  [['a=1;  b==2;c; =d; sallyport=x; sallyport=y;e=%3B'], ['a=1;  b==2;c; =d;e=%3B']],
  [
    ['a=1', 'b=2; sallyport=x', 'sallyport=x', 'c=3'],
    ['a=1', 'b=2', 'c=3'],
  ],
  [['SALLYPORT=x; __HOST-Sallyport=y; a=1'], ['a=1']],
  [[' ; ; sallyport=x ; '], []],
  [['xsallyport=1; sally=port; port=sallyport=2'], ['xsallyport=1; sally=port; port=sallyport=2']],
  [['=sallyport=x; a=1'], ['a=1']],
];
for (const [sent, expected] of jars) {
  test(`SC-037: our cookies are taken out of ${JSON.stringify(sent)}`, async () => {
    const request = await arrives(sent.map((value) => `Cookie: ${value}`));
    assert.deepEqual(
      request.all('cookie'),
      expected.map((value) => value.trim()),
    );
  });
}

test('HP-083: there is exactly one Host, and one Content-Length', async () => {
  const { responses } = await rawSend(
    door.port,
    'POST /x HTTP/1.1\r\nhOsT: app.test\r\nCONTENT-LENGTH: 00003\r\n\r\nabc',
    { responses: 1 },
  );
  assert.equal(responses[0]?.status, 200);
  const request = echo.requests.at(-1) as EchoRequest;
  assert.deepEqual(request.all('content-length'), ['3']);
  assert.deepEqual(request.all('host'), [echo.url.slice(7)]);
});

test('the Host of the client arrives when the cluster says so', async () => {
  const preserving = await createCarrierDoor({ targets: [echo.url], cluster: { host: 'preserve' } });
  await rawSend(preserving.port, 'GET / HTTP/1.1\r\nHost: app.test\r\n\r\n', { responses: 1 });
  assert.deepEqual(echo.requests.at(-1)?.all('host'), ['app.test']);
  await preserving.close();
});
