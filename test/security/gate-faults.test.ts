/** Catalogue 8 and 9 through the whole gate: a store, an application and a provider that fail at every stage. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { closeSync, ftruncateSync, openSync, statSync, writeSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, type TestContext, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createEcho, type Echo } from '../support/echo.ts';
import {
  type EvilBehaviour,
  type EvilProvider,
  evilSecrets,
  signToken,
  startEvilProvider,
} from '../support/evil-provider.ts';
import { freePort } from '../support/free-port.ts';
import { type GateAlone, startGateAlone } from '../support/gate-alone.ts';
import { rawConnect, rawSend, waitUntil } from '../support/raw.ts';
import { type Answer, createUserAgent, fetchHeaders, type UserAgent } from '../support/user-agent.ts';

interface Parts {
  readonly gate: GateAlone;
  readonly evil: EvilProvider;
  readonly echo: Echo;
  /** A browser that has signed in. */
  signIn(): Promise<UserAgent>;
  /** Another connection to the database of the store. */
  openStore(): DatabaseSync;
}

const routes = [
  { path: '/public/**', cluster: 'app', access: 'public' },
  { path: '/**', cluster: 'app', access: 'signed-in', requestHeaders: { 'X-User': '{claims.sub}' } },
];

async function startParts(
  context: TestContext,
  config: Readonly<Record<string, unknown>> = {},
): Promise<Parts> {
  const evil = await startEvilProvider();
  const echo = await createEcho(() => 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
  const provider = {
    issuer: evil.issuer,
    clientId: 'app',
    clientSecret: evilSecrets.clientSecret,
    userinfo: 'never',
  };
  const gate = await startGateAlone({
    config: { providers: { main: provider }, clusters: { app: { targets: [echo.url] } }, routes, ...config },
  });
  context.after(async () => {
    await gate.close();
    await echo.close();
    await evil.close();
  });
  return {
    gate,
    evil,
    echo,
    async signIn() {
      const agent = createUserAgent();
      const answer = await signInWith(agent, { gate, evil });
      assert.equal(answer.status, 303);
      return agent;
    },
    openStore: () => new DatabaseSync(join(gate.dataDir, 'sessions.db')),
  };
}

/** The answer of the callback, or of the login when that goes no further. */
async function signInWith(agent: UserAgent, { gate, evil }: Pick<Parts, 'gate' | 'evil'>): Promise<Answer> {
  const sent = await agent.ask(`${gate.url}/.auth/login`);
  if (sent.status !== 303) return sent;
  const { searchParams } = new URL(String(sent.headers.location));
  evil.nonce = searchParams.get('nonce') as string;
  const state = searchParams.get('state') as string;
  return agent.ask(
    `${gate.url}/.auth/callback?${new URLSearchParams({ code: evilSecrets.code, state, iss: evil.issuer })}`,
  );
}

const get = ({ gate }: Pick<Parts, 'gate'>, agent: UserAgent, path = '/x') =>
  agent.ask(gate.url + path, { headers: fetchHeaders });

/** Overwrites everything in the file but its length. */
function spoil(path: string): void {
  const { size } = statSync(path);
  const descriptor = openSync(path, 'r+');
  writeSync(descriptor, Buffer.alloc(size, 'spoilt '));
  closeSync(descriptor);
}

function truncate(path: string): void {
  const descriptor = openSync(path, 'r+');
  ftruncateSync(descriptor, 100);
  closeSync(descriptor);
}

describe('a store that fails under the gate', () => {
  for (const [what, harm] of [
    ['overwritten', spoil],
    ['cut off', truncate],
  ] as const) {
    test(`FL-001, FL-002: with its file ${what} a session is a 503 with Retry-After, never anonymous, and public routes are served`, async (context) => {
      const parts = await startParts(context);
      const { gate, echo } = parts;
      const agent = await parts.signIn();
      await gate.restart();
      harm(join(gate.dataDir, 'sessions.db'));
      echo.reset();
      const answer = await get(parts, agent);
      assert.equal(answer.status, 503);
      assert.ok(Number(answer.headers['retry-after']) >= 1);
      assert.equal(JSON.parse(answer.body).code, 'ERR_STORE_UNAVAILABLE');
      assert.deepEqual(answer.setCookies, [], 'and the cookie is kept');
      const page = await agent.ask(`${gate.url}/page`);
      assert.equal(page.status, 503, 'a navigation is not sent to sign in');
      assert.ok(!page.body.includes(gate.dataDir));
      assert.equal(echo.requests.length, 0);
      assert.equal((await get(parts, agent, '/public/x')).status, 200);
      await waitUntil(() => gate.events('store.failed').length > 0);
      assert.deepEqual(gate.events('request.crashed'), []);
    });
  }

  test('FL-001, FL-009: with the store locked by another process open sessions are served; afterwards all is well', async (context) => {
    const parts = await startParts(context);
    const agent = await parts.signIn();
    const other = parts.openStore();
    other.exec('BEGIN IMMEDIATE');
    assert.equal((await get(parts, agent)).status, 200);
    const login = await signInWith(createUserAgent(), parts);
    assert.equal(login.status, 503);
    assert.ok(Number(login.headers['retry-after']) >= 1);
    assert.equal(parts.evil.hits.token, 1, 'nothing was redeemed that could not be kept');
    other.exec('ROLLBACK');
    other.close();
    await parts.signIn();
    assert.equal((await get(parts, agent)).status, 200);
  });

  test('FL-003: when it fails after the code was redeemed there is a 503, no cookie, and the token is revoked', async (context) => {
    const parts = await startParts(context);
    const { evil, gate } = parts;
    const other = parts.openStore();
    evil.behaviour = {
      signature(input) {
        other.exec('BEGIN IMMEDIATE');
        return signToken(input, 'RS256', 'rsa');
      },
    };
    const agent = createUserAgent();
    const answer = await signInWith(agent, parts);
    assert.equal(answer.status, 503);
    assert.equal(agent.cookie(gate.url, 'sallyport'), undefined);
    assert.equal(evil.hits.token, 1);
    await waitUntil(() => evil.hits.revocation === 1);
    await waitUntil(() => gate.events('login.failed').length === 1);
    other.exec('ROLLBACK');
    other.close();
    evil.behaviour = {};
    await parts.signIn();
  });

  test('FL-007: when it lost everything people sign in again, and nobody becomes somebody', async (context) => {
    const parts = await startParts(context);
    const { gate, echo } = parts;
    const agent = await parts.signIn();
    await gate.restart();
    const other = parts.openStore();
    other.exec('DELETE FROM records');
    other.close();
    echo.reset();
    assert.equal((await get(parts, agent)).status, 401);
    assert.equal(echo.requests.length, 0);
    await signInWith(agent, parts);
    assert.equal((await get(parts, agent)).status, 200);
    assert.deepEqual(gate.events('request.crashed'), []);
  });

  test('FL-008: a record that is garbage, cut off, empty or enormous is no session', async (context) => {
    const parts = await startParts(context);
    for (const damage of [
      'randomblob(length(value))',
      'substr(value, 1, length(value) / 2)',
      "x''",
      'zeroblob(10485760)',
    ]) {
      const agent = await parts.signIn();
      await parts.gate.restart();
      const other = parts.openStore();
      other.exec(`UPDATE records SET value = ${damage} WHERE key LIKE 's:%'`);
      assert.ok(Number(other.prepare('SELECT changes() AS changed').get()?.changed) > 0);
      parts.echo.reset();
      assert.equal((await get(parts, agent)).status, 401, damage);
      assert.equal(parts.echo.requests.length, 0);
      other.exec('DELETE FROM records');
      other.close();
    }
    assert.deepEqual(parts.gate.events('request.crashed'), []);
  });
});

interface BrokenApp {
  readonly url: string;
  breakWith(answer: (socket: Socket) => void): void;
}

/** An application that does with each request whatever a test says. */
async function startBrokenApp(context: TestContext): Promise<BrokenApp> {
  let answer: (socket: Socket) => void = (socket) => socket.destroy();
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', () => answer(socket));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  context.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    breakWith(next) {
      answer = next;
    },
  };
}

const write = (text: string) => (socket: Socket) => void socket.write(Buffer.from(text, 'latin1'));
const end = (text: string) => (socket: Socket) => void socket.end(Buffer.from(text, 'latin1'));

describe('an application that fails behind the gate', () => {
  const bounds = {
    connections: 2,
    queue: 1,
    timeouts: { responseHead: '300ms', idle: '300ms', queue: '200ms' },
  };

  test('FL-030: one that is not there is a 502 that tells nothing of it', async (context) => {
    const dead = await freePort();
    const parts = await startParts(context, { clusters: { app: { targets: [`http://127.0.0.1:${dead}`] } } });
    const answer = await get(parts, createUserAgent(), '/public/x');
    assert.equal(answer.status, 502);
    assert.equal(JSON.parse(answer.body).code, 'ERR_UPSTREAM_UNREACHABLE');
    assert.doesNotMatch(answer.body + JSON.stringify(answer.headers), new RegExp(`${dead}|ECONN`));
  });

  test('FL-030, FL-031, FL-033, FL-072: whatever it answers, one request fails and the gate goes on', async (context) => {
    const app = await startBrokenApp(context);
    const parts = await startParts(context, { clusters: { app: { targets: [app.url], ...bounds } } });
    const rows: readonly (readonly [string, (socket: Socket) => void, number])[] = [
      ['a reset', (socket) => socket.resetAndDestroy(), 502],
      ['an end without an answer', (socket) => socket.end(), 502],
      ['half a head', end('HTTP/1.1 200 OK\r\nContent-'), 502],
      ['no HTTP', end('hello, this is SMTP\r\n'), 502],
      ['the status 099', write('HTTP/1.1 099 No\r\nContent-Length: 0\r\n\r\n'), 502],
      ['two lengths', write('HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'), 502],
      ['a header with NUL', write('HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n'), 502],
      ['a head of 40 KiB', write(`HTTP/1.1 200 OK\r\nX: ${'a'.repeat(40_960)}\r\n\r\n`), 502],
      [
        'a switch that nobody asked for',
        write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n'),
        502,
      ],
      ['no answer', () => undefined, 504],
      ['an error of its own', write('HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\noops'), 500],
    ];
    for (const [what, answer, status] of rows) {
      app.breakWith(answer);
      const seen = await get(parts, createUserAgent(), '/public/x');
      assert.equal(seen.status, status, what);
      app.breakWith(write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'));
      assert.equal((await get(parts, createUserAgent(), '/public/x')).status, 200, `after ${what}`);
    }
    assert.deepEqual(parts.gate.events('request.crashed'), []);
  });

  test('FL-032: one that stalls or dies within a body breaks the connection of the client', async (context) => {
    const app = await startBrokenApp(context);
    const parts = await startParts(context, { clusters: { app: { targets: [app.url], ...bounds } } });
    const head = 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc';
    for (const answer of [
      write(head),
      end(head),
      write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n'),
    ]) {
      app.breakWith(answer);
      const { host } = new URL(parts.gate.url);
      const result = await rawSend(parts.gate.port, `GET /public/x HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
      assert.equal(result.closed, true);
      assert.ok(result.responses.every(({ complete, status }) => !complete || status === 502));
    }
  });

  test('FL-034: what is over its connections and queue is a 503 at once', async (context) => {
    const app = await startBrokenApp(context);
    app.breakWith(() => undefined);
    const full = await startGateAlone({
      config: {
        clusters: { app: { targets: [app.url], connections: 2, queue: 1, timeouts: { responseHead: '5s' } } },
        routes: [{ path: '/**', cluster: 'app', access: 'public' }],
      },
    });
    context.after(() => full.close());
    const { host } = new URL(full.url);
    const peers = await Promise.all(Array.from({ length: 8 }, () => rawConnect(full.port)));
    for (const peer of peers) peer.write(`GET /x HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    const answered = () => peers.flatMap((peer) => peer.responses());
    await waitUntil(() => answered().length >= 5);
    assert.ok(answered().every(({ status, header }) => status === 503 && Number(header('retry-after')) >= 1));
    assert.ok(answered().length <= 6);
    for (const peer of peers) peer.destroy();
  });
});

test('FL-072: a provider that breaks at any stage fails that sign-in, and the next one works', async (context) => {
  const parts = await startParts(context, { session: { store: 'memory' } });
  const { evil, gate } = parts;
  const broken = { raw: true as const };
  const answers = [
    { ...broken, status: 500, body: 'no' },
    { ...broken, body: '{"broken' },
    { ...broken, body: '[]' },
    { ...broken, status: 204 },
    { ...broken, headers: { 'content-length': '100', connection: 'close' }, body: 'short' },
    { ...broken, body: Buffer.alloc(3 * 1024 * 1024, ' ') },
  ];
  for (const stage of ['metadata', 'jwks', 'tokens', 'revocation'] as const) {
    for (const answer of answers) {
      await gate.restart();
      evil.behaviour = { [stage]: answer } satisfies EvilBehaviour;
      const agent = createUserAgent();
      const outcome = await signInWith(agent, parts);
      if (stage === 'revocation') {
        assert.equal(outcome.status, 303);
        assert.equal((await agent.submit(`${gate.url}/.auth/logout`, {})).status, 303, 'signing out goes on');
      } else {
        assert.ok([400, 503].includes(outcome.status), `${stage}: ${outcome.status}`);
      }
      assert.equal((await get(parts, createUserAgent(), '/public/x')).status, 200);
      evil.behaviour = {};
    }
  }
  await gate.restart();
  await parts.signIn();
  assert.deepEqual(gate.events('request.crashed'), []);
});

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

/** Bytes that are in use once everything that can go has gone. */
function usedBytes(): number {
  collectGarbage();
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

test('DL-020, DL-021, DL-025: floods of anonymous hits, logins and callbacks leave nothing behind', async (context) => {
  const parts = await startParts(context, { log: { level: 'error' } });
  const { evil, gate } = parts;
  const { host } = new URL(gate.url);
  const page = 'Accept: text/html\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n\r\n';
  /** Ten at a time on each of eight connections. */
  const flood = async (path: string, count: number, status: number) => {
    const bytes = `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n${page}`;
    for (let sent = 0; sent < count; sent += 80) {
      const results = await Promise.all(
        Array.from({ length: 8 }, () => rawSend(gate.port, bytes.repeat(10), { responses: 10 })),
      );
      for (const { responses } of results)
        assert.deepEqual(new Set(responses.map((one) => one.status)), new Set([status]));
    }
  };
  await parts.signIn();
  const store = parts.openStore();
  const records = () => Number(store.prepare('SELECT count(*) AS records FROM records').get()?.records);
  const recordsBefore = records();
  const { token, metadata } = evil.hits;
  await flood('/app/x', 2000, 302);
  const before = usedBytes();
  await flood('/app/x', 8000, 302);
  await flood('/.auth/login', 1000, 303);
  await flood('/.auth/callback?code=a&state=b', 1000, 400);
  const grown = usedBytes() - before;
  assert.ok(grown < 3 * 1024 * 1024, `${Math.round(grown / 1024)} KiB stay`);
  assert.equal(records(), recordsBefore, 'no record for anybody who is not signed in');
  assert.equal(evil.hits.token, token, 'a callback without its cookie asks nobody');
  assert.equal(evil.hits.metadata, metadata);
  store.close();
});
