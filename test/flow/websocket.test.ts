/** WebSockets through the whole gate: who may open one, what the application hears, and when they end. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { WebSocket, WebSocketServer } from 'ws';
import { cookieOf, exampleRoutes, type RunningGate, startGate } from '../support/gate.ts';
import { waitUntil } from '../support/raw.ts';
import type { UserAgent } from '../support/user-agent.ts';

interface EchoingApp {
  readonly url: string;
  /** Handshakes that reached it. */
  readonly handshakes: IncomingMessage[];
  connections(): number;
  close(): Promise<void>;
}

/** Echoes every message; answers plain requests with 200. */
async function startEchoingApp(): Promise<EchoingApp> {
  const handshakes: IncomingMessage[] = [];
  let connections = 0;
  const server = createServer((_request, response) => response.end('plain'));
  const sockets = new WebSocketServer({ server });
  server.on('connection', () => {
    connections += 1;
  });
  sockets.on('connection', (socket, request) => {
    handshakes.push(request);
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    handshakes,
    connections: () => connections,
    async close() {
      for (const client of sockets.clients) client.terminate();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

interface Handshake {
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

function dial(gate: RunningGate, agent: UserAgent | null, { path = '/ws', headers = {} }: Handshake = {}) {
  const cookie = agent === null ? '' : cookieOf(agent, gate.url);
  return new WebSocket(gate.url.replace('http:', 'ws:') + path, {
    headers: { origin: gate.url, ...(cookie === '' ? {} : { cookie }), ...headers },
  });
}

async function open(gate: RunningGate, agent: UserAgent, handshake?: Handshake): Promise<WebSocket> {
  const socket = dial(gate, agent, handshake);
  await once(socket, 'open');
  return socket;
}

async function echoOf(socket: WebSocket, text: string): Promise<string> {
  const answer = once(socket, 'message');
  socket.send(text);
  return String((await answer)[0]);
}

/** The status of a handshake that is refused. */
async function refusal(socket: WebSocket): Promise<number> {
  const [, response] = await once(socket, 'unexpected-response');
  response.resume();
  socket.on('error', () => undefined);
  socket.terminate();
  return response.statusCode;
}

/** The close code, and how long it took. */
async function closing(socket: WebSocket) {
  const from = performance.now();
  const [code] = await once(socket, 'close');
  return { code: code as number, ms: performance.now() - from };
}

const routes = [
  {
    path: '/ws/admin',
    cluster: 'app',
    access: 'signed-in',
    onAnonymous: 'forbidden',
  },
  ...exampleRoutes,
];

const logOut = (gate: RunningGate, agent: UserAgent) => agent.submit(`${gate.url}/.auth/logout`, {});

describe('WebSockets through the gate', () => {
  let app: EchoingApp;
  let gate: RunningGate;
  before(async () => {
    app = await startEchoingApp();
    gate = await startGate({ appUrl: app.url, config: { routes } });
  });
  after(async () => {
    await gate.close();
    await app.close();
  });

  test('with a session messages pass both ways, and the application hears who it is', async () => {
    const agent = await gate.signIn();
    const socket = await open(gate, agent);
    assert.equal(await echoOf(socket, 'hello'), 'hello');
    assert.equal(await echoOf(socket, 'x'.repeat(200_000)), 'x'.repeat(200_000));
    assert.equal(app.handshakes.at(-1)?.headers['x-user'], 'alice');
    assert.equal(app.handshakes.at(-1)?.headers.cookie, undefined);
    socket.close(1000);
    assert.equal((await closing(socket)).code, 1000);
  });

  test('HP-100: an anonymous handshake, or one with a dead session, is refused before the application hears of it', async () => {
    const connectionsBefore = app.connections();
    const agent = await gate.signIn();
    const dead = cookieOf(agent, gate.url);
    await logOut(gate, agent);
    const connections = app.connections() - connectionsBefore;
    assert.equal(await refusal(dial(gate, null)), 401);
    assert.equal(await refusal(dial(gate, null, { path: '/api/ws' })), 401);
    assert.equal(await refusal(dial(gate, null, { path: '/ws/admin' })), 403);
    assert.equal(await refusal(dial(gate, null, { headers: { cookie: dead } })), 401);
    assert.equal(await refusal(dial(gate, null, { headers: { cookie: 'sallyport=made-up' } })), 401);
    assert.equal(app.connections() - connectionsBefore, connections, 'no connection was made for them');
  });

  test('HP-100: a handshake from another origin is refused although the browser sends the cookie', async () => {
    const agent = await gate.signIn();
    const handshakes = app.handshakes.length;
    for (const headers of [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { origin: gate.url.replace('127.0.0.1', 'localhost') },
      { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' },
    ]) {
      assert.equal(await refusal(dial(gate, agent, { headers })), 403, JSON.stringify(headers));
    }
    assert.equal(app.handshakes.length, handshakes);
  });

  test('HP-070, HP-072, HP-079: what the client claims to be never arrives with a handshake', async () => {
    const agent = await gate.signIn();
    const headers = {
      'X-User': 'root',
      X_User: 'root',
      'X.User': 'root',
      'x-email': 'root@evil.example',
      Authorization: 'Bearer forged',
      'X-Forwarded-For': '6.6.6.6',
      'X-Real-IP': '6.6.6.6',
      'X-Original-URL': '/admin',
    };
    const socket = await open(gate, agent, { headers });
    const seen = app.handshakes.at(-1) as IncomingMessage;
    assert.equal(seen.headers['x-user'], 'alice');
    assert.equal(seen.headers['x-email'], 'alice@example.com');
    assert.equal(seen.headers['x-forwarded-for'], '127.0.0.1');
    assert.doesNotMatch(seen.rawHeaders.join('\n'), /root|forged|6\.6\.6\.6|\/admin/);
    socket.terminate();
    const bare = await open(gate, agent, { path: '/public/ws', headers });
    assert.doesNotMatch(app.handshakes.at(-1)?.rawHeaders.join('\n') ?? '', /root|forged|6\.6\.6\.6|alice/);
    bare.terminate();
  });

  test('HP-108: after a sign-out its WebSockets close with 1008, and those of others stay', async () => {
    const [alice, other] = [await gate.signIn(), await gate.signIn()];
    const [first, second, theirs] = await Promise.all([
      open(gate, alice),
      open(gate, alice),
      open(gate, other),
    ]);
    const ends = Promise.all([closing(first), closing(second)]);
    await logOut(gate, alice);
    for (const { code, ms } of await ends) {
      assert.equal(code, 1008);
      assert.ok(ms < 5000, `closed after ${ms} ms`);
    }
    assert.equal(await echoOf(theirs, 'still here'), 'still here');
    theirs.terminate();
  });

  test('HP-113: what stands in the query of a handshake is not logged', async () => {
    const agent = await gate.signIn();
    const socket = await open(gate, agent, { path: '/ws?access_token=hidden-in-the-query' });
    socket.terminate();
    const finished = () => gate.events('request.finished').some(({ status }) => status === 101);
    await waitUntil(finished);
    assert.ok(!gate.logged().includes('hidden-in-the-query'));
  });

  test('a WebSocket on a public route needs nobody', async () => {
    const socket = dial(gate, null, { path: '/public/ws' });
    await once(socket, 'open');
    assert.equal(await echoOf(socket, 'hi'), 'hi');
    socket.terminate();
  });
});

describe('WebSockets of a session that ends by itself', { concurrency: true }, () => {
  for (const [what, session] of [
    ['its absolute limit, however busy it is', { idleTimeout: '3s', absoluteTimeout: '3s' }],
    ['its idle limit, as an open connection is no activity', { idleTimeout: '2s' }],
  ] as const) {
    test(`HP-108: a session that comes to ${what}, closes its WebSockets with 1008`, async () => {
      const app = await startEchoingApp();
      const gate = await startGate({ appUrl: app.url, config: { session } });
      try {
        const agent = await gate.signIn();
        const socket = await open(gate, agent);
        const chatter = setInterval(() => socket.send('busy'), 100);
        const { code, ms } = await closing(socket);
        clearInterval(chatter);
        assert.equal(code, 1008);
        assert.ok(ms > 1000 && ms < 8000, `closed after ${ms} ms`);
      } finally {
        await gate.close();
        await app.close();
      }
    });
  }
});

test('HP-111: at shutdown WebSockets close with 1001 and the gate is gone in time', async () => {
  const app = await startEchoingApp();
  const gate = await startGate({ appUrl: app.url, config: { listen: { timeouts: { drain: '3s' } } } });
  const agent = await gate.signIn();
  const sockets = await Promise.all([open(gate, agent), open(gate, agent, { path: '/public/ws' })]);
  const ends = Promise.all(sockets.map(closing));
  const from = performance.now();
  await gate.close();
  assert.ok(performance.now() - from < 5000);
  assert.deepEqual(
    (await ends).map(({ code }) => code),
    [1001, 1001],
  );
  await app.close();
});
