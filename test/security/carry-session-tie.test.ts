/** What an exchange costs and leaves behind when it is tied to its session, and how it ends with it. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import {
  type CarrierDoor,
  type CarrierDoorOptions,
  createCarrierDoor,
  createSession,
} from '../support/carrier-door.ts';
import { createEcho, type Echo, type EchoAnswer } from '../support/echo.ts';
import { createRoute } from '../support/heads.ts';
import { rawConnect, waitUntil } from '../support/raw.ts';

const signedIn = () => ({ route: createRoute({ path: '/**' }), session: createSession() });
const get = 'GET /a HTTP/1.1\r\nHost: app.test\r\n\r\n';
const handshake =
  'GET /ws HTTP/1.1\r\nHost: app.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';

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

const hang: EchoAnswer = () => undefined;
const whole: EchoAnswer = () => 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const half: EchoAnswer = () => 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf';

test('a request that nobody ties holds nothing, whatever session it is of', async (t) => {
  const echo = await withEcho(t, hang);
  const door = await withDoor(t, { targets: [echo.url], forward: signedIn });
  const peer = await rawConnect(door.port);
  peer.write(get);
  await echo.waitRequests(1);
  assert.equal(door.held(), 0);
  peer.destroy();
  await waitUntil(() => door.outcomes.length === 1);
});

test('a tie is made once, and let go of at the end', async (t) => {
  const echo = await withEcho(t, hang);
  const door = await withDoor(t, { targets: [echo.url], forward: signedIn });
  const peer = await rawConnect(door.port);
  peer.write(get);
  await echo.waitRequests(1);
  for (let i = 0; i < 3; i++) door.carried[0]?.tie();
  assert.equal(door.held(), 1);
  peer.destroy();
  await waitUntil(() => door.held() === 0);
  door.carried[0]?.tie();
  assert.equal(door.held(), 0, 'what is over is not tied any more');
});

test('nobody is tied to nothing', async (t) => {
  const echo = await withEcho(t, hang);
  const door = await withDoor(t, { targets: [echo.url] });
  const peer = await rawConnect(door.port);
  peer.write(get);
  await echo.waitRequests(1);
  door.carried[0]?.tie();
  assert.equal(door.held(), 0);
  peer.destroy();
});

test('LO-048: before an answer the session that ends is the answer, and the application is left', async (t) => {
  const echo = await withEcho(t, hang);
  const door = await withDoor(t, { targets: [echo.url], forward: signedIn });
  const peer = await rawConnect(door.port);
  peer.write(get);
  await echo.waitRequests(1);
  door.carried[0]?.tie();
  door.endSessions();
  const [answer] = await peer.waitResponses(1);
  assert.equal(answer?.status, 401);
  assert.deepEqual(
    door.failures.map(({ code }) => code),
    ['ERR_SESSION_ENDED'],
  );
  await echo.waitIdle();
  assert.equal(door.held(), 0);
  assert.equal(door.carrier.inFlight(), 0);
  assert.deepEqual(door.events, [], 'it is no failure of the application');
  peer.destroy();
});

test('LO-048, HP-090: within an answer the connection is broken off, never a clean end', async (t) => {
  const echo = await withEcho(t, half);
  const door = await withDoor(t, { targets: [echo.url], forward: signedIn });
  const peer = await rawConnect(door.port);
  peer.write(get);
  await peer.waitFor((it) => it.text().endsWith('half'));
  door.carried[0]?.tie();
  door.endSessions();
  await peer.waitClosed();
  await waitUntil(() => door.outcomes.length === 1);
  assert.equal(door.outcomes[0]?.error?.code, 'ERR_SESSION_ENDED');
  assert.equal(door.outcomes[0]?.aborted, true);
  await echo.waitIdle();
  assert.equal(door.held(), 0);
});

test('an end that comes when all has been sent changes nothing', async (t) => {
  const echo = await withEcho(t, whole);
  const door = await withDoor(t, { targets: [echo.url], forward: signedIn });
  const peer = await rawConnect(door.port);
  peer.write(get);
  const [answer] = await peer.waitResponses(1);
  assert.equal(answer?.status, 200);
  door.carried[0]?.tie();
  door.endSessions();
  assert.equal(door.outcomes[0]?.error, null);
  peer.write(get);
  await peer.waitResponses(2);
  peer.destroy();
});

test('a session that is past its absolute limit is over when it is tied, noticed elsewhere or not', async (t) => {
  const echo = await withEcho(t, hang);
  const session = { ...createSession(), absoluteExpiresAt: Date.now() };
  const door = await withDoor(t, { targets: [echo.url], forward: () => ({ ...signedIn(), session }) });
  const peer = await rawConnect(door.port);
  peer.write(get);
  await echo.waitRequests(1);
  door.carried[0]?.tie();
  const [answer] = await peer.waitResponses(1);
  assert.equal(answer?.status, 401);
  assert.equal(door.held(), 0);
  peer.destroy();
});

test('LO-049: an answer that would set the cookie of the session is tied from the start', async (t) => {
  const echo = await withEcho(t, hang);
  const forward = () => ({ ...signedIn(), setCookies: ['sallyport=fresh'] });
  const door = await withDoor(t, { targets: [echo.url], forward });
  const peer = await rawConnect(door.port);
  peer.write(get);
  await echo.waitRequests(1);
  assert.equal(door.held(), 1);
  door.endSessions();
  const [answer] = await peer.waitResponses(1);
  assert.equal(answer?.status, 401);
  assert.ok(!peer.text().includes('fresh'));
  peer.destroy();
});

test('LO-048: a handshake that waits for the application ends with the session', async (t) => {
  const echo = await withEcho(t, hang);
  const door = await withDoor(t, { targets: [echo.url], forward: signedIn });
  const peer = await rawConnect(door.port);
  peer.write(handshake);
  await echo.waitRequests(1);
  door.carried[0]?.tie();
  assert.equal(door.held(), 1);
  door.endSessions();
  await peer.waitFor((it) => it.text().startsWith('HTTP/1.1 401 '));
  await echo.waitIdle();
  assert.equal(door.held(), 0);
  assert.equal(door.carrier.inFlight(), 0);
  peer.destroy();
});

test('LO-048: an answer in place of a switch ends with the session as any other', async (t) => {
  const echo = await withEcho(t, half);
  const door = await withDoor(t, { targets: [echo.url], forward: signedIn });
  const peer = await rawConnect(door.port);
  peer.write(handshake);
  await peer.waitFor((it) => it.text().endsWith('half'));
  door.carried[0]?.tie();
  assert.equal(door.held(), 1);
  door.endSessions();
  await peer.waitClosed();
  await waitUntil(() => door.held() === 0 && door.carrier.inFlight() === 0);
  await echo.waitIdle();
});

test('a tie that was made during the handshake passes on to what comes of it', async (t) => {
  const echo = await withEcho(t, (_request, socket) => {
    setTimeout(() => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf'), 100);
    return undefined;
  });
  const door = await withDoor(t, { targets: [echo.url], forward: signedIn });
  const peer = await rawConnect(door.port);
  peer.write(handshake);
  await echo.waitRequests(1);
  door.carried[0]?.tie();
  await peer.waitFor((it) => it.text().endsWith('half'));
  assert.equal(door.held(), 1);
  door.endSessions();
  await peer.waitClosed();
  await waitUntil(() => door.held() === 0);
});
