import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { SallyportError } from '../../../src/core/errors.ts';
import { listenSchema } from '../../../src/doors/listen-config.ts';
import { createServerDoor } from '../../../src/doors/server.ts';
import { rawConnect, waitUntil } from '../../support/raw.ts';
import { forward, get, message, respond, smuggled, startDoor } from './door-harness.ts';

const handshake = get('/ws', 'Upgrade: websocket', 'Connection: Upgrade');

test('an own answer carries its length, its request id and each cookie on a line of its own', async () => {
  await using harness = await startDoor({
    decide: () => respond(200, { body: 'grüße', setCookies: ['a=1', 'b=2'] }),
  });
  const [answer] = (await harness.send(get('/a'), { responses: 1 })).responses;
  assert.equal(answer?.header('content-length'), '7');
  assert.deepEqual(answer?.all('set-cookie'), ['a=1', 'b=2']);
  assert.equal(answer?.header('x-request-id'), harness.finished[0]?.requestId);
  assert.equal(Buffer.from(answer?.body ?? '', 'latin1').toString(), 'grüße');
});

test('HEAD gets the length and no body, and the connection goes on', async () => {
  await using harness = await startDoor({ decide: () => respond(200, { body: 'hello' }) });
  const { responses } = await harness.send(message('HEAD /a HTTP/1.1', 'Host: app.test') + get('/b'), {
    responses: 2,
    methods: ['HEAD', 'GET'],
  });
  assert.equal(responses[0]?.header('content-length'), '5');
  assert.equal(responses[0]?.body, '');
  assert.equal(responses[1]?.body, 'hello');
});

test('204 has neither body nor length', async () => {
  await using harness = await startDoor({ decide: () => respond(204, { body: '', headers: [] }) });
  const [answer] = (await harness.send(get('/a'), { responses: 1 })).responses;
  assert.equal(answer?.header('content-length'), null);
});

test('HTTP/1.0 is served and closed', async () => {
  await using harness = await startDoor();
  const result = await harness.send(message('GET /a HTTP/1.0', 'Host: app.test'));
  assert.equal(result.responses[0]?.body, 'GET /a []');
  assert.equal(result.closed, true);
});

test('every request is told once: method, path without query, decision, status and client', async () => {
  await using harness = await startDoor();
  await harness.send(get('/a?code=secret'), { responses: 1 });
  const [event] = harness.finished;
  assert.equal(harness.finished.length, 1);
  assert.partialDeepStrictEqual(event, {
    method: 'GET',
    path: '/a',
    route: 'all',
    decision: 'forward',
    status: 200,
    session: null,
    client: '127.0.0.1',
    upstreamMs: 1,
    error: null,
    aborted: false,
  });
  assert.ok((event?.durationMs ?? -1) >= 0);
  assert.ok(!JSON.stringify(harness.events).includes('secret'));
});

test('a request that nobody waits for any more is told as aborted, and is not carried', async () => {
  let release: () => void = () => undefined;
  await using harness = await startDoor({
    decide: () => new Promise((resolve) => (release = () => resolve(forward))),
  });
  const peer = await rawConnect(harness.port);
  peer.write(get('/a'));
  await peer.waitFor(() => harness.decided.length === 1);
  peer.destroy();
  await waitUntil(() => harness.finished.length === 1);
  assert.partialDeepStrictEqual(harness.finished[0], { decision: 'aborted', status: 499, aborted: true });
  release();
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(harness.carried.length, 0);
  assert.equal(harness.door.inFlight(), 0);
});

test('an operational failure becomes its answer, thrown or rejected', async () => {
  for (const isAsync of [false, true]) {
    const error = new SallyportError('ERR_STORE_UNAVAILABLE', 'the disk is full', { retryAfter: 1 });
    await using harness = await startDoor({
      decide: () => {
        if (isAsync) return Promise.reject(error);
        throw error;
      },
    });
    const [answer] = (await harness.send(get('/a'), { responses: 1 })).responses;
    assert.equal(answer?.status, 503);
    assert.equal(harness.finished[0]?.error, 'ERR_STORE_UNAVAILABLE');
    assert.ok(!harness.events.some(({ name }) => name === 'request.crashed'));
  }
});

test('a bug becomes 500 without its message, and an event that tells where', async () => {
  for (const isAsync of [false, true]) {
    await using harness = await startDoor({
      decide: () => {
        const error = new TypeError('token=secret');
        if (isAsync) return Promise.reject(error);
        throw error;
      },
    });
    const result = await harness.send(get('/a') + get('/b'), { responses: 2 });
    assert.deepEqual(
      result.responses.map(({ status }) => status),
      [500, 500],
    );
    assert.ok(!result.text.includes('secret'));
    const crash = harness.events.find(({ name }) => name === 'request.crashed');
    assert.match(JSON.stringify(crash), /TypeError/);
    assert.ok(!JSON.stringify(harness.events).includes('secret'));
  }
});

test('a carrier that throws is a bug like any other', async () => {
  await using harness = await startDoor({
    carry() {
      throw new TypeError('secret');
    },
  });
  const [answer] = (await harness.send(get('/a'), { responses: 1 })).responses;
  assert.equal(answer?.status, 500);
  assert.equal(harness.finished[0]?.error, 'ERR_INTERNAL');
});

test('a bug in making the failure page still leaves an answer', async () => {
  await using harness = await startDoor({
    failure() {
      throw new Error('bug');
    },
  });
  const result = await harness.send(message('GET /a HTTP/1.1', 'Host: evil.test') + smuggled);
  assert.equal(result.responses[0]?.status, 421);
  assert.equal(result.responses[0]?.body, 'ERR_MISDIRECTED\n');
});

test('a failure of the application is told as forwarded, with the cookies of the decision', async () => {
  await using harness = await startDoor({
    decide: () => ({ ...forward, setCookies: ['s=2'] }),
    carry: (exchange) => exchange.fail(new SallyportError('ERR_UPSTREAM_UNREACHABLE', 'refused'), 5),
  });
  const [answer] = (await harness.send(get('/a'), { responses: 1 })).responses;
  assert.equal(answer?.status, 502);
  assert.deepEqual(answer?.all('set-cookie'), ['s=2']);
  assert.partialDeepStrictEqual(harness.finished[0], {
    decision: 'forward',
    route: 'all',
    status: 502,
    upstreamMs: 5,
    error: 'ERR_UPSTREAM_UNREACHABLE',
  });
});

test('the body limit of a route counts instead of the one of the listener', async () => {
  await using harness = await startDoor({
    listen: { limits: { body: '2B' } },
    decide: () => ({ ...forward, route: { ...forward.route, bodyLimit: 4 } }),
  });
  const post = (body: string) =>
    `${message('POST /a HTTP/1.1', 'Host: app.test', `Content-Length: ${body.length}`)}${body}`;
  const fits = await harness.send(post('abcd'), { responses: 1 });
  assert.equal(fits.responses[0]?.body, 'POST /a [abcd]');
  const over = await harness.send(post('abcde'), { responses: 1 });
  assert.equal(over.responses[0]?.status, 413);
});

test('an application that answers before it has the body leaves the connection usable or closes it', async () => {
  await using harness = await startDoor({
    carry(exchange) {
      exchange.response.end('early');
      exchange.finish({ status: 200, upstreamMs: 1, bytesIn: 0, bytesOut: 5, error: null, aborted: false });
    },
  });
  const peer = await rawConnect(harness.port);
  peer.write(
    message('POST /a HTTP/1.1', 'Host: app.test', `Content-Length: ${smuggled.length * 2}`) + smuggled,
  );
  await peer.waitResponses(1);
  peer.write(smuggled + get('/next'));
  await peer.waitResponses(2);
  assert.deepEqual(harness.decided, ['POST /a', 'GET /next']);
  peer.destroy();
});

test('LO-049: a request that ended with its session brings no cookie of it back', async () => {
  await using harness = await startDoor({
    decide: () => ({ ...forward, setCookies: ['s=2'] }),
    carry: (exchange) => exchange.fail(new SallyportError('ERR_SESSION_ENDED', 'ended'), null),
  });
  const [answer] = (await harness.send(get('/a'), { responses: 1 })).responses;
  assert.equal(answer?.status, 401);
  assert.doesNotMatch(JSON.stringify(answer), /s=2/);
});

const tied = { tie() {} };

test('a taken port is said plainly', async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  const { port } = taken.address() as { port: number };
  const door = createServerDoor(listenSchema.parse({ address: `127.0.0.1:${port}` }), {
    publicUrl: new URL('http://app.test'),
    decide: () => forward,
    failure: (_head, error) => respond(error.status),
    carrier: {
      carry: () => tied,
      carryUpgrade: () => tied,
      inFlight: () => 0,
      close: () => Promise.resolve(),
    },
    emit: () => undefined,
    clock: { now: () => 0, monotonic: () => performance.now() },
  });
  await assert.rejects(door.listen(), {
    message: `127.0.0.1:${port} is taken: another process listens there`,
  });
  await new Promise((resolve) => taken.close(resolve));
});

test('closing finishes what runs with `Connection: close`, closes what is idle and accepts nothing new', async () => {
  let release: () => void = () => undefined;
  await using harness = await startDoor({
    decide: (head) =>
      head.url.path === '/slow'
        ? new Promise((resolve) => (release = () => resolve(respond(200))))
        : respond(200),
  });
  const idle = await rawConnect(harness.port);
  idle.write(get('/a'));
  await idle.waitResponses(1);
  const busy = await rawConnect(harness.port);
  busy.write(get('/slow'));
  await busy.waitFor(() => harness.decided.includes('GET /slow'));
  assert.equal(harness.door.inFlight(), 1);
  const closing = harness.door.close();
  await idle.waitClosed();
  await assert.rejects(rawConnect(harness.port));
  assert.equal(busy.closed(), false);
  release();
  const [answer] = await busy.waitResponses(1);
  assert.equal(answer?.status, 200);
  assert.equal(answer?.header('connection'), 'close');
  assert.equal(await closing, true);
  assert.equal(harness.door.close(), closing);
  for (const peer of [idle, busy]) peer.destroy();
});

test('closing waits no longer than the limit and then breaks off', async () => {
  await using harness = await startDoor({
    listen: { timeouts: { drain: '200ms' } },
    decide: () => new Promise(() => undefined),
  });
  const peer = await rawConnect(harness.port);
  peer.write(get('/never'));
  await peer.waitFor(() => harness.decided.length === 1);
  assert.equal(await harness.door.close(), false);
  await peer.waitClosed();
  assert.equal(harness.finished[0]?.aborted, true);
  peer.destroy();
});

test('FL-040: closing with notice still takes new connections for so long, and tells each to close', async () => {
  await using harness = await startDoor({ listen: { timeouts: { notice: '300ms' } } });
  const kept = await rawConnect(harness.port);
  const closing = harness.door.close();
  const fresh = await rawConnect(harness.port);
  for (const peer of [kept, fresh]) {
    peer.write(get('/late'));
    const [answer] = await peer.waitResponses(1);
    assert.equal(answer?.status, 200);
    assert.equal(answer?.header('connection'), 'close');
    await peer.waitClosed();
    peer.destroy();
  }
  assert.equal(await closing, true);
  await assert.rejects(rawConnect(harness.port));
});

test('closing asks the carrier to end upgraded connections, and waits for them', async () => {
  const open: (() => void)[] = [];
  await using harness = await startDoor({
    carryUpgrade(exchange) {
      exchange.socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
      );
      exchange.socket.on('close', () =>
        exchange.finish({ status: 101, upstreamMs: 1, bytesIn: 0, bytesOut: 0, error: null, aborted: false }),
      );
      open.push(() => exchange.socket.end('bye'));
    },
    closeCarrier: async () => {
      for (const end of open) end();
    },
  });
  const peer = await rawConnect(harness.port);
  peer.write(handshake);
  await peer.waitFor(() => peer.text().startsWith('HTTP/1.1 101'));
  const closing = harness.door.close();
  await peer.waitClosed();
  peer.end();
  assert.equal(await closing, true);
  assert.match(peer.text(), /bye$/);
  peer.destroy();
});
