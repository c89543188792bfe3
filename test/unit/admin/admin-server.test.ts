import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, test } from 'node:test';
import {
  type AdminDeps,
  type AdminServer,
  createAdminServer,
  type Readiness,
} from '../../../src/admin/admin-server.ts';

const open: AdminServer[] = [];

afterEach(async () => {
  for (const server of open.splice(0)) await server.close();
});

const metrics = { expose: async () => 'sallyport_sessions 1\n', contentType: 'text/plain; version=0.0.4' };

async function start(
  deps: Partial<AdminDeps> = {},
): Promise<{ url: string; port: number; server: AdminServer }> {
  const server = createAdminServer(
    { address: { host: '127.0.0.1', port: 0 }, hosts: [] },
    { metrics, readiness: () => ({ ready: true, checks: { state: 'serving' } }), ...deps },
  );
  open.push(server);
  const { port } = await server.listen();
  return { url: `http://127.0.0.1:${port}`, port, server };
}

/** Sends bytes and gives everything that comes back until the server closes. */
async function exchange(port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let answer = '';
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    answer += chunk;
  });
  socket.on('error', () => {});
  socket.write(bytes, 'latin1');
  await once(socket, 'close', { signal: AbortSignal.timeout(8000) });
  return answer;
}

test('healthz answers as long as the process lives, ready or not', async () => {
  const { url } = await start({ readiness: () => ({ ready: false, checks: {} }) });
  const response = await fetch(`${url}/healthz`);
  assert.equal(response.status, 200);
  assert.deepEqual(await response.json(), { status: 'ok' });
  assert.equal(response.headers.get('cache-control'), 'no-store');
});

test('readyz follows the state from starting through serving to draining', async () => {
  let readiness: Readiness = { ready: false, checks: { state: 'starting', store: 'ok' } };
  const { url } = await start({ readiness: () => readiness });
  const ask = async () => {
    const response = await fetch(`${url}/readyz`);
    return [response.status, await response.json()];
  };
  assert.deepEqual(await ask(), [503, readiness]);
  readiness = { ready: true, checks: { state: 'serving', store: 'ok' } };
  assert.deepEqual(await ask(), [200, readiness]);
  readiness = { ready: false, checks: { state: 'serving', store: 'failed' } };
  assert.deepEqual(await ask(), [503, readiness]);
  readiness = { ready: false, checks: { state: 'draining', store: 'ok' } };
  assert.deepEqual(await ask(), [503, readiness]);
});

test('metrics are served with the content type of the exposition, whatever the query', async () => {
  const { url } = await start();
  const response = await fetch(`${url}/metrics?name[]=x`);
  assert.equal(response.status, 200);
  assert.equal(response.headers.get('content-type'), metrics.contentType);
  assert.equal(await response.text(), 'sallyport_sessions 1\n');
});

test('HEAD has the head of GET and no body', async () => {
  const { url } = await start();
  const response = await fetch(`${url}/metrics`, { method: 'HEAD' });
  assert.equal(response.status, 200);
  assert.equal(response.headers.get('content-length'), '21');
  assert.equal(await response.text(), '');
});

for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']) {
  test(`${method} is refused with what is allowed`, async () => {
    const { url } = await start();
    const response = await fetch(`${url}/metrics`, { method });
    assert.equal(response.status, 405);
    assert.equal(response.headers.get('allow'), 'GET, HEAD');
  });
}

for (const path of [
  '/',
  '/metrics/',
  '/Metrics',
  '//metrics',
  '/%6detrics',
  '/x/../metrics',
  `/${'a'.repeat(4000)}`,
]) {
  test(`${path.slice(0, 20)} is not found`, async () => {
    const { port } = await start();
    const answer = await exchange(
      port,
      `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
    );
    assert.match(answer, /^HTTP\/1\.1 404 /);
  });
}

test('a metric or a check that fails is a 500 without a word of why', async () => {
  const fail = () => {
    throw new Error('secret detail');
  };
  const { url } = await start({ metrics: { ...metrics, expose: fail }, readiness: fail });
  for (const path of ['/metrics', '/readyz']) {
    const response = await fetch(url + path);
    assert.equal(response.status, 500);
    assert.deepEqual(await response.json(), { error: 'internal error' });
  }
  assert.equal((await fetch(`${url}/healthz`)).status, 200);
});

const garbage: Readonly<Record<string, string>> = {
  'a TLS hello': '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003',
  'not HTTP': 'hello\r\n\r\n',
  'no Host': 'GET /metrics HTTP/1.1\r\n\r\n',
  'a bare line feed in a header': 'GET /metrics HTTP/1.1\nHost: localhost\nX: y\n\n',
  'both framings':
    'GET /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  'a head over the limit': `GET /metrics HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
};

for (const [what, bytes] of Object.entries(garbage)) {
  test(`${what} is refused, and the next client is served`, async () => {
    const { port, url } = await start();
    assert.match(await exchange(port, bytes), /^HTTP\/1\.1 4\d\d /);
    assert.equal((await fetch(`${url}/healthz`)).status, 200);
  });
}

test('a request with a body is refused and its body is never taken for a request', async () => {
  const { port } = await start();
  const hidden = 'GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n';
  const answer = await exchange(
    port,
    `GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`,
  );
  assert.match(answer, /^HTTP\/1\.1 400 /);
  assert.equal(answer.split('HTTP/1.1 ').length, 2);
  assert.ok(!answer.includes('sallyport_sessions'));
});

test('Expect: 100-continue does not make the listener ask for the body', async () => {
  const { port } = await start();
  const answer = await exchange(
    port,
    'GET /healthz HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n',
  );
  assert.match(answer, /^HTTP\/1\.1 400 /);
});

test('an upgrade and CONNECT end without another protocol', async () => {
  const { port } = await start();
  const upgrade = await exchange(
    port,
    'GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade, close\r\nUpgrade: websocket\r\n\r\n',
  );
  assert.doesNotMatch(upgrade, /^HTTP\/1\.1 101/);
  assert.doesNotMatch(await exchange(port, 'CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n\r\n'), /^HTTP\/1\.1 2/);
});

test('closing ends connections that are kept open, and the port is free again', async () => {
  const { port, server } = await start();
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  const closed = once(socket, 'close', { signal: AbortSignal.timeout(5000) });
  socket.on('error', () => {}).resume();
  await server.close();
  await closed;
  const again = createAdminServer(
    { address: { host: '127.0.0.1', port }, hosts: [] },
    { metrics, readiness: () => ({ ready: true, checks: {} }) },
  );
  open.push(again);
  assert.equal((await again.listen()).port, port);
});

test('an address that is taken is an error to whoever starts it', async () => {
  const { port } = await start();
  const second = createAdminServer(
    { address: { host: '127.0.0.1', port }, hosts: [] },
    { metrics, readiness: () => ({ ready: true, checks: {} }) },
  );
  await assert.rejects(second.listen(), { code: 'EADDRINUSE' });
});
