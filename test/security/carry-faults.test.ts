/** Applications that are down, slow, full or gone, and clients that leave: told apart, bounded, nothing left behind. */
import assert from 'node:assert/strict';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import {
  type CarrierDoor,
  type CarrierDoorOptions,
  createCarrierDoor,
  createSession,
} from '../support/carrier-door.ts';
import { createEcho, type Echo, type EchoAnswer } from '../support/echo.ts';
import { createRoute } from '../support/heads.ts';
import { localhostCertificate, localhostKey } from '../support/localhost-certificate.ts';
import { rawConnect, rawSend, waitUntil } from '../support/raw.ts';
import { closedPort, createRawUpstream } from '../support/upstream.ts';

const get = (path = '/') => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

async function withEcho(t: TestContext, answer: EchoAnswer): Promise<Echo> {
  const echo = await createEcho(answer);
  t.after(() => echo.close());
  return echo;
}

async function withDoor(t: TestContext, options: CarrierDoorOptions): Promise<CarrierDoor> {
  const door = await createCarrierDoor(options);
  t.after(() => door.close());
  return door;
}

/** The one answer, and that nothing about the target leaks with it. */
async function fails(door: CarrierDoor, bytes: string, status: number, code: string): Promise<void> {
  const { responses, text } = await rawSend(door.port, bytes, { responses: 1 });
  assert.equal(responses[0]?.status, status);
  assert.equal(responses[0]?.body, code);
  assert.equal(text.includes('127.0.0.1'), false);
  assert.equal(door.carrier.inFlight(), 0);
}

test('FL-030: a target that refuses the connection is a 502', async (t) => {
  const door = await withDoor(t, { targets: [`http://127.0.0.1:${await closedPort()}`] });
  await fails(door, get(), 502, 'ERR_UPSTREAM_UNREACHABLE');
  assert.deepEqual(door.events.at(-1)?.event, {
    requestId: 'request-id-1',
    cluster: 'app',
    code: 'ERR_UPSTREAM_UNREACHABLE',
    cause: 'ECONNREFUSED',
  });
});

test('FL-030: a name that does not exist is a 502', async (t) => {
  const door = await withDoor(t, { targets: ['http://no-such-host.invalid'] });
  await fails(door, get(), 502, 'ERR_UPSTREAM_UNREACHABLE');
});

test('FL-030: a target that does not speak TLS is a 502', async (t) => {
  const upstream = await createRawUpstream((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  t.after(() => upstream.close());
  const door = await withDoor(t, { targets: [upstream.url.replace('http:', 'https:')] });
  await fails(door, get(), 502, 'ERR_UPSTREAM_UNREACHABLE');
});

test('FL-030: a certificate is checked: for its authority, and for its name', async (t) => {
  const server = createTlsServer({ key: localhostKey, cert: localhostCertificate }, (_request, response) => {
    response.end('over TLS');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const cluster = { tls: { ca: localhostCertificate } };
  const unknown = await withDoor(t, { targets: [`https://localhost:${port}`] });
  await fails(unknown, get(), 502, 'ERR_UPSTREAM_UNREACHABLE');
  const misnamed = await withDoor(t, { targets: [`https://127.0.0.2:${port}`], cluster });
  await fails(misnamed, get(), 502, 'ERR_UPSTREAM_UNREACHABLE');
  for (const host of ['target', 'preserve']) {
    const good = await withDoor(t, { targets: [`https://localhost:${port}`], cluster: { ...cluster, host } });
    const { responses } = await rawSend(good.port, get(), { responses: 1 });
    assert.equal(responses[0]?.body, 'over TLS');
  }
});

test('FL-030: a connection reset before the answer is a 502', async (t) => {
  const upstream = await createRawUpstream((socket) => socket.on('data', () => socket.resetAndDestroy()));
  t.after(() => upstream.close());
  const door = await withDoor(t, { targets: [upstream.url] });
  await fails(
    door,
    'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab',
    502,
    'ERR_UPSTREAM_UNREACHABLE',
  );
  assert.equal(upstream.accepted(), 1);
});

test('FL-031: a target that never answers is a 504', async (t) => {
  const echo = await withEcho(t, () => undefined);
  const door = await withDoor(t, { targets: [echo.url], cluster: { timeouts: { responseHead: '200ms' } } });
  await fails(door, get(), 504, 'ERR_UPSTREAM_TIMEOUT');
  await echo.waitIdle();
});

test('DL-041: a response head that drips is a 504', async (t) => {
  const drip = (socket: Socket) => {
    const timer = setInterval(() => socket.write('X-A: b\r\n'), 20);
    socket.on('close', () => clearInterval(timer));
  };
  const echo = await withEcho(t, (_request, socket) => {
    drip(socket);
    return 'HTTP/1.1 200 OK\r\n';
  });
  const door = await withDoor(t, { targets: [echo.url], cluster: { timeouts: { responseHead: '300ms' } } });
  await fails(door, get(), 504, 'ERR_UPSTREAM_TIMEOUT');
});

test('DL-043: interim answers do not put the timeout off', async (t) => {
  const echo = await withEcho(t, (_request, socket) => {
    const timer = setInterval(() => socket.write('HTTP/1.1 103 Early Hints\r\n\r\n'), 100);
    socket.on('close', () => clearInterval(timer));
    return undefined;
  });
  const door = await withDoor(t, { targets: [echo.url], cluster: { timeouts: { responseHead: '400ms' } } });
  await fails(door, get(), 504, 'ERR_UPSTREAM_TIMEOUT');
});

test('a total timeout ends what goes on too long', async (t) => {
  const echo = await withEcho(t, () => undefined);
  const door = await withDoor(t, { targets: [echo.url], cluster: { timeouts: { total: '150ms' } } });
  await fails(door, get(), 504, 'ERR_UPSTREAM_TIMEOUT');
});

test('FL-032: a body that stalls breaks the connection of the client', async (t) => {
  const echo = await withEcho(t, () => 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc');
  const door = await withDoor(t, { targets: [echo.url], cluster: { timeouts: { idle: '200ms' } } });
  const peer = await rawConnect(door.port);
  peer.write(get());
  await peer.waitClosed();
  assert.equal(peer.responses()[0]?.complete, false);
  assert.equal(door.outcomes[0]?.error?.code, 'ERR_UPSTREAM_TIMEOUT');
  await echo.waitIdle();
  peer.destroy();
});

test('FL-033: a 500 of the application is passed on and not repeated', async (t) => {
  const echo = await withEcho(t, () => 'HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n');
  const door = await withDoor(t, { targets: [echo.url] });
  const { responses } = await rawSend(door.port, get(), { responses: 1 });
  assert.equal(responses[0]?.status, 503);
  assert.equal(echo.requests.length, 1);
  assert.equal(door.failures.length, 0);
});

test('FL-034: connections and queue are bounded; what is over them is a 503', async (t) => {
  const sockets: Socket[] = [];
  const echo = await withEcho(t, (_request, socket) => void sockets.push(socket));
  const door = await withDoor(t, { targets: [echo.url], cluster: { connections: 2, queue: 1 } });
  const peers = await Promise.all(Array.from({ length: 6 }, () => rawConnect(door.port)));
  for (const peer of peers) peer.write(get());
  await waitUntil(() => door.failures.length === 3 && echo.requests.length === 2);
  assert.equal(echo.accepted(), 2);
  assert.ok(
    door.failures.every((error) => error.code === 'ERR_UPSTREAM_OVERLOADED' && error.retryAfter === 1),
  );
  echo.answerWith(() => ok);
  for (const socket of sockets) socket.write(ok);
  await waitUntil(() => door.outcomes.length === 3);
  assert.equal(echo.accepted(), 2);
  for (const peer of peers) peer.destroy();
});

test('FL-034: a request waits for a connection only so long', async (t) => {
  const echo = await withEcho(t, () => undefined);
  const door = await withDoor(t, {
    targets: [echo.url],
    cluster: { connections: 1, timeouts: { queue: '100ms' } },
  });
  const first = await rawConnect(door.port);
  first.write(get('/first'));
  await echo.waitRequests(1);
  const { responses } = await rawSend(door.port, get('/second'), { responses: 1 });
  assert.equal(responses[0]?.status, 503);
  first.destroy();
  await waitUntil(() => door.carrier.inFlight() === 0);
  assert.equal(echo.sees('/second'), false);
});

test('FL-035: of two targets the one that is there serves everything', async (t) => {
  const echo = await withEcho(t, () => ok);
  const door = await withDoor(t, { targets: [`http://127.0.0.1:${await closedPort()}`, echo.url] });
  for (let i = 0; i < 6; i += 1) {
    assert.equal((await rawSend(door.port, get(), { responses: 1 })).responses[0]?.status, 200);
    const post = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab';
    assert.equal((await rawSend(door.port, post, { responses: 1 })).responses[0]?.status, 200);
  }
  assert.equal(echo.requests.length, 12);
});

test('targets take turns', async (t) => {
  const echoes = await Promise.all([withEcho(t, () => ok), withEcho(t, () => ok), withEcho(t, () => ok)]);
  const door = await withDoor(t, { targets: echoes.map((one) => one.url) });
  for (let i = 0; i < 9; i += 1) await rawSend(door.port, get(), { responses: 1 });
  assert.deepEqual(
    echoes.map((one) => one.requests.length),
    [3, 3, 3],
  );
});

const post = (path: string) => `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx`;

/** Serves one request per connection and then drops it just as the next one comes. */
async function staleUpstream(t: TestContext) {
  const seen: string[] = [];
  const upstream = await createRawUpstream((socket) => {
    let served = 0;
    socket.on('data', (chunk) => {
      seen.push(chunk.toString().split(' ')[1] as string);
      served += 1;
      if (served === 1) socket.write(ok);
      else socket.resetAndDestroy();
    });
  });
  t.after(() => upstream.close());
  return { upstream, seen };
}

test('HP-096: a GET on a connection that turns out to be dead is sent once more on a fresh one', async (t) => {
  const { upstream, seen } = await staleUpstream(t);
  const door = await withDoor(t, { targets: [upstream.url], cluster: { connections: 1 } });
  for (const path of ['/1', '/2', '/3']) {
    const { responses } = await rawSend(door.port, get(path), { responses: 1 });
    assert.equal(responses[0]?.body, 'ok', path);
  }
  assert.equal(seen.filter((path) => path === '/2').length, 2);
});

test('HP-096, HP-097: a POST on a connection that turns out to be dead is a 502 and never sent twice', async (t) => {
  const { upstream, seen } = await staleUpstream(t);
  const door = await withDoor(t, { targets: [upstream.url], cluster: { connections: 1 } });
  await rawSend(door.port, post('/1'), { responses: 1 });
  const { responses } = await rawSend(door.port, post('/2'), { responses: 1 });
  assert.equal(responses[0]?.status, 502);
  assert.deepEqual(seen, ['/1', '/2']);
});

test('HP-097: a GET is sent at most twice, and not again once an answer has begun', async (t) => {
  const echo = await withEcho(t, (_request, socket) => void socket.destroy());
  const door = await withDoor(t, { targets: [echo.url] });
  await fails(door, get('/never'), 502, 'ERR_UPSTREAM_UNREACHABLE');
  assert.equal(echo.requests.length, 2);
  echo.answerWith((_request, socket) => void socket.end('HTTP/1.1 200 OK\r\nContent-Le'));
  await fails(door, get('/begun'), 502, 'ERR_UPSTREAM_INVALID');
  assert.equal(echo.requests.length, 3);
});

for (const [title, head] of [
  ['of known length', `Content-Length: ${200_000}\r\n\r\n`],
  ['of unknown length', 'Transfer-Encoding: chunked\r\n\r\n186a0\r\n'],
] as const) {
  test(`HP-084: a client that leaves within a body ${title} never completes a request`, async (t) => {
    const echo = await withEcho(t, () => ok);
    const door = await withDoor(t, { targets: [echo.url] });
    const peer = await rawConnect(door.port);
    peer.write(`POST / HTTP/1.1\r\nHost: a\r\n${head}${'x'.repeat(50_000)}`);
    await waitUntil(() => echo.bytes().length > 40_000);
    peer.destroy();
    await echo.waitIdle();
    assert.equal(echo.requests.length, 0);
    assert.equal(echo.bytes().toString('latin1').endsWith('0\r\n\r\n'), false);
    await waitUntil(() => door.outcomes.length === 1);
    assert.equal(door.outcomes[0]?.aborted, true);
    assert.equal(door.carrier.inFlight(), 0);
  });
}

test('HP-084: a client that leaves within a small body was never heard of by the application', async (t) => {
  const echo = await withEcho(t, () => ok);
  const door = await withDoor(t, { targets: [echo.url] });
  const peer = await rawConnect(door.port);
  peer.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc');
  await waitUntil(() => door.carrier.inFlight() === 1);
  peer.destroy();
  await waitUntil(() => door.outcomes.length === 1);
  assert.equal(echo.accepted(), 0);
});

test('HP-085: an answer before the body has ended is passed on, and the upload stops', async (t) => {
  const early = 'HTTP/1.1 401 Unauthorized\r\nContent-Length: 4\r\n\r\nstop';
  const upstream = await createRawUpstream((socket) => socket.once('data', () => socket.write(early)));
  t.after(() => upstream.close());
  const door = await withDoor(t, { targets: [upstream.url] });
  const peer = await rawConnect(door.port);
  peer.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${50 * 1024 ** 2}\r\n\r\n${'x'.repeat(100_000)}`);
  const [response] = await peer.waitResponses(1);
  assert.equal(response?.status, 401);
  assert.equal(response?.body, 'stop');
  await waitUntil(() => upstream.open() === 0);
  const block = Buffer.alloc(1024 * 1024, 'x');
  for (let i = 0; i < 30 && !peer.closed(); i += 1) {
    peer.write(block);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await peer.waitClosed();
  peer.destroy();
});

test('HP-085: a client that finishes its body after an early answer goes on with the connection', async (t) => {
  const upstream = await createRawUpstream((socket) => socket.once('data', () => socket.write(ok)));
  t.after(() => upstream.close());
  const door = await withDoor(t, { targets: [upstream.url] });
  const peer = await rawConnect(door.port);
  peer.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n${'x'.repeat(100_000)}`);
  await peer.waitResponses(1);
  peer.write('x'.repeat(100_000) + get());
  const responses = await peer.waitResponses(2);
  assert.deepEqual(
    responses.map((one) => one.body),
    ['ok', 'ok'],
  );
  peer.destroy();
});

test('DL-012: a body declared over the limit is a 413 before anything is sent', async (t) => {
  const echo = await withEcho(t, () => ok);
  const door = await withDoor(t, { targets: [echo.url], deps: { bodyLimit: 1000 } });
  await fails(door, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n', 413, 'ERR_BODY_TOO_LARGE');
  await fails(
    door,
    'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9007199254740993\r\n\r\n',
    413,
    'ERR_BODY_TOO_LARGE',
  );
  assert.equal(echo.accepted(), 0);
});

test('DL-012: a body that grows over the limit of its route is a 413 and never completes', async (t) => {
  const echo = await withEcho(t, () => ok);
  const door = await withDoor(t, {
    targets: [echo.url],
    forward: () => ({ route: createRoute({ path: '/**', access: 'public', bodyLimit: 1000 }) }),
  });
  const chunk = `1f4\r\n${'x'.repeat(500)}\r\n`;
  const start = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n';
  await fails(door, `${start}${chunk}${chunk}1\r\nx\r\n0\r\n\r\n`, 413, 'ERR_BODY_TOO_LARGE');
  await echo.waitIdle();
  assert.equal(echo.requests.length, 0);
  assert.equal(
    (await rawSend(door.port, `${start}${chunk}${chunk}0\r\n\r\n`, { responses: 1 })).responses[0]?.status,
    200,
  );
});

test('HP-095: an event stream is passed on as it comes, and ends with the session', async (t) => {
  const streams: Socket[] = [];
  const echo = await withEcho(t, (_request, socket) => {
    streams.push(socket);
    return 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n';
  });
  const door = await withDoor(t, {
    targets: [echo.url],
    forward: () => ({ route: createRoute({ path: '/**' }), session: createSession() }),
  });
  const peer = await rawConnect(door.port);
  peer.write(get());
  await peer.waitFor((it) => it.text().includes('\r\n\r\n'));
  for (const event of ['one', 'two']) {
    streams[0]?.write(`9\r\ndata: ${event}\r\n`);
    await peer.waitFor((it) => it.text().includes(event));
  }
  assert.equal(door.held(), 1);
  door.endSessions();
  await peer.waitClosed();
  await echo.waitIdle();
  assert.equal(door.held(), 0);
  peer.destroy();
});

test('an ordinary answer holds on to nothing', async (t) => {
  const echo = await withEcho(t, () => 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nok');
  const door = await withDoor(t, {
    targets: [echo.url],
    forward: () => ({ route: createRoute({ path: '/**' }), session: createSession() }),
  });
  const peer = await rawConnect(door.port);
  peer.write(get());
  await peer.waitFor((it) => it.text().endsWith('ok'));
  assert.equal(door.held(), 0);
  peer.destroy();
});

test('HP-095: a client that leaves ends the request at the application within a second', async (t) => {
  const echo = await withEcho(t, () => undefined);
  const door = await withDoor(t, { targets: [echo.url] });
  const peer = await rawConnect(door.port);
  peer.write(get());
  await echo.waitRequests(1);
  peer.destroy();
  await echo.waitIdle(1000);
  await waitUntil(() => door.outcomes.length === 1);
  assert.equal(door.outcomes[0]?.aborted, true);
  assert.equal(door.events.length, 0);
});

test('2,000 clients that leave mid-response leave no connection behind, and the next request is served', async (t) => {
  const block = Buffer.alloc(16_384, 'x');
  const echo = await withEcho(t, (_request, socket) => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${1024 ** 3}\r\n\r\n`);
    return block;
  });
  const door = await withDoor(t, { targets: [echo.url], cluster: { connections: 100, queue: 2000 } });
  for (let round = 0; round < 20; round += 1) {
    await Promise.all(
      Array.from({ length: 100 }, async () => {
        const peer = await rawConnect(door.port);
        peer.write(get());
        await peer.waitFor((it) => it.received().length > 1000);
        peer.destroy();
      }),
    );
  }
  await echo.waitIdle();
  await waitUntil(() => door.carrier.inFlight() === 0);
  assert.equal(door.outcomes.length, 2000);
  echo.answerWith(() => ok);
  assert.equal((await rawSend(door.port, get(), { responses: 1 })).responses[0]?.body, 'ok');
});

test('RT-027, RT-028: the path arrives as it was decided on, below the base path', async (t) => {
  const echo = await withEcho(t, () => ok);
  const door = await withDoor(t, { targets: [`${echo.url}/v1`] });
  for (const target of [
    '//evil.test/x',
    '/a\\b',
    '/%2e%2e/secret',
    '/a/../b',
    '/a?x=/../..//y',
    '/;p=1',
    '/a%2Fb%00',
  ]) {
    await rawSend(door.port, get(target), { responses: 1 });
    assert.equal(echo.requests.at(-1)?.target, `/v1${target}`);
  }
});

test('RT-029: a captured segment arrives in a header encoded', async (t) => {
  const echo = await withEcho(t, () => ok);
  const route = createRoute({
    path: '/:id',
    access: 'public',
    requestHeaders: [
      { name: 'x-user', literals: ['', ''], holes: [{ source: 'params', path: ['id'], separator: null }] },
    ],
  });
  const door = await withDoor(t, {
    targets: [echo.url],
    forward: () => ({ route, params: { id: 'a/?#\r\nX: 1' } }),
  });
  await rawSend(door.port, get(), { responses: 1 });
  assert.deepEqual(echo.requests[0]?.all('x-user'), ['a/?#%0D%0AX: 1']);
});

test('FL-034: requests whose clients have left count until they are out of the queue, and cost no connection', async (t) => {
  const sockets: Socket[] = [];
  const echo = await withEcho(t, (_request, socket) => void sockets.push(socket));
  const door = await withDoor(t, { targets: [echo.url], cluster: { connections: 1, queue: 3 } });
  const first = await rawConnect(door.port);
  first.write(get('/first'));
  await echo.waitRequests(1);
  for (let i = 0; i < 3; i += 1) {
    const peer = await rawConnect(door.port);
    peer.write(get('/left'));
    await waitUntil(() => door.carrier.inFlight() === 2);
    peer.destroy();
    await waitUntil(() => door.carrier.inFlight() === 1);
  }
  await fails503(door);
  echo.answerWith(() => ok);
  sockets[0]?.write(ok);
  await first.waitResponses(1);
  assert.equal((await rawSend(door.port, get('/next'), { responses: 1 })).responses[0]?.body, 'ok');
  assert.equal(echo.sees('/left'), false);
  assert.equal(echo.accepted(), 1);
  first.destroy();
});

async function fails503(door: CarrierDoor): Promise<void> {
  const { responses } = await rawSend(door.port, get('/over'), { responses: 1 });
  assert.equal(responses[0]?.status, 503);
}

test('a client that left while it was being decided is not carried', async (t) => {
  const echo = await withEcho(t, () => ok);
  const door = await withDoor(t, { targets: [echo.url], decideAfter: 100 });
  const peer = await rawConnect(door.port);
  peer.write(get());
  await waitUntil(() => door.received() === 1);
  peer.destroy();
  await waitUntil(() => door.outcomes.length === 1);
  assert.equal(door.outcomes[0]?.aborted, true);
  assert.equal(door.carrier.inFlight(), 0);
  assert.equal(echo.accepted(), 0);
});

test('DL-039: a thousand requests on one connection leave no listener and no timer behind', async (t) => {
  const echo = await withEcho(t, () => ok);
  const door = await withDoor(t, { targets: [echo.url], cluster: { timeouts: { total: '30s' } } });
  const listeners: number[] = [];
  let client: Socket | null = null;
  door.server.on('connection', (socket: Socket) => {
    client = socket;
  });
  const peer = await rawConnect(door.port);
  for (const round of [1, 2]) {
    for (let i = 0; i < 10; i += 1) {
      peer.write(get().repeat(50));
      await waitUntil(() => door.outcomes.length === (round - 1) * 500 + (i + 1) * 50);
    }
    await waitUntil(() => door.carrier.inFlight() === 0);
    const names = (client as Socket | null)?.eventNames() ?? [];
    listeners.push(
      names.reduce((sum, name) => sum + ((client as Socket | null)?.listenerCount(name) ?? 0), 0),
    );
    listeners.push(process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length);
  }
  assert.deepEqual(listeners.slice(0, 1), listeners.slice(2, 3));
  assert.ok((listeners[3] ?? 0) <= (listeners[1] ?? 0) + 2, String(listeners));
  peer.destroy();
});

test('closing waits for what runs, and what comes later is told so', async (t) => {
  const sockets: Socket[] = [];
  const echo = await withEcho(t, (_request, socket) => void sockets.push(socket));
  const door = await withDoor(t, { targets: [echo.url] });
  const peer = await rawConnect(door.port);
  peer.write(get());
  await echo.waitRequests(1);
  const closed = door.carrier.close(5000);
  assert.equal((await rawSend(door.port, get(), { responses: 1 })).responses[0]?.body, 'ERR_DRAINING');
  sockets[0]?.write(ok);
  assert.equal((await peer.waitResponses(1))[0]?.body, 'ok');
  await closed;
  assert.equal(echo.requests.length, 1);
  peer.destroy();
});

test('closing does not wait past its deadline', async (t) => {
  const echo = await withEcho(t, () => undefined);
  const door = await withDoor(t, { targets: [echo.url] });
  const peer = await rawConnect(door.port);
  peer.write(get());
  await echo.waitRequests(1);
  await door.carrier.close(50);
  assert.equal((await peer.waitResponses(1))[0]?.status, 503);
  assert.equal(door.carrier.inFlight(), 0);
  peer.destroy();
});
