/** Upgraded connections: only what was asked for is tunnelled, and it ends with the session, with silence, with the gate. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { WebSocket, WebSocketServer } from 'ws';
import { acceptFor } from '../../src/upstreams/websocket-handshake.ts';
import {
  type CarrierDoor,
  type CarrierDoorOptions,
  createCarrierDoor,
  createSession,
} from '../support/carrier-door.ts';
import { createEcho, type Echo, type EchoAnswer } from '../support/echo.ts';
import { createRoute } from '../support/heads.ts';
import { rawConnect, rawSend, waitUntil } from '../support/raw.ts';
import { closedPort } from '../support/upstream.ts';

const key = 'dGhlIHNhbXBsZSBub25jZQ==';
const handshake = (lines: readonly string[] = [], path = '/ws') =>
  [
    `GET ${path} HTTP/1.1`,
    'Host: app.test',
    'Connection: keep-alive, Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${key}`,
    ...lines,
    '',
    '',
  ].join('\r\n');
const switching = (lines: readonly string[] = [], accept = acceptFor(key)) =>
  [
    'HTTP/1.1 101 Switching Protocols',
    'Connection: Upgrade',
    'Upgrade: websocket',
    `Sec-WebSocket-Accept: ${accept}`,
    ...lines,
    '',
    '',
  ].join('\r\n');

const signedIn = () => ({ route: createRoute({ path: '/**' }), session: createSession() });

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

/** A WebSocket application that sends everything back. */
async function withWebSockets(t: TestContext): Promise<string> {
  const http = createServer();
  const server = new WebSocketServer({
    server: http,
    handleProtocols: (offered) => [...offered][0] ?? false,
  });
  server.on('connection', (socket) => {
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const client of server.clients) client.terminate();
    server.close();
    http.close();
  });
  return `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
}

async function opened(door: CarrierDoor, protocols: string[] = []): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${door.port}/ws?token=x`, protocols);
  socket.on('error', () => undefined);
  await new Promise((resolve) => socket.once('open', resolve));
  return socket;
}

const nextMessage = (socket: WebSocket) =>
  new Promise<Buffer>((resolve) => socket.once('message', (data) => resolve(data as Buffer)));

const closedWith = (socket: WebSocket) => new Promise<number>((resolve) => socket.once('close', resolve));

test('a WebSocket carries messages of every size both ways', async (t) => {
  const door = await withDoor(t, { targets: [await withWebSockets(t)], forward: signedIn });
  const socket = await opened(door, ['chat', 'other']);
  assert.equal(socket.protocol, 'chat');
  for (const size of [0, 1, 125, 126, 65_535, 65_536, 3_000_000]) {
    const message = Buffer.alloc(size, 'm');
    const back = nextMessage(socket);
    socket.send(message);
    assert.deepEqual(await back, message);
  }
  const closed = closedWith(socket);
  socket.close(4000);
  assert.equal(await closed, 4000);
  await waitUntil(() => door.outcomes.length === 1);
  assert.equal(door.outcomes[0]?.status, 101);
  assert.ok((door.outcomes[0]?.bytesIn ?? 0) > 3_000_000);
  assert.ok((door.outcomes[0]?.bytesOut ?? 0) > 3_000_000);
  assert.equal(door.held(), 0);
  assert.equal(door.carrier.inFlight(), 0);
});

test('HP-100, HP-070: the handshake goes through the same rules as any request', async (t) => {
  const echo = await withEcho(t, () => switching());
  const door = await withDoor(t, { targets: [`${echo.url}/base`], forward: signedIn });
  const peer = await rawConnect(door.port);
  peer.write(
    handshake(['X-User: admin', 'X_User: admin', 'Cookie: sallyport=x; a=1', 'Authorization: Basic eA==']),
  );
  await peer.waitFor((it) => it.text().includes('\r\n\r\n'));
  const request = echo.requests[0];
  assert.equal(request?.target, '/base/ws');
  assert.equal(request?.head.includes('admin'), false);
  assert.deepEqual(request?.all('cookie'), ['a=1']);
  assert.deepEqual(request?.all('authorization'), []);
  assert.deepEqual(request?.all('upgrade'), ['websocket']);
  assert.deepEqual(request?.all('x-forwarded-for'), ['192.0.2.7']);
  peer.destroy();
});

test('bytes sent with the handshake are neither lost nor left out of the count', async (t) => {
  const echo = await withEcho(t, () => switching());
  const door = await withDoor(t, { targets: [echo.url] });
  const peer = await rawConnect(door.port);
  peer.write(`${handshake()}early`);
  await peer.waitFor((it) => it.text().endsWith('\r\n\r\nearly'));
  peer.destroy();
  await echo.waitIdle();
  await waitUntil(() => door.outcomes.length === 1);
  assert.equal(door.outcomes[0]?.bytesIn, 'early'.length);
});

test('our cookies travel with the switch, and cookies of ours set by the application do not', async (t) => {
  const echo = await withEcho(t, () =>
    switching(['Set-Cookie: sallyport=evil', 'Set-Cookie: a=1', 'X-A: b']),
  );
  const door = await withDoor(t, {
    targets: [echo.url],
    forward: () => ({ ...signedIn(), setCookies: ['sallyport=new'] }),
  });
  const peer = await rawConnect(door.port);
  peer.write(handshake());
  await peer.waitFor((it) => it.text().includes('\r\n\r\n'));
  const [response] = peer.responses();
  assert.equal(response?.status, 101);
  assert.deepEqual(response?.all('set-cookie'), ['a=1', 'sallyport=new']);
  assert.deepEqual(response?.all('connection'), ['Upgrade']);
  assert.deepEqual(response?.all('upgrade'), ['websocket']);
  assert.equal(response?.header('x-a'), 'b');
  peer.destroy();
});

const wrong: readonly (readonly [string, string, readonly string[]])[] = [
  ['a wrong Sec-WebSocket-Accept', switching([], acceptFor('another key')), []],
  ['no Sec-WebSocket-Accept', switching().replace(/Sec-WebSocket-Accept.*\r\n/, ''), []],
  ['another protocol', switching().replace('Upgrade: websocket', 'Upgrade: h2c'), []],
  ['an extra protocol', switching().replace('Upgrade: websocket', 'Upgrade: websocket\r\nUpgrade: h2c'), []],
  ['a list of protocols', switching().replace('Upgrade: websocket', 'Upgrade: websocket, h2c'), []],
  ['a subprotocol nobody offered', switching(['Sec-WebSocket-Protocol: admin']), []],
  ['another subprotocol', switching(['Sec-WebSocket-Protocol: admin']), ['Sec-WebSocket-Protocol: chat']],
  ['two subprotocols', switching(['Sec-WebSocket-Protocol: chat, b']), ['Sec-WebSocket-Protocol: chat, b']],
  ['an extension nobody offered', switching(['Sec-WebSocket-Extensions: permessage-deflate']), []],
  ['a control character in a field', switching(['X-A: a\x01b']), []],
];
for (const [title, answer, lines] of wrong) {
  test(`HP-106: a switch with ${title} is a 502 and no tunnel`, async (t) => {
    const echo = await withEcho(t, () => answer);
    const door = await withDoor(t, { targets: [echo.url] });
    const { responses, text } = await rawSend(door.port, `${handshake(lines)}secret`, {});
    assert.equal(responses[0]?.status, 502);
    assert.equal(text.includes('secret'), false);
    assert.equal(door.failures[0]?.code, 'ERR_UPSTREAM_INVALID');
    assert.equal(door.events[0]?.name, 'upstream.failed');
    await echo.waitIdle();
    assert.equal(door.carrier.inFlight(), 0);
  });
}

test('HP-106: an offered subprotocol and extension are accepted', async (t) => {
  const echo = await withEcho(t, () =>
    switching(['Sec-WebSocket-Protocol: chat', 'Sec-WebSocket-Extensions: permessage-deflate; a=1']),
  );
  const door = await withDoor(t, { targets: [echo.url] });
  const peer = await rawConnect(door.port);
  peer.write(
    handshake(['Sec-WebSocket-Protocol: other, chat', 'Sec-WebSocket-Extensions: x, permessage-deflate; b']),
  );
  await peer.waitFor((it) => it.text().includes('\r\n\r\n'));
  assert.equal(peer.responses()[0]?.status, 101);
  peer.destroy();
});

test('an answer that does not switch reaches the client as it is', async (t) => {
  const echo = await withEcho(t, () => 'HTTP/1.1 426 Nope\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello');
  const door = await withDoor(t, { targets: [echo.url], forward: signedIn });
  const { responses, closed } = await rawSend(door.port, handshake());
  assert.equal(responses[0]?.status, 426);
  assert.equal(responses[0]?.body, 'hello');
  assert.equal(responses[0]?.header('x-a'), 'b');
  assert.equal(closed, true);
  await waitUntil(() => door.outcomes.length === 1);
  assert.equal(door.outcomes[0]?.aborted, false);
  assert.equal(door.carrier.inFlight(), 0);
});

test('an answer that does not switch and breaks off is broken off', async (t) => {
  const echo = await withEcho(t, (_request, socket) => {
    socket.end('HTTP/1.1 404 Nope\r\nContent-Length: 50\r\n\r\nhello');
    return undefined;
  });
  const door = await withDoor(t, { targets: [echo.url] });
  const { responses } = await rawSend(door.port, handshake());
  assert.equal(responses[0]?.complete, false);
  await waitUntil(() => door.carrier.inFlight() === 0);
});

test('a target that cannot be reached is a 502, one that does not answer a 504', async (t) => {
  const gone = await withDoor(t, { targets: [`http://127.0.0.1:${await closedPort()}`] });
  assert.equal((await rawSend(gone.port, handshake())).responses[0]?.status, 502);
  const echo = await withEcho(t, () => undefined);
  const mute = await withDoor(t, { targets: [echo.url], cluster: { timeouts: { responseHead: '100ms' } } });
  assert.equal((await rawSend(mute.port, handshake())).responses[0]?.status, 504);
});

test('a client that leaves during the handshake leaves nothing behind', async (t) => {
  const echo = await withEcho(t, () => undefined);
  const door = await withDoor(t, { targets: [echo.url], forward: signedIn });
  const peer = await rawConnect(door.port);
  peer.write(handshake());
  await echo.waitRequests(1);
  peer.socket.resetAndDestroy();
  await echo.waitIdle();
  await waitUntil(() => door.outcomes.length === 1);
  assert.equal(door.outcomes[0]?.aborted, true);
  assert.equal(door.carrier.inFlight(), 0);
});

test('HP-108: when the session ends the WebSocket is closed with 1008', async (t) => {
  const door = await withDoor(t, { targets: [await withWebSockets(t)], forward: signedIn });
  const socket = await opened(door);
  const back = nextMessage(socket);
  socket.send('a');
  await back;
  assert.equal(door.held(), 1);
  const closed = once(socket, 'close');
  door.endSessions('logout');
  const [code, reason] = await closed;
  assert.deepEqual([code, String(reason)], [1008, 'session ended']);
  await waitUntil(() => door.carrier.inFlight() === 0);
  assert.equal(door.held(), 0);
});

test('HP-108: a frame that is under way is finished first, and nothing passes behind it', async (t) => {
  const echo = await withEcho(t, (_request, socket) => {
    socket.write(`${switching()}\x82\x05ab`, 'latin1');
    setTimeout(() => socket.write('cde\x82\x03xyz', 'latin1'), 100);
    return undefined;
  });
  const door = await withDoor(t, { targets: [echo.url], forward: signedIn });
  const peer = await rawConnect(door.port);
  peer.write(handshake());
  await peer.waitFor((it) => it.text().endsWith('ab'));
  door.endSessions();
  peer.write('too late');
  await peer.waitClosed();
  assert.ok(peer.text().endsWith('abcde\x88\x0f\x03\xf0session ended'), peer.text());
  assert.ok(!echo.sees('too late'));
  await waitUntil(() => door.carrier.inFlight() === 0);
  await echo.waitIdle();
});

test('HP-108: in the middle of a frame that does not end the connection is destroyed instead', async (t) => {
  const echo = await withEcho(t, () => `${switching()}\x82\x05ab`);
  const door = await withDoor(t, { targets: [echo.url], forward: signedIn });
  const peer = await rawConnect(door.port);
  peer.write(handshake());
  await peer.waitFor((it) => it.text().endsWith('ab'));
  door.endSessions();
  await peer.waitClosed();
  assert.equal(peer.text().endsWith('ab'), true);
  await echo.waitIdle();
  peer.destroy();
});

test('HP-111: at shutdown WebSockets are closed with 1001 and event streams end', async (t) => {
  const door = await withDoor(t, { targets: [await withWebSockets(t)] });
  const sockets = await Promise.all([opened(door), opened(door)]);
  const closed = Promise.all(sockets.map(closedWith));
  await door.carrier.close(2000);
  assert.deepEqual(await closed, [1001, 1001]);
  await waitUntil(() => door.carrier.inFlight() === 0);
});

test('HP-110: a silent connection is closed', async (t) => {
  const door = await withDoor(t, {
    targets: [await withWebSockets(t)],
    cluster: { timeouts: { upgraded: '200ms' } },
  });
  const socket = await opened(door);
  assert.equal(await closedWith(socket), 1001);
});

test('HP-110: a client that does not read stops the application instead of filling memory', async (t) => {
  let written = 0;
  let stopped = false;
  const echo = await withEcho(t, (_request, socket) => {
    const block = Buffer.alloc(65_536, 'x');
    const pump = () => {
      while (!socket.destroyed) {
        written += block.length;
        if (!socket.write(block)) break;
      }
    };
    socket.on('drain', pump).on('close', () => {
      stopped = true;
    });
    setImmediate(pump);
    return switching();
  });
  const door = await withDoor(t, { targets: [echo.url], cluster: { timeouts: { upgraded: '1s' } } });
  const peer = await rawConnect(door.port);
  peer.write(handshake());
  await peer.waitFor((it) => it.received().length > 1000);
  peer.pause();
  await waitUntil(() => stopped, 8000);
  assert.ok(written < 64 * 1024 ** 2, String(written));
  peer.destroy();
  await waitUntil(() => door.carrier.inFlight() === 0);
});

test('either side may end the tunnel, and what it sent before arrives', async (t) => {
  const payload = 'y'.repeat(500_000);
  const echo = await withEcho(t, (_request, socket) => {
    setImmediate(() => socket.end(payload));
    return switching();
  });
  const door = await withDoor(t, { targets: [echo.url] });
  const peer = await rawConnect(door.port);
  peer.write(handshake());
  await peer.waitClosed();
  assert.equal(peer.text().endsWith(`\r\n\r\n${payload}`), true);
  peer.destroy();
  await echo.waitIdle();
});

test('a large answer that does not switch arrives whole at a client that reads slowly', async (t) => {
  const body = 'z'.repeat(8_000_000);
  const echo = await withEcho(t, () => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  const door = await withDoor(t, { targets: [echo.url] });
  const peer = await rawConnect(door.port);
  peer.pause();
  peer.write(handshake());
  await echo.waitRequests(1);
  await new Promise((resolve) => setTimeout(resolve, 100));
  peer.resume();
  await peer.waitClosed();
  assert.equal(peer.responses()[0]?.body.length, body.length);
  await waitUntil(() => door.carrier.inFlight() === 0);
});

for (const [title, everyMs, status] of [
  ['come without end', 0, 502],
  ['come slowly', 50, 504],
] as const) {
  test(`DL-043: interim answers to a handshake that ${title} are a ${status}`, async (t) => {
    const echo = await withEcho(t, (_request, socket) => {
      const timer = setInterval(() => socket.writable && socket.write('HTTP/1.1 103 Hints\r\n\r\n'), everyMs);
      socket.on('close', () => clearInterval(timer));
      return undefined;
    });
    const timeouts = { responseHead: '300ms' };
    const door = await withDoor(t, { targets: [echo.url], cluster: { timeouts } });
    assert.equal((await rawSend(door.port, handshake())).responses[0]?.status, status);
    assert.equal(door.carrier.inFlight(), 0);
    await echo.waitIdle();
  });
}

test('a handshake waits only so long behind others that hang', async (t) => {
  const echo = await withEcho(t, () => undefined);
  const timeouts = { queue: '100ms', connect: '100ms' };
  const door = await withDoor(t, { targets: [echo.url], cluster: { connections: 1, timeouts } });
  const first = await rawConnect(door.port);
  first.write(handshake());
  await echo.waitRequests(1);
  assert.equal((await rawSend(door.port, handshake())).responses[0]?.status, 503);
  first.destroy();
  await waitUntil(() => door.carrier.inFlight() === 0);
  await echo.waitIdle();
  assert.equal(echo.requests.length, 1);
});

for (const when of ['with it', 'while the application thinks']) {
  test(`a client that half-closes ${when} has left the handshake`, async (t) => {
    const echo = await withEcho(t, () => undefined);
    const door = await withDoor(t, { targets: [echo.url] });
    const peer = await rawConnect(door.port);
    peer.write(handshake());
    if (when !== 'with it') await echo.waitRequests(1);
    peer.end();
    await peer.waitClosed();
    await waitUntil(() => door.outcomes.length === 1);
    assert.equal(door.outcomes[0]?.aborted, true);
    assert.equal(door.carrier.inFlight(), 0);
    await echo.waitIdle();
  });
}

for (const early of [0, 200_000]) {
  test(`a client that leaves an event stream it got instead of a switch has left (${early} bytes unread)`, async (t) => {
    const echo = await withEcho(
      t,
      () => 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: x\n\n',
    );
    const door = await withDoor(t, { targets: [echo.url], forward: signedIn });
    const peer = await rawConnect(door.port);
    peer.write(handshake() + 'x'.repeat(early));
    await peer.waitFor((it) => it.text().includes('data: x'));
    peer.end();
    await waitUntil(() => door.outcomes.length === 1);
    assert.equal(door.outcomes[0]?.aborted, true);
    assert.equal(door.carrier.inFlight(), 0);
    assert.equal(door.held(), 0);
    await echo.waitIdle();
    peer.destroy();
  });
}
