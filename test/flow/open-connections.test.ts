/** Everything that is open ends with its session, soon, and in a way that nobody takes for a whole. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket, WebSocketServer } from 'ws';
import { freePort } from '../support/free-port.ts';
import { cookieOf, exampleConfig, type RunningGate, signInAtGate, startGate } from '../support/gate.ts';
import { startGateAlone } from '../support/gate-alone.ts';
import { waitUntil } from '../support/raw.ts';
import { createUserAgent, fetchHeaders, type UserAgent } from '../support/user-agent.ts';

interface OpenApp {
  readonly url: string;
  /** Requests and WebSockets that the application has open, by path. */
  readonly open: Set<string>;
  close(): Promise<void>;
}

/** Answers `/short` after a moment and never finishes anything else. */
async function startOpenApp(): Promise<OpenApp> {
  const open = new Set<string>();
  const server = createServer((incoming, response) => {
    const path = incoming.url ?? '';
    if (path === '/') return void response.end('home');
    open.add(path);
    response.on('close', () => open.delete(path));
    incoming.resume();
    if (path.startsWith('/short')) setTimeout(() => response.end('short'), 300);
    if (path.startsWith('/events')) response.writeHead(200, { 'content-type': 'text/event-stream' });
    if (path.startsWith('/sized')) response.writeHead(200, { 'content-length': 1_000_000 });
    if (/^\/(events|sized|chunked)/.test(path)) {
      const timer = setInterval(() => response.write('data: more\n\n'), 50);
      response.on('close', () => clearInterval(timer));
    }
  });
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (socket, incoming) => {
    const path = incoming.url ?? '';
    open.add(path);
    socket.on('close', () => open.delete(path));
    socket.on('error', () => undefined);
    socket.on('message', (data, binary) => socket.send(data, { binary }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    open,
    async close() {
      for (const client of sockets.clients) client.terminate();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** How something that was open ended: the close of a WebSocket, `broken`, `whole`, or the status it got instead. */
interface Open {
  readonly path: string;
  how(): string | null;
}

interface Sender {
  readonly gate: Pick<RunningGate, 'url'>;
  readonly cookie: string;
  /** Of the page; that of the gate when absent. */
  readonly origin?: string;
}

function watch(path: string, over: Promise<string>): Open {
  let how: string | null = null;
  void over.then((word) => {
    how = word;
  });
  return { path, how: () => how };
}

/** `size`: of a body that is begun and never finished; null without one. */
function exchange({ gate, cookie }: Sender, path: string, size: number | null = null): Open {
  const outgoing = request(gate.url + path, {
    method: size === null ? 'GET' : 'POST',
    agent: false,
    headers: { ...fetchHeaders, cookie, ...(size === null ? {} : { 'content-length': size }) },
  });
  let timer: NodeJS.Timeout | undefined;
  if (size === null) {
    outgoing.end();
  } else {
    timer = setInterval(() => outgoing.write('x'.repeat(10)), 100);
  }
  const over = new Promise<string>((resolve) => {
    outgoing.on('error', () => resolve('no answer'));
    outgoing.on('response', (incoming: IncomingMessage) => {
      let body = '';
      incoming.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk;
      });
      incoming.on('end', () => resolve(incoming.statusCode === 200 ? 'whole' : verdict(incoming, body)));
      incoming.on('error', () => resolve('broken'));
    });
  });
  void over.then(() => {
    clearInterval(timer);
    outgoing.destroy();
  });
  return watch(path, over);
}

function verdict({ statusCode, headers }: IncomingMessage, body: string): string {
  if (!String(headers['content-type']).startsWith('application/problem+json')) return `${statusCode} a page`;
  const { code } = JSON.parse(body) as { code: string };
  const challenge = headers['www-authenticate'] === undefined ? 'without a challenge' : 'with a challenge';
  const cookies = headers['set-cookie'] === undefined ? '' : ` and ${headers['set-cookie'].length} cookies`;
  return `${statusCode} ${code} ${challenge}${cookies}`;
}

function socket({ gate, cookie, origin = gate.url }: Sender, path: string): Open {
  const client = new WebSocket(gate.url.replace('http:', 'ws:') + path, {
    headers: { origin, cookie },
  });
  const over = new Promise<string>((resolve) => {
    client.on('close', (code, reason) => resolve(`${code} ${reason}`));
    client.on('error', () => undefined);
  });
  return watch(path, over);
}

const refused = '401 ERR_SESSION_ENDED with a challenge';

/** One of each kind, and how each has to end. */
const kinds: readonly (readonly [(sender: Sender, id: string) => Open, string])[] = [
  [(sender, id) => socket(sender, `/ws/${id}`), '1008 session ended'],
  [(sender, id) => exchange(sender, `/events/${id}`), 'broken'],
  [(sender, id) => exchange(sender, `/sized/${id}`), 'broken'],
  [(sender, id) => exchange(sender, `/chunked/${id}`), 'broken'],
  [(sender, id) => exchange(sender, `/waiting/${id}`), refused],
  [(sender, id) => exchange(sender, `/upload/large/${id}`, 10_000_000), refused],
  [(sender, id) => exchange(sender, `/upload/small/${id}`, 10_000), refused],
];

/** A small body is collected before the application hears of it. */
const reachesApp = ({ path }: Open) => !path.startsWith('/upload/small');

const expected = kinds.map(([, how]) => how);
const howOf = (all: readonly Open[]) => all.map((one) => one.how());
const isOver = (all: readonly Open[]) => all.every((one) => one.how() !== null);

/** One of each, once the application has all of them. */
async function openAll(app: OpenApp, gate: RunningGate, agent: UserAgent, id: string): Promise<Open[]> {
  const sender = { gate, cookie: cookieOf(agent, gate.url) };
  const all = kinds.map(([open]) => open(sender, id));
  await waitUntil(() => all.filter(reachesApp).every(({ path }) => app.open.has(path)));
  return all;
}

async function inFlight(gate: RunningGate): Promise<number> {
  const text = await (await fetch(`${gate.adminUrl}/metrics`)).text();
  return Number(/^sallyport_requests_in_flight (\d+)$/m.exec(text)?.[1]);
}

const token = 'an-operator-token-of-more-than-32-characters';
const admin = { address: '127.0.0.1:0', sessions: { token } };
const listen = { timeouts: { drain: '1s' } };
const clusters = (app: OpenApp) => ({ app: { targets: [app.url], connections: 400 } });
const logOut = (gate: RunningGate, agent: UserAgent) => agent.submit(`${gate.url}/.auth/logout`, {});

describe('what is open when its session ends', () => {
  let app: OpenApp;
  let gate: RunningGate;
  before(async () => {
    app = await startOpenApp();
    gate = await startGate({ appUrl: app.url, config: { admin, listen, clusters: clusters(app) } });
  });
  after(async () => {
    await gate.close();
    await app.close();
  });

  test('LO-048: a logout ends all of it within two seconds, and nothing of anybody else', async () => {
    const [leaving, staying] = [await gate.signIn(), await gate.signIn()];
    const others = await openAll(app, gate, staying, 'staying');
    const all = await openAll(app, gate, leaving, 'leaving');
    // Older than the age at which exchanges are tied to their sessions.
    await sleep(1800);
    const logOutAnswer = await logOut(gate, leaving);
    assert.equal(logOutAnswer.status, 303);
    await waitUntil(() => isOver(all), 2000);
    assert.deepEqual(howOf(all), expected);
    assert.ok(!isOver(others) && others.every((one) => one.how() === null), String(howOf(others)));
    await waitUntil(() => others.filter(reachesApp).length === app.open.size);
    await logOut(gate, staying);
    await waitUntil(() => isOver(others), 2000);
    await waitUntil(() => app.open.size === 0);
  });

  test('SC-023: an operator ends all of it within two seconds', async () => {
    const agent = await gate.signIn();
    const all = await openAll(app, gate, agent, 'revoked');
    const answer = await fetch(`${gate.adminUrl}/admin/sessions?sub=alice&provider=main`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${token}` },
    });
    assert.equal(answer.status, 200);
    await waitUntil(() => isOver(all), 2000);
    assert.deepEqual(howOf(all), expected);
    await waitUntil(() => app.open.size === 0);
  });

  test('LO-048: what was opened just before the logout ends as well, within two seconds', async () => {
    const agent = await gate.signIn();
    const all = await openAll(app, gate, agent, 'fresh');
    await logOut(gate, agent);
    await waitUntil(() => isOver(all), 2000);
    assert.deepEqual(howOf(all), expected);
    await waitUntil(() => app.open.size === 0);
  });

  test('the access log names the end of the session, and no request stays in flight', async () => {
    const agent = await gate.signIn();
    await openAll(app, gate, agent, 'logged');
    await logOut(gate, agent);
    const lines = () =>
      gate.events('request.finished').filter(({ path }) => String(path).endsWith('/logged'));
    await waitUntil(() => lines().length === kinds.length);
    assert.deepEqual([...new Set(lines().map(({ error }) => error))], ['ERR_SESSION_ENDED']);
    for (const { path, status, aborted } of lines()) {
      const answered = status === 401;
      assert.equal(aborted === true, !answered, `${path} ${status}`);
    }
    while ((await inFlight(gate)) > 0) await sleep(20);
  });

  test('LO-048: two hundred open connections end with one logout, within two seconds', async () => {
    const agent = await gate.signIn();
    const sender = { gate, cookie: cookieOf(agent, gate.url) };
    const all = Array.from({ length: 200 }, (_, i) =>
      i % 2 === 0 ? socket(sender, `/ws/many/${i}`) : exchange(sender, `/chunked/many/${i}`),
    );
    await waitUntil(() => all.every(({ path }) => app.open.has(path)));
    await sleep(1800);
    await logOut(gate, agent);
    await waitUntil(() => isOver(all), 2000);
    assert.deepEqual(new Set(howOf(all)), new Set(['1008 session ended', 'broken']));
    await waitUntil(() => app.open.size === 0);
  });

  test('LO-048: the old cookie opens nothing after the logout: no page, no stream, no WebSocket', async () => {
    const agent = await gate.signIn();
    const sender = { gate, cookie: cookieOf(agent, gate.url) };
    await logOut(gate, agent);
    const all = [exchange(sender, '/waiting/old'), exchange(sender, '/events/old')];
    await waitUntil(() => isOver(all));
    for (const how of howOf(all)) assert.match(String(how), /^401 login-required/);
    const client = new WebSocket(`${gate.url.replace('http:', 'ws:')}/ws/old`, {
      headers: { origin: gate.url, cookie: sender.cookie },
    });
    client.on('error', () => undefined);
    const [, response] = (await once(client, 'unexpected-response')) as [unknown, IncomingMessage];
    assert.equal(response.statusCode, 401);
    client.terminate();
    assert.equal(app.open.size, 0);
  });

  test('SC-021, LO-049: a short request that is under way at the logout finishes, sets no cookie, and is the last', async () => {
    const agent = await gate.signIn();
    const other = createUserAgent();
    for (const [name, value] of agent.cookies(gate.url)) other.setCookie(gate.url, name, value);
    const underWay = other.ask(`${gate.url}/short/1`, { headers: fetchHeaders });
    await waitUntil(() => app.open.has('/short/1'));
    await logOut(gate, agent);
    const answer = await underWay;
    assert.equal(answer.status, 200);
    assert.equal(answer.body, 'short');
    assert.deepEqual(answer.setCookies, []);
    assert.equal((await other.ask(`${gate.url}/short/2`, { headers: fetchHeaders })).status, 401);
  });

  test('what a public route carries belongs to nobody and goes on', async () => {
    const agent = await gate.signIn();
    const sender = { gate, cookie: cookieOf(agent, gate.url) };
    const stream = exchange(sender, '/public/stream');
    await waitUntil(() => app.open.has('/public/stream'));
    await logOut(gate, agent);
    await sleep(1800);
    assert.equal(stream.how(), null);
  });
});

describe('what is open elsewhere, or when its session ends by itself', { concurrency: true }, () => {
  test('LO-048: on another node all of it ends within two seconds as well', async () => {
    const app = await startOpenApp();
    const dataDir = mkdtempSync(join(tmpdir(), 'sallyport-nodes-'));
    const gate = await startGate({ appUrl: app.url, dataDir, config: { listen, clusters: clusters(app) } });
    const address = `127.0.0.1:${await freePort()}`;
    const { issuer } = gate.provider;
    const other = await startGateAlone({
      url: gate.url,
      dataDir,
      config: {
        ...exampleConfig({ issuer, appUrl: app.url }),
        clusters: clusters(app),
        listen: { ...listen, address, hosts: [address] },
      },
    });
    try {
      const agent = await gate.signIn();
      const sender = {
        gate: { url: `http://${address}` },
        cookie: cookieOf(agent, gate.url),
        origin: gate.url,
      };
      const all = kinds.map(([open]) => open(sender, 'other'));
      await waitUntil(() => all.filter(reachesApp).every(({ path }) => app.open.has(path)));
      await logOut(gate, agent);
      await waitUntil(() => isOver(all), 2000);
      assert.deepEqual(howOf(all), expected);
      await waitUntil(() => app.open.size === 0);
    } finally {
      await other.close();
      await gate.close();
      await app.close();
      rmSync(dataDir, { recursive: true, force: true });
    }
  });

  for (const store of ['memory', 'cookie']) {
    test(`LO-048: a logout ends all of it where sessions live in ${store === 'cookie' ? 'cookies' : store}`, async () => {
      const app = await startOpenApp();
      const gate = await startGate({
        appUrl: app.url,
        config: { listen, session: { store }, clusters: clusters(app) },
      });
      try {
        const agent = await gate.signIn();
        const all = await openAll(app, gate, agent, store);
        await logOut(gate, agent);
        await waitUntil(() => isOver(all), 2000);
        assert.deepEqual(howOf(all), expected);
        await waitUntil(() => app.open.size === 0);
      } finally {
        await gate.close();
        await app.close();
      }
    });
  }

  for (const [what, session] of [
    ['idle', { idleTimeout: '3s' }],
    ['absolute', { idleTimeout: '3s', absoluteTimeout: '3s' }],
  ] as const) {
    test(`LO-048: the ${what} limit ends all of it within two seconds`, async () => {
      const app = await startOpenApp();
      const gate = await startGate({ appUrl: app.url, config: { session, clusters: clusters(app), admin } });
      try {
        const agent = await signInAtGate(gate.url);
        const all = await openAll(app, gate, agent, what);
        // Three seconds of the session, two in which it has to be noticed.
        await waitUntil(() => isOver(all), 5000);
        assert.deepEqual(howOf(all), expected);
        await waitUntil(() => app.open.size === 0);
        await waitUntil(() => gate.events('session.ended').at(-1)?.reason === what);
      } finally {
        await gate.close();
        await app.close();
      }
    });
  }
});
