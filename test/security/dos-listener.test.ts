/** Catalogue 9 as far as the listener goes: what it refuses to wait for and to hold. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { rawConnect, waitUntil } from '../support/raw.ts';
import {
  get,
  type HarnessOptions,
  message,
  respond,
  smuggled,
  startDoor,
} from '../unit/doors/door-harness.ts';

const quick = {
  listen: { timeouts: { head: '200ms', body: '300ms', keepAlive: '200ms', stall: '400ms', drain: '1s' } },
} satisfies HarnessOptions;
const post = (...lines: readonly string[]) => message('POST /a HTTP/1.1', 'Host: app.test', ...lines);

/** Writes `bytes` one by one, every `milliseconds`, until the connection is closed. */
async function drip(port: number, first: string, bytes: string, milliseconds: number) {
  const peer = await rawConnect(port);
  peer.write(first);
  let next = 0;
  const timer = setInterval(() => peer.write(bytes[next++ % bytes.length] as string), milliseconds);
  await peer.waitClosed().finally(() => clearInterval(timer));
  peer.destroy();
  return peer.responses();
}

// They wait most of the time: side by side they take as long as the longest.
describe('limits of the listener', { concurrency: 6 }, () => {
  test('DL-001: a head that comes byte by byte is answered with 408 and closed', async () => {
    await using harness = await startDoor(quick);
    const [answer] = await drip(harness.port, 'GET /a HTTP/1.1\r\nHost: app.test\r\nX: ', 'a', 20);
    assert.equal(answer?.status, 408);
    assert.equal(answer?.header('connection'), 'close');
    assert.equal(harness.decided.length, 0);
    assert.deepEqual(
      harness.finished.map(({ decision, error }) => [decision, error]),
      [['head-timeout', 'ERR_REQUEST_TIMEOUT']],
    );
  });

  for (const framing of ['Content-Length: 3000000', 'Transfer-Encoding: chunked']) {
    test(`DL-003: a body behind OPTIONS * holds no connection (${framing})`, async () => {
      await using harness = await startDoor(quick);
      const [answer] = await drip(
        harness.port,
        message('OPTIONS * HTTP/1.1', 'Host: app.test', framing),
        'a',
        20,
      );
      assert.equal(answer?.status, 204);
      assert.equal(answer?.header('connection'), 'close');
    });
  }

  test('DL-003: the answer to a HEAD whose body does not come has no body either', async () => {
    await using harness = await startDoor({ ...quick, carry: () => {} });
    const bytes = message('HEAD /a HTTP/1.1', 'Host: app.test', 'Content-Length: 3');
    const { responses, text, closed } = await harness.send(bytes, { methods: ['HEAD'] });
    assert.equal(responses[0]?.status, 408);
    assert.match(text, /\r\n\r\n$/);
    assert.equal(closed, true);
  });

  test('DL-002: a connection that says nothing, or only empty lines, is closed', async () => {
    await using harness = await startDoor(quick);
    const [silent, dripping] = await Promise.all([harness.send(''), drip(harness.port, '', '\r\n', 20)]);
    assert.equal(silent.closed, true);
    assert.ok(dripping.length <= 1);
    assert.equal(harness.decided.length, 0);
  });

  test('DL-001: a slow head behind an unanswered request does not end that request', async () => {
    const answers: (() => void)[] = [];
    await using harness = await startDoor({
      ...quick,
      decide: () => new Promise((resolve) => answers.push(() => resolve(respond(200)))),
    });
    const peer = await rawConnect(harness.port);
    peer.write(`${get('/a')}GET /b HTTP/1.1\r\nHost`);
    await peer.waitFor(() => harness.decided.length === 1);
    await new Promise((resolve) => setTimeout(resolve, 500));
    answers[0]?.();
    await peer.waitClosed();
    assert.deepEqual(
      peer.responses().map(({ status }) => status),
      [200, 408],
    );
    peer.destroy();
  });

  test('DL-003: a body that stops is answered with 408 and closed', async () => {
    await using harness = await startDoor(quick);
    const result = await harness.send(`${post('Content-Length: 10')}abc`);
    assert.equal(result.responses[0]?.status, 408);
    assert.equal(result.closed, true);
    await waitUntil(() => harness.finished.length === 1);
    assert.equal(harness.finished[0]?.error, 'ERR_REQUEST_TIMEOUT');
    assert.equal(harness.finished[0]?.status, 408);
    assert.equal(harness.door.inFlight(), 0);
  });

  test('DL-003: a body that trickles for ever is ended however steady it is', async () => {
    await using harness = await startDoor(quick);
    const [answer] = await drip(harness.port, post('Content-Length: 100000'), 'a', 30);
    assert.equal(answer?.status, 408);
  });

  test('DL-003: a body that stops while an endpoint reads it is ended', async () => {
    await using harness = await startDoor({
      ...quick,
      decide: async (_head, readBody) => respond(200, { body: await readBody(1000) }),
    });
    const result = await harness.send(`${post('Content-Length: 10')}abc`);
    assert.equal(result.responses[0]?.status, 408);
    assert.equal(harness.door.inFlight(), 0);
  });

  test('DL-003: an upload lasts as long as it needs while it moves', async () => {
    await using harness = await startDoor({
      listen: { limits: { bodyRate: '10B' }, timeouts: { ...quick.listen.timeouts, body: '600ms' } },
    });
    const peer = await rawConnect(harness.port);
    peer.write(post('Content-Length: 150'));
    for (let sent = 0; sent < 150; sent += 10) {
      await new Promise((resolve) => setTimeout(resolve, 80));
      peer.write('0123456789');
    }
    const [answer] = await peer.waitResponses(1);
    assert.equal(answer?.status, 200);
    peer.destroy();
  });

  test('DL-003: time in which the application does not read is not held against the client', async () => {
    await using harness = await startDoor({
      ...quick,
      carry(exchange) {
        // Reads nothing for much longer than the timeout: the body piles up in front of it.
        setTimeout(() => exchange.request.resume(), 900);
        exchange.request.on('end', () => {
          exchange.response.end('done');
          exchange.finish({
            status: 200,
            upstreamMs: 1,
            bytesIn: 0,
            bytesOut: 4,
            error: null,
            aborted: false,
          });
        });
      },
    });
    const peer = await rawConnect(harness.port);
    peer.write(post('Content-Length: 4000000'));
    peer.write(Buffer.alloc(4_000_000));
    const [answer] = await peer.waitResponses(1);
    assert.equal(answer?.status, 200);
    peer.destroy();
  });

  test('DL-004: a client that does not read its answer is cut off', async () => {
    let wasClosed = false;
    await using harness = await startDoor({
      ...quick,
      carry(exchange) {
        const { response } = exchange;
        const chunk = Buffer.alloc(65_536);
        const pump = () => {
          while (!response.destroyed && response.write(chunk));
        };
        response.on('drain', pump);
        response.on('close', () => {
          wasClosed = true;
          exchange.finish({
            status: 200,
            upstreamMs: 1,
            bytesIn: 0,
            bytesOut: 0,
            error: null,
            aborted: true,
          });
        });
        pump();
      },
    });
    const peer = await rawConnect(harness.port);
    peer.pause();
    peer.write(get('/endless'));
    await waitUntil(() => wasClosed, 8000);
    assert.equal(harness.door.inFlight(), 0);
    peer.destroy();
  });

  test('DL-004: an answer that has nothing to say for long is not a stalled one', async () => {
    await using harness = await startDoor({
      ...quick,
      carry(exchange) {
        exchange.response.writeHead(200, ['content-type', 'text/event-stream']);
        exchange.response.write('a');
        setTimeout(() => {
          exchange.response.end('b');
          exchange.finish({
            status: 200,
            upstreamMs: 1,
            bytesIn: 0,
            bytesOut: 2,
            error: null,
            aborted: false,
          });
        }, 1000);
      },
    });
    const [answer] = (await harness.send(get('/events'), { responses: 1 })).responses;
    assert.equal(answer?.body, 'ab');
  });

  test('DL-005: an idle connection is closed after `keepAlive`, not before', async () => {
    await using harness = await startDoor({
      listen: { timeouts: { ...quick.listen.timeouts, keepAlive: '500ms' } },
    });
    const peer = await rawConnect(harness.port);
    peer.write(get('/a'));
    await peer.waitResponses(1);
    await new Promise((resolve) => setTimeout(resolve, 250));
    peer.write(get('/b'));
    await peer.waitResponses(2);
    await peer.waitClosed();
    assert.equal(peer.responses().length, 2);
    peer.destroy();
  });

  test('DL-006: a connection is closed after `requestsPerConnection`, and nothing behind is read', async () => {
    await using harness = await startDoor({ listen: { limits: { requestsPerConnection: 3 } } });
    const result = await harness.send(get('/1') + get('/2') + get('/3') + smuggled);
    assert.deepEqual(
      result.responses.map((response) => response.header('connection')),
      ['keep-alive', 'keep-alive', 'close'],
    );
    assert.deepEqual(harness.decided, ['GET /1', 'GET /2', 'GET /3']);
  });

  test('DL-007: connections beyond the cap are closed at once, and the others are served', async () => {
    await using harness = await startDoor({ listen: { limits: { connections: 2 } } });
    const first = await rawConnect(harness.port);
    const second = await rawConnect(harness.port);
    await waitUntil(() => !first.closed() && !second.closed());
    const third = await rawConnect(harness.port);
    await third.waitClosed();
    first.write(get('/a'));
    const [answer] = await first.waitResponses(1);
    assert.equal(answer?.status, 200);
    for (const peer of [first, second, third]) peer.destroy();
  });

  test('DL-012: a declared length over the limit is refused before the body is read', async () => {
    await using harness = await startDoor({ listen: { limits: { body: '1KiB' } } });
    const result = await harness.send(post('Content-Length: 1025') + smuggled);
    assert.equal(result.responses[0]?.status, 413);
    assert.equal(result.responses.length, 1);
    assert.equal(harness.carried.length, 0);
  });

  test('DL-012: an endpoint never reads more than it asked for, with a length or without', async () => {
    await using harness = await startDoor({
      decide: async (_head, readBody) => respond(200, { body: await readBody(4) }),
    });
    const rows = [
      `${post('Content-Length: 5')}abcde`,
      `${post('Transfer-Encoding: chunked')}5\r\nabcde\r\n0\r\n\r\n`,
    ];
    for (const bytes of rows) {
      const result = await harness.send(bytes, { responses: 1 });
      assert.equal(result.responses[0]?.status, 413);
    }
    const fits = await harness.send(`${post('Content-Length: 4')}abcd`, { responses: 1 });
    assert.equal(fits.responses[0]?.body, 'abcd');
  });

  test('DL-017: a flood of pipelined requests is cut off, and what was taken is answered', async () => {
    const release: (() => void)[] = [];
    await using harness = await startDoor({
      listen: { limits: { pipelined: 8 } },
      decide: () => new Promise((resolve) => release.push(() => resolve(respond(200)))),
    });
    const peer = await rawConnect(harness.port);
    peer.write(Array.from({ length: 2000 }, (_, index) => get(`/${index}`)).join(''));
    await peer.waitFor(() => harness.decided.length === 8);
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(harness.decided.length, 8);
    for (const answer of release) answer();
    await peer.waitClosed();
    assert.deepEqual(
      peer.responses().map(({ status }) => status),
      [200, 200, 200, 200, 200, 200, 200, 200, 400],
    );
    peer.destroy();
  });

  test('DL-017: what waits on a connection that is lost is told so', async () => {
    let closed = 0;
    await using harness = await startDoor({
      carry(exchange) {
        exchange.response.on('close', () => {
          closed += 1;
          exchange.finish({
            status: 499,
            upstreamMs: null,
            bytesIn: 0,
            bytesOut: 0,
            error: null,
            aborted: true,
          });
        });
      },
    });
    const peer = await rawConnect(harness.port);
    peer.write(get('/1') + get('/2') + get('/3'));
    await peer.waitFor(() => harness.carried.length === 3);
    peer.socket.resetAndDestroy();
    await waitUntil(
      () => closed === 3,
      2000,
      () => `only ${closed} of 3 were told`,
    );
    assert.equal(harness.door.inFlight(), 0);
  });

  test('DL-030 DL-031: what a client writes reaches events in bounded words only', async () => {
    await using harness = await startDoor();
    const hostile = [
      get('/a%0a{"level":"info"}'),
      get('/\x1b[31m'),
      message('GET /a HTTP/1.1', 'Host: app.test\x1b[31m'),
      `\x1b[31m{"level":"info"}\r\n\r\n`,
      message('BREW /pot HTTP/1.1', 'Host: app.test'),
      get('/a', `User-Agent: ${'x'.repeat(17_000)}`),
    ];
    for (const bytes of hostile) await harness.send(bytes);
    assert.equal(harness.finished.length, hostile.length);
    for (const { decision, method, path, status } of harness.finished) {
      assert.match(decision, /^[a-z-]+$/);
      assert.match(method, /^[A-Z-]{1,20}$/);
      assert.equal(path, null);
      assert.ok(status >= 400 && status < 500);
    }
  });

  test('2,000 clients that leave leave nothing behind', async () => {
    await using harness = await startDoor({
      carry(exchange) {
        exchange.response.on('close', () =>
          exchange.finish({
            status: 499,
            upstreamMs: null,
            bytesIn: 0,
            bytesOut: 0,
            error: null,
            aborted: true,
          }),
        );
      },
    });
    for (let round = 0; round < 20; round++) {
      const peers = await Promise.all(Array.from({ length: 100 }, () => rawConnect(harness.port)));
      for (const peer of peers) peer.write(get('/a'));
      await waitUntil(() => harness.carried.length === (round + 1) * 100);
      for (const peer of peers) peer.destroy();
    }
    await waitUntil(() => harness.door.inFlight() === 0);
    assert.equal(harness.finished.length, 2000);
  });
});
