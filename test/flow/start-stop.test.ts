/** The gate as a process: starting, failing to start, running on a full disk, and ending. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { freePort } from '../support/free-port.ts';
import { exampleConfig, signInAtGate, startExampleProvider } from '../support/gate.ts';
import { type GateProcess, prepareGateProcess } from '../support/gate-process.ts';
import { waitUntil } from '../support/raw.ts';
import type { RealProvider } from '../support/real-provider.ts';
import { createUserAgent, fetchHeaders } from '../support/user-agent.ts';

interface App {
  readonly url: string;
  /** Responses to `/slow`, which wait for the test. */
  readonly slow: ServerResponse[];
  close(): Promise<void>;
}

async function startApp(): Promise<App> {
  const slow: ServerResponse[] = [];
  const server = createServer((request, response) => {
    request.resume();
    if (request.url?.endsWith('/slow')) slow.push(response);
    else response.end('served');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    slow,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const ask = (url: string) =>
  createUserAgent().ask(url, { headers: { ...fetchHeaders, connection: 'close' } });

let app: App;
before(async () => {
  app = await startApp();
});
after(() => app.close());

interface Prepared {
  readonly gate: GateProcess;
  readonly providerPort: number;
  startProvider(): Promise<RealProvider>;
}

async function prepare(
  context: TestContext,
  config: Readonly<Record<string, unknown>> = {},
): Promise<Prepared> {
  const url = `http://127.0.0.1:${await freePort()}`;
  const providerPort = await freePort();
  const issuer = `http://127.0.0.1:${providerPort}`;
  const gate = await prepareGateProcess({
    url,
    config: { ...exampleConfig({ issuer, appUrl: app.url }), ...config },
  });
  context.after(() => gate.close());
  const startProvider = async () => {
    const provider = await startExampleProvider(url, { port: providerPort });
    context.after(() => provider.close());
    return provider;
  };
  return { gate, providerPort, startProvider };
}

test('FL-023, FL-020: the gate starts without the provider, serves what needs none, and recovers', async (context) => {
  const { gate, providerPort, startProvider } = await prepare(context);
  const first = await startProvider();
  await gate.start();
  const agent = await signInAtGate(gate.url);
  assert.equal(await gate.stop(), 0);
  await first.close();

  await gate.start();
  assert.equal((await ask(`${gate.url}/public/x`)).status, 200);
  assert.equal((await agent.ask(`${gate.url}/x`)).status, 200, 'a session of before');
  const login = await createUserAgent().navigate(`${gate.url}/x`);
  assert.equal(login.status, 503);
  assert.ok(Number(login.headers['retry-after']) >= 1);
  assert.match(String(login.headers['content-type']), /^text\/html/);
  assert.doesNotMatch(login.body, /ECONNREFUSED/);
  assert.ok(!login.body.includes(String(providerPort)), 'nothing of the provider is told');
  assert.equal((await ask(`${gate.url}/api/x`)).status, 401);

  await startProvider();
  let answer = await createUserAgent().navigate(`${gate.url}/x`);
  for (const deadline = performance.now() + 8000; answer.status !== 200 && performance.now() < deadline; ) {
    await new Promise((resolve) => setTimeout(resolve, 200));
    answer = await createUserAgent().navigate(`${gate.url}/x`);
  }
  assert.equal(answer.status, 200);
  assert.equal(await gate.stop(), 0);
});

test('FL-040: SIGTERM finishes what runs, takes nothing new, and ends with 0', async (context) => {
  const adminPort = await freePort();
  const { gate, startProvider } = await prepare(context, { admin: { address: `127.0.0.1:${adminPort}` } });
  await startProvider();
  await gate.start();
  const agent = await signInAtGate(gate.url);
  app.slow.length = 0;
  const running = [1, 2, 3].map(() => agent.ask(`${gate.url}/slow`));
  await waitUntil(() => app.slow.length === 3);
  const ended = gate.stop();
  await waitUntil(() => gate.events('process.draining').length === 1);
  await assert.rejects(ask(`${gate.url}/public/x`), 'no new connection is taken');
  const readiness = await ask(`http://127.0.0.1:${adminPort}/readyz`);
  assert.equal(readiness.status, 503, 'and load balancers hear of it');
  assert.equal(JSON.parse(readiness.body).checks.state, 'draining');
  for (const response of app.slow) response.end('finished');
  for (const answer of await Promise.all(running)) {
    assert.equal(answer.body, 'finished');
    assert.equal(answer.headers.connection, 'close');
  }
  assert.equal(await ended, 0);
  assert.equal(gate.events('process.stopped')[0]?.drained, true);
  assert.doesNotMatch(gate.cli().err(), /^[{]|sallyport: /m, 'nothing went wrong');
});

test('a second gate on the same address says so in one sentence and ends with 1', async (context) => {
  const { gate } = await prepare(context);
  await gate.start();
  const { code, err, out } = await gate.run();
  assert.equal(code, 1);
  assertOneSentence(err);
  assert.match(err, new RegExp(`sallyport: .*127\\.0\\.0\\.1:${gate.port}`));
  assert.ok(!out.includes('process.started'));
  assert.equal((await ask(`${gate.url}/public/x`)).status, 200, 'and the first goes on');
});

test('`/healthz`, `/readyz` and `/metrics` are on the admin listener and nowhere else', async (context) => {
  const adminPort = await freePort();
  const { gate, startProvider } = await prepare(context, { admin: { address: `127.0.0.1:${adminPort}` } });
  await startProvider();
  await gate.start();
  for (const path of ['/healthz', '/readyz', '/metrics']) {
    assert.equal((await ask(`http://127.0.0.1:${adminPort}${path}`)).status, 200, path);
    const outside = await ask(gate.url + path);
    assert.equal(outside.status, 401, `${path} is a path of the application like any other`);
    assert.doesNotMatch(outside.body, /ready|sallyport_/);
  }
  assert.equal((await ask(`http://127.0.0.1:${adminPort}/.auth/me`)).status, 404);
  assert.equal((await ask(`http://127.0.0.1:${adminPort}/public/x`)).status, 404);
});

/** Behind the warnings about the configuration, which are indented, there is one line and it says what is wrong. */
function assertOneSentence(err: string): void {
  const lines = err.split('\n').filter((line) => !line.startsWith(' ') && !/\d warnings?$/.test(line));
  assert.equal(lines.length, 2, err);
  assert.match(lines[0] as string, /^sallyport: \S.+$/);
  assert.doesNotMatch(err, /^ +at /m);
}

/** As the user that this is, but bound by the modes of files, which root is not. */
const withoutOverride =
  process.getuid?.() === 0 ? ['setpriv', '--bounding-set', '-dac_override,-dac_read_search', '--'] : [];

describe('a data directory that cannot be used', { concurrency: 3 }, () => {
  const key = Buffer.alloc(32, 'k').toString('base64');
  const rows: readonly (readonly [string, (data: string) => void, RegExp])[] = [
    [
      'a corrupt database',
      (data) => writeFileSync(join(data, 'sessions.db'), 'no database '.repeat(900)),
      /session database/,
    ],
    [
      'a key file that holds no key',
      (data) => writeFileSync(join(data, 'tokens.key'), 'garbage\n'),
      /tokens\.key/,
    ],
    ['an empty key file', (data) => writeFileSync(join(data, 'tokens.key'), ''), /tokens\.key/],
    [
      'an unreadable key file',
      (data) => writeFileSync(join(data, 'tokens.key'), key, { mode: 0o000 }),
      /tokens\.key/,
    ],
    [
      'an unreadable database',
      (data) => writeFileSync(join(data, 'sessions.db'), '', { mode: 0o000 }),
      /session database/,
    ],
    ['a folder that may not be written', (data) => chmodSync(data, 0o500), /data/],
  ];
  for (const [what, spoil, named] of rows) {
    test(`${what} is said in one sentence, with exit code 1 and without a stack`, async (context) => {
      const { gate } = await prepare(context);
      const data = join(gate.folder, 'data');
      mkdirSync(data, { mode: 0o700 });
      spoil(data);
      const { code, err, out } = await gate.run({ launcher: withoutOverride });
      assert.equal(code, 1, err);
      assertOneSentence(err);
      assert.match(err, named);
      assert.doesNotMatch(err, /Error:/);
      assert.ok(!out.includes('process.started'));
    });
  }

  test('a disk that takes nothing is said in one sentence, with exit code 1', async (context) => {
    const { gate } = await prepare(context);
    const { code, err } = await gate.run({ launcher: ['sh', '-c', 'ulimit -f 0; exec "$@"', 'sh'] });
    assert.equal(code, 1, err);
    assertOneSentence(err);
  });
});

/** A disk that can be filled and emptied again while the gate runs. */
interface Disk {
  fill(): void;
  free(): void;
  remove(): void;
}

/** A small file system of its own where one may be mounted; otherwise files of this process may not grow. */
function makeDisk(folder: string, gate: GateProcess): Disk {
  const mounted =
    spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=512k,mode=0700', 'tmpfs', folder]).status === 0;
  const filler = join(folder, 'filler');
  if (mounted) {
    return {
      fill: () => void spawnSync('dd', ['if=/dev/zero', `of=${filler}`, 'bs=1k']),
      free: () => rmSync(filler),
      remove: () => void spawnSync('umount', ['-l', folder]),
    };
  }
  const limit = (bytes: string) =>
    void execFileSync('prlimit', ['--pid', String(gate.cli().process.pid), `--fsize=${bytes}:unlimited`]);
  return {
    fill: () => limit(String(statSync(join(folder, 'sessions.db-wal')).size)),
    free: () => limit('unlimited'),
    remove: () => undefined,
  };
}

test('a disk that fills up: 503 for what needs a write, live sessions are served, and all is well when there is room', async (context) => {
  const { gate, startProvider } = await prepare(context);
  await startProvider();
  const data = join(gate.folder, 'data');
  mkdirSync(data, { mode: 0o700 });
  const disk = makeDisk(data, gate);
  try {
    await gate.start();
    const agent = await signInAtGate(gate.url);
    disk.fill();
    let refused = 0;
    for (let round = 0; round < 20; round++) {
      const login = await createUserAgent().navigate(`${gate.url}/x`);
      assert.ok(login.status === 503 || login.status === 200, `${login.status}`);
      if (login.status === 503) {
        refused += 1;
        assert.equal(login.url.pathname, '/.auth/callback');
        assert.deepEqual(
          [...login.setCookies].filter((line) => /^sallyport=[^;]/.test(line)),
          [],
        );
        assert.ok(Number(login.headers['retry-after']) >= 1);
      }
      assert.equal((await agent.ask(`${gate.url}/x`)).status, 200);
    }
    assert.ok(refused >= 10, `${refused} refused`);
    const logout = await agent.submit(`${gate.url}/.auth/logout`, {});
    assert.equal(logout.status, 503, 'a sign-out that is not kept is not pretended');
    assert.equal((await ask(`${gate.url}/public/x`)).status, 200);
    assert.ok(gate.events('store.failed').length > 0);
    disk.free();
    await signInAtGate(gate.url);
    assert.equal((await agent.submit(`${gate.url}/.auth/logout`, {})).status, 303);
    assert.equal(await gate.stop(), 0);
  } finally {
    disk.remove();
  }
});
