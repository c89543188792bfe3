/** `/admin/sessions`: who may ask, what may be asked, and what a slip or a stranger's page cannot do. */
import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { request as requestTls } from 'node:https';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import type { AdminConfig } from '../../src/admin/admin-config.ts';
import { createAdminServer } from '../../src/admin/admin-server.ts';
import { SallyportError } from '../../src/core/errors.ts';
import { Secret } from '../../src/core/secret.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createFakeDirectory, type FakeDirectory, summaryOf } from '../support/fake-directory.ts';
import { localhostCertificate, localhostKey } from '../support/localhost-certificate.ts';
import { makeCertificate } from '../support/make-certificate.ts';

const token = 'a-token-of-more-than-32-characters-1234';
const bearer = { authorization: `Bearer ${token}` };
const sessions = [
  summaryOf('a'),
  summaryOf('b', { subject: 'bob', name: null }),
  summaryOf('c', { provider: 'other' }),
];

interface Api {
  readonly port: number;
  readonly directory: FakeDirectory;
  readonly clock: ReturnType<typeof createFakeClock>;
  ask(target: string, options?: AskOptions): Promise<Asked>;
}

interface AskOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

interface Asked {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Readonly<Record<string, unknown>>;
}

async function start(
  t: TestContext,
  directory = createFakeDirectory({ sessions }),
  more: Partial<AdminConfig> = {},
): Promise<Api> {
  const clock = createFakeClock();
  const server = createAdminServer(
    {
      address: { host: '127.0.0.1', port: 0 },
      hosts: [],
      sessions: { token: new Secret(token), clientCertificates: false },
      ...more,
    },
    {
      metrics: { expose: async () => 'metrics\n', contentType: 'text/plain' },
      readiness: () => ({ ready: true, checks: {} }),
      sessions: { directory, clock },
    },
  );
  const { port } = await server.listen();
  t.after(() => server.close());
  return {
    port,
    directory,
    clock,
    async ask(target, { method = 'GET', headers = bearer } = {}) {
      const answer = await fetch(`http://127.0.0.1:${port}${target}`, { method, headers });
      const text = await answer.text();
      return { status: answer.status, headers: answer.headers, body: text === '' ? {} : JSON.parse(text) };
    },
  };
}

/** The status line of raw bytes: what `fetch` would tidy. */
async function rawStatus(port: number, bytes: string): Promise<number> {
  const socket = connect(port, '127.0.0.1');
  let answer = '';
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    answer += chunk;
  });
  socket.on('error', () => undefined);
  socket.write(bytes, 'latin1');
  await once(socket, 'close', { signal: AbortSignal.timeout(8000) });
  return Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1]);
}

test('sessions are listed by what they have in common, a page at a time', async (t) => {
  const { ask } = await start(t);
  const all = await ask('/admin/sessions');
  assert.equal(all.status, 200);
  assert.deepEqual(all.body, { sessions, cursor: null });
  assert.equal(all.headers.get('cache-control'), 'no-store');
  assert.deepEqual((await ask('/admin/sessions?sub=bob')).body, { sessions: [sessions[1]], cursor: null });
  assert.deepEqual((await ask('/admin/sessions?provider=other&sid=sid-c')).body.sessions, [sessions[2]]);
  const first = await ask('/admin/sessions?limit=2');
  assert.deepEqual(first.body, { sessions: sessions.slice(0, 2), cursor: '2' });
  const rest = await ask(`/admin/sessions?limit=2&cursor=${first.body.cursor}`);
  assert.deepEqual(rest.body, { sessions: sessions.slice(2), cursor: null });
});

test('a session is shown by its id or by the id in the logs', async (t) => {
  const { ask } = await start(t);
  assert.deepEqual((await ask(`/admin/sessions/${'a'.repeat(43)}`)).body, sessions[0]);
  assert.deepEqual((await ask(`/admin/sessions/${'b'.repeat(8)}`)).body, sessions[1]);
  assert.equal((await ask('/admin/sessions/nobody')).status, 404);
});

test('SC-023: an operator ends one session, those of a person, and all', async (t) => {
  const { ask, directory } = await start(t);
  const remove = (target: string) => ask(target, { method: 'DELETE' });
  assert.deepEqual((await remove(`/admin/sessions/${'b'.repeat(8)}`)).body, { ended: 1 });
  assert.equal((await remove(`/admin/sessions/${'b'.repeat(43)}`)).status, 404);
  assert.deepEqual((await remove('/admin/sessions?sub=alice&provider=main')).body, { ended: 1 });
  assert.deepEqual((await remove('/admin/sessions?all=true')).body, { ended: 1 });
  assert.deepEqual(directory.remaining(), []);
  assert.deepEqual(directory.ended, [
    { filter: { id: 'b'.repeat(43) }, reason: 'operator' },
    { filter: { subject: 'alice', provider: 'main' }, reason: 'operator' },
    { filter: {}, reason: 'operator' },
  ]);
});

const strangers: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'no token': {},
  'another token': { authorization: `Bearer ${token.replace('1', '2')}` },
  'a prefix of the token': { authorization: `Bearer ${token.slice(0, -1)}` },
  'the token and more': { authorization: `Bearer ${token}x` },
  'an empty token': { authorization: 'Bearer ' },
  'the token without a scheme': { authorization: token },
  'the token as a password': { authorization: `Basic ${Buffer.from(`admin:${token}`).toString('base64')}` },
  'the token in another field': { 'x-api-key': token },
  'the token as a cookie': { cookie: `token=${token}` },
  'a list of tokens': { authorization: `Bearer ${token}, Bearer ${token}` },
  'a very long token': { authorization: `Bearer ${'x'.repeat(5000)}` },
};

for (const [what, headers] of Object.entries(strangers)) {
  test(`${what} is a 401 before anything is looked at`, async (t) => {
    const { ask, directory } = await start(t);
    for (const [method, target] of [
      ['GET', '/admin/sessions'],
      ['GET', '/admin/sessions/nobody'],
      ['DELETE', '/admin/sessions?all=true'],
      ['PATCH', '/admin/sessions?nonsense'],
    ] as const) {
      const answer = await ask(target, { method, headers });
      assert.equal(answer.status, 401);
      assert.match(answer.headers.get('www-authenticate') ?? '', /^Bearer realm=/);
      assert.ok(!JSON.stringify(answer.body).includes(token));
    }
    assert.deepEqual(directory.ended, []);
  });
}

test('a token that is sent twice is no token', async (t) => {
  const { port } = await start(t);
  const line = `Authorization: Bearer ${token}\r\n`;
  const bytes = (lines: string) =>
    `GET /admin/sessions HTTP/1.1\r\nHost: localhost\r\n${lines}Connection: close\r\n\r\n`;
  assert.equal(await rawStatus(port, bytes(line)), 200);
  assert.equal(await rawStatus(port, bytes(line + line)), 401);
  assert.equal(await rawStatus(port, bytes(`Authorization: Bearer wrong\r\n${line}`)), 401);
});

test('the token in the query is no token, and a token is never told back', async (t) => {
  const { ask } = await start(t);
  const answer = await ask(`/admin/sessions?access_token=${token}`, { headers: {} });
  assert.equal(answer.status, 401);
  const known = await ask(`/admin/sessions?access_token=${token}`);
  assert.equal(known.status, 400);
  assert.ok(!JSON.stringify(known.body).includes(token));
});

test('many wrong tokens are a 429 for a while, and the right one passes all the same', async (t) => {
  const { ask, clock } = await start(t);
  const wrong = { headers: { authorization: 'Bearer wrong' } };
  const statuses: number[] = [];
  for (let i = 0; i < 25; i++) statuses.push((await ask('/admin/sessions', wrong)).status);
  assert.deepEqual(statuses, [...Array(20).fill(401), ...Array(5).fill(429)]);
  const refused = await ask('/admin/sessions', wrong);
  assert.equal(refused.headers.get('retry-after'), '10');
  assert.equal((await ask('/admin/sessions')).status, 200);
  clock.advance(10_000);
  assert.equal((await ask('/admin/sessions', wrong)).status, 401);
});

const browsers: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'a page of another site': { origin: 'https://evil.example' },
  'a page without an origin': { origin: 'null' },
  'a page of the listener itself': { origin: 'http://127.0.0.1' },
  'a form of another site': { 'sec-fetch-site': 'cross-site' },
  'a page of a neighbour': { 'sec-fetch-site': 'same-site' },
};

for (const [what, headers] of Object.entries(browsers)) {
  test(`CSRF: ${what} is refused, token or not, and gets no CORS header`, async (t) => {
    const { port, directory } = await start(t);
    for (const method of ['GET', 'DELETE', 'OPTIONS']) {
      const lines = Object.entries({ ...headers, ...bearer }).map(([name, value]) => `${name}: ${value}\r\n`);
      const bytes = `${method} /admin/sessions?all=true HTTP/1.1\r\nHost: localhost\r\n${lines.join('')}Connection: close\r\n\r\n`;
      assert.equal(await rawStatus(port, bytes), 403, method);
    }
    assert.deepEqual(directory.ended, []);
  });
}

test('an operator who types the address is no page of another site', async (t) => {
  const { ask } = await start(t);
  const answer = await ask('/admin/sessions', { headers: { ...bearer, 'sec-fetch-site': 'none' } });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get('access-control-allow-origin'), null);
});

for (const method of ['POST', 'PUT', 'PATCH', 'HEAD', 'OPTIONS']) {
  test(`${method} is refused with what is allowed`, async (t) => {
    const { ask } = await start(t);
    for (const target of ['/admin/sessions?all=true', `/admin/sessions/${'a'.repeat(43)}`]) {
      const answer = await ask(target, { method });
      assert.equal(answer.status, 405);
      assert.equal(answer.headers.get('allow'), 'GET, DELETE');
    }
  });
}

const slips: readonly (readonly [string, string, RegExp])[] = [
  ['DELETE', '', /whose sessions\?/],
  ['DELETE', '?', /whose sessions\?/],
  ['DELETE', '?subject=alice', /unknown parameter/],
  ['DELETE', '?sub=', /empty/],
  ['DELETE', '?sub', /empty/],
  ['DELETE', '?sub=alice&sub=bob', /twice/],
  ['DELETE', '?sub=alice&all=true', /alone/],
  ['DELETE', '?all=false', /true or absent/],
  ['DELETE', '?all=1', /true or absent/],
  ['DELETE', '?all=true&all=true', /twice/],
  ['DELETE', '?Sub=alice', /unknown parameter/],
  ['DELETE', '?sub=alice&limit=1', /unknown parameter/],
  ['DELETE', '?__proto__=x', /unknown parameter/],
  ['DELETE', `?sub=${'x'.repeat(1025)}`, /longer than/],
  ['DELETE', '?sub=alice?all=true&all=true', /alone/],
  ['GET', '?all=true', /unknown parameter/],
  ['GET', '?limit=0', /from 1 to 1000/],
  ['GET', '?limit=1001', /from 1 to 1000/],
  ['GET', '?limit=1e3', /from 1 to 1000/],
  ['GET', '?limit=-1', /from 1 to 1000/],
  ['GET', '?cursor=', /empty/],
];

for (const [method, search, message] of slips) {
  test(`${method} /admin/sessions${search.slice(0, 40)} ends nothing and says what to write`, async (t) => {
    const { ask, directory } = await start(t);
    const answer = await ask(`/admin/sessions${search}`, { method });
    assert.equal(answer.status, 400);
    assert.match(String(answer.body.error), message);
    assert.deepEqual(directory.ended, []);
  });
}

const tricks: readonly (readonly [string, number])[] = [
  ['/admin/sessions/', 404],
  ['/admin/sessions//', 404],
  ['/admin/sessions/../sessions', 404],
  ['/admin/sessions/%61', 404],
  [`/admin/sessions/${'a'.repeat(65)}`, 404],
  [`/admin/sessions/${'a'.repeat(43)}/tokens`, 404],
  ['/admin/sessions;x=1', 404],
  ['/Admin/Sessions?all=true', 404],
  ['//admin/sessions?all=true', 404],
  ['http://localhost/admin/sessions?all=true', 404],
  [`/admin/sessions/${'a'.repeat(43)}?all=true`, 400],
  [`/admin/sessions?sub=${'x'.repeat(4100)}`, 414],
  [`/admin/sessions?sub=${'x'.repeat(20_000)}`, 431],
];

for (const [target, status] of tricks) {
  test(`${target.slice(0, 50)} is a ${status}`, async (t) => {
    const { port, directory } = await start(t);
    for (const method of ['GET', 'DELETE']) {
      const bytes = `${method} ${target} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\nConnection: close\r\n\r\n`;
      const expected =
        method === 'DELETE' && status === 404 && !/^\/admin\/sessions\//.test(target) ? 405 : status;
      assert.equal(await rawStatus(port, bytes), expected, method);
    }
    assert.deepEqual(directory.ended, []);
  });
}

test('a body is refused, so that it is never taken for a request', async (t) => {
  const { port, directory } = await start(t);
  const hidden = `DELETE /admin/sessions?all=true HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\n\r\n`;
  const bytes = `DELETE /admin/sessions?sub=nobody HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`;
  assert.equal(await rawStatus(port, bytes), 400);
  assert.deepEqual(directory.ended, []);
});

const hosts: readonly (readonly [string, number])[] = [
  ['127.0.0.1', 200],
  ['127.0.0.1:9090', 200],
  ['[::1]:9090', 200],
  ['10.1.2.3:9090', 200],
  ['localhost:9090', 200],
  ['LOCALHOST', 200],
  ['admin.example.com', 200],
  ['evil.example', 421],
  ['evil.example:9090', 421],
  ['localhost.evil.example', 421],
  ['127.0.0.1.evil.example', 421],
  ['127.0.0.1@evil.example', 421],
  ['', 421],
];

for (const [host, status] of hosts) {
  test(`DNS rebinding: asked as "${host}" everything is a ${status}`, async (t) => {
    const { port } = await start(t, undefined, { hosts: ['admin.example.com'] });
    for (const target of ['/healthz', '/metrics', '/admin/sessions']) {
      const bytes = `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${token}\r\nConnection: close\r\n\r\n`;
      assert.equal(await rawStatus(port, bytes), status, target);
    }
  });
}

test('beyond loopback a name that nobody configured is served, as services have many', async (t) => {
  const { port } = await start(t, undefined, { address: { host: '0.0.0.0', port: 0 } });
  const bytes = 'GET /healthz HTTP/1.1\r\nHost: sallyport.monitoring.svc\r\nConnection: close\r\n\r\n';
  assert.equal(await rawStatus(port, bytes), 200);
});

test('an HTTP/1.0 probe without a Host is served', async (t) => {
  const { port } = await start(t);
  assert.equal(await rawStatus(port, 'GET /healthz HTTP/1.0\r\n\r\n'), 200);
});

test('a store that fails is a 503 that says when to come back', async (t) => {
  const failure = new SallyportError('ERR_STORE_UNAVAILABLE', 'redis://secret-host', { retryAfter: 2 });
  const { ask } = await start(t, createFakeDirectory({ failure }));
  for (const [method, target] of [
    ['GET', '/admin/sessions'],
    ['GET', '/admin/sessions/aaaa'],
    ['DELETE', '/admin/sessions?all=true'],
  ] as const) {
    const answer = await ask(target, { method });
    assert.equal(answer.status, 503);
    assert.equal(answer.headers.get('retry-after'), '2');
    assert.deepEqual(answer.body, { error: 'the session store does not answer' });
  }
});

test('whoever may end sessions is waited for longer than a stranger, as very many take their time', async (t) => {
  const patience: number[] = [];
  const sockets = new Set<Socket>();
  const note = (message: unknown) => sockets.add((message as { socket: Socket }).socket);
  subscribe('http.server.request.start', note);
  t.after(() => unsubscribe('http.server.request.start', note));
  const directory = createFakeDirectory({ sessions });
  const end: FakeDirectory['end'] = async () => {
    for (const socket of sockets) patience.push(socket.timeout ?? 0);
    return 1;
  };
  const { ask } = await start(t, { ...directory, end });
  await ask('/admin/sessions?sub=bob', { method: 'DELETE' });
  assert.ok(patience.length > 0 && patience.every((milliseconds) => milliseconds > 30_000), `${patience}`);
});

test('a bug is a 500 without a word of why', async (t) => {
  const { ask } = await start(t, createFakeDirectory({ failure: new Error('secret detail') }));
  assert.deepEqual((await ask('/admin/sessions')).body, { error: 'internal error' });
});

test('sessions in browsers cannot be listed, and be ended only through a deny-list', async (t) => {
  const withList = await start(t, createFakeDirectory({ abilities: 'end' }));
  assert.equal((await withList.ask('/admin/sessions')).status, 501);
  assert.deepEqual((await withList.ask('/admin/sessions?sub=alice', { method: 'DELETE' })).body, {
    ended: null,
  });
  const without = await start(t, createFakeDirectory({ abilities: 'none' }));
  const answer = await without.ask('/admin/sessions?sub=alice', { method: 'DELETE' });
  assert.equal(answer.status, 501);
  assert.match(String(answer.body.error), /session\.denyList/);
  assert.deepEqual(without.directory.ended, []);
});

test('what is not configured is not there', async (t) => {
  const clock = createFakeClock();
  const server = createAdminServer(
    { address: { host: '127.0.0.1', port: 0 }, hosts: [] },
    {
      metrics: { expose: async () => '', contentType: 'text/plain' },
      readiness: () => ({ ready: true, checks: {} }),
      sessions: { directory: createFakeDirectory({ sessions }), clock },
    },
  );
  t.after(() => server.close());
  const { port } = await server.listen();
  for (const headers of [{}, bearer])
    assert.equal((await fetch(`http://127.0.0.1:${port}/admin/sessions`, { headers })).status, 404);
});

const authority = makeCertificate({ name: 'operators' });
const issued = { name: 'operators', key: authority.key };
const clients: Readonly<Record<string, { readonly pair?: { cert: string; key: string }; status: number }>> = {
  'a certificate of the authority': {
    pair: makeCertificate({ name: 'alice', authority: issued }),
    status: 200,
  },
  'no certificate': { status: 401 },
  'a certificate that vouches for itself': { pair: makeCertificate({ name: 'alice' }), status: 401 },
  'a certificate of an authority of the same name': {
    pair: makeCertificate({
      name: 'alice',
      authority: { name: 'operators', key: makeCertificate({ name: 'operators' }).key },
    }),
    status: 401,
  },
  'a certificate that has expired': {
    pair: makeCertificate({ name: 'alice', authority: issued, notAfter: new Date(Date.now() - 1000) }),
    status: 401,
  },
};

function askTls(port: number, path: string, pair?: { cert: string; key: string }): Promise<number> {
  return new Promise((resolve, reject) => {
    const outgoing = requestTls(
      { host: '127.0.0.1', port, path, ca: localhostCertificate, agent: false, ...pair },
      (incoming) => {
        incoming.resume();
        resolve(incoming.statusCode ?? 0);
      },
    );
    outgoing.on('error', reject);
    outgoing.end();
  });
}

const tls = { certificate: localhostCertificate, key: new Secret(localhostKey), clientCa: authority.cert };

for (const [what, { pair, status }] of Object.entries(clients)) {
  test(`mTLS: ${what} is a ${status}, and health is for everybody`, async (t) => {
    const { port } = await start(t, undefined, {
      tls,
      sessions: { token: undefined, clientCertificates: true },
    });
    assert.equal(await askTls(port, '/admin/sessions', pair), status);
    assert.equal(await askTls(port, '/healthz', pair), 200);
  });
}

/** A request with the TLS session of an earlier one; the session that the server gives for later ones. */
async function askAgain(
  port: number,
  earlier: { session?: Buffer; status?: number; reused?: boolean },
  pair?: object,
) {
  const socket = connectTls({
    port,
    host: '127.0.0.1',
    servername: 'localhost',
    ca: localhostCertificate,
    ...(earlier.session === undefined ? {} : { session: earlier.session }),
    ...pair,
  });
  const told: typeof earlier = {};
  socket.on('session', (session: Buffer) => Object.assign(told, { session }));
  await once(socket, 'secureConnect');
  told.reused = socket.isSessionReused();
  socket.write('GET /admin/sessions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
  let answer = '';
  for await (const chunk of socket) answer += String(chunk);
  return Object.assign(told, { status: Number(answer.slice(9, 12)) });
}

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`mTLS: a resumed connection (${version}) shows nothing that it has not shown itself`, async (t) => {
    const { port } = await start(t, undefined, {
      tls,
      sessions: { token: undefined, clientCertificates: true },
    });
    const only = { minVersion: version, maxVersion: version };
    const stranger = await askAgain(port, {}, only);
    const again = await askAgain(port, stranger, only);
    assert.deepEqual([stranger.status, again.status, again.reused], [401, 401, false]);
    const operator = await askAgain(
      port,
      {},
      { ...clients['a certificate of the authority']?.pair, ...only },
    );
    const inherited = await askAgain(port, operator, only);
    assert.deepEqual([operator.status, inherited.status, inherited.reused], [200, 401, false]);
  });
}

test('mTLS: a certificate opens nothing where only the token does', async (t) => {
  const { port } = await start(t, undefined, { tls });
  assert.equal(await askTls(port, '/admin/sessions', clients['a certificate of the authority']?.pair), 401);
});

test('plain http on the https listener is no request, and the next client is served', async (t) => {
  const { port } = await start(t, undefined, { tls });
  assert.notEqual(await rawStatus(port, 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n'), 200);
  assert.equal(await askTls(port, '/healthz'), 200);
});

test('a key of another certificate is told without quoting it', async (t) => {
  await assert.rejects(
    start(t, undefined, { tls: { certificate: localhostCertificate, key: new Secret(authority.key) } }),
    /^Error: admin\.tls: certificate, key and clientCa have to be PEM/,
  );
});
