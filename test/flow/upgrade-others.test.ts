/** Upgrades to other protocols than WebSocket: let through where the configuration names them, and nowhere else. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { parseConfig } from '../../src/index.ts';
import { validConfig } from '../support/configs.ts';
import { cookieOf, type RunningGate, startGate } from '../support/gate.ts';
import { waitUntil } from '../support/raw.ts';

const app = createServer((_request, response) => response.end('plain'));
let gate: RunningGate;

before(async () => {
  app.on('upgrade', (request, socket) => {
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${request.headers.upgrade}\r\n\r\n`,
    );
    socket.on('error', () => {});
    socket.pipe(socket);
  });
  app.listen(0, '127.0.0.1');
  await once(app, 'listening');
  const appUrl = `http://127.0.0.1:${(app.address() as AddressInfo).port}`;
  gate = await startGate({ appUrl, config: { listen: { upgrades: ['websocket', 'chat/1'] } } });
});

after(async () => {
  await gate.close();
  app.closeAllConnections();
  await new Promise((resolve) => app.close(resolve));
});

/** Asks for `protocol` and collects what comes back. */
async function ask(protocol: string, cookie: string): Promise<{ socket: Socket; text: () => string }> {
  const { hostname, port, host } = new URL(gate.url);
  const socket = connect(Number(port), hostname);
  let text = '';
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    text += chunk;
  });
  socket.on('error', () => {});
  socket.write(
    `GET /chat HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\nOrigin: ${gate.url}\r\nCookie: ${cookie}\r\n\r\n`,
  );
  await waitUntil(() => text.includes('\r\n\r\n'));
  return { socket, text: () => text };
}

test('a protocol that is named in `listen.upgrades` is carried both ways and ends with the session', async () => {
  const agent = await gate.signIn();
  const { socket, text } = await ask('chat/1', cookieOf(agent, gate.url));
  assert.match(text(), /^HTTP\/1\.1 101 /);
  socket.write('hello through the gate');
  await waitUntil(() => text().endsWith('hello through the gate'));
  await agent.submit(`${gate.url}/.auth/logout`, {});
  await waitUntil(() => socket.closed || socket.readableEnded, 5000);
  socket.destroy();
});

test('it needs a session like any request', async () => {
  const { socket, text } = await ask('chat/1', '');
  assert.match(text(), /^HTTP\/1\.1 401 /);
  socket.destroy();
});

test('HP-102: another protocol is served as a plain request', async () => {
  const agent = await gate.signIn();
  const { socket, text } = await ask('chat/2', cookieOf(agent, gate.url));
  assert.match(text(), /^HTTP\/1\.1 200 /);
  socket.destroy();
});

test('HP-102: HTTP/2 and TLS cannot be named', () => {
  for (const protocol of ['h2c', 'h2', 'tls/1.0', 'TLS/1.0', 'HTTP/2.0', 'two words', '']) {
    const result = parseConfig({ ...validConfig(), listen: { upgrades: [protocol] } });
    assert.ok(!result.ok, protocol);
    assert.equal(result.problems[0]?.path, 'listen.upgrades[0]');
  }
});
