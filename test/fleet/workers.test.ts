/** `workers`: several processes on one port, replaced when they die, ended together, seen as one gate. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { until } from '../support/cli.ts';
import { freePort } from '../support/free-port.ts';
import { cookieOf, exampleConfig, signInAtGate, startExampleProvider } from '../support/gate.ts';
import { type GateProcess, prepareGateProcess } from '../support/gate-process.ts';
import { waitUntil } from '../support/raw.ts';
import {
  answeredBy,
  askOnce,
  eventually,
  isRunning,
  type SlowApp,
  sampleOf,
  startSlowApp,
  workersOf,
} from './support/workers.ts';

const secret = 'a client secret that nobody sees';

interface Prepared {
  readonly gate: GateProcess;
  readonly adminUrl: string;
  readonly app: SlowApp;
}

async function prepare(
  context: TestContext,
  config: Readonly<Record<string, unknown>> = {},
): Promise<Prepared> {
  const app = await startSlowApp();
  context.after(() => app.close());
  const adminUrl = `http://127.0.0.1:${await freePort()}`;
  const gate = await prepareGateProcess({
    config: {
      clusters: { app: { targets: [app.url] } },
      routes: [{ path: '/**', cluster: 'app', access: 'public' }],
      admin: { address: new URL(adminUrl).host },
      workers: 2,
      ...config,
    },
  });
  context.after(() => gate.close());
  return { gate, adminUrl, app };
}

async function start(context: TestContext, config?: Readonly<Record<string, unknown>>): Promise<Prepared> {
  const prepared = await prepare(context, config);
  await prepared.gate.start();
  return prepared;
}

/** Another worker than those of before serves. */
const replaced = (gate: GateProcess, before: number) =>
  until(() => gate.events('worker.started').length > before && workersOf(gate).length === 2);

/** One request after another on kept connections, as long as the load is on. */
async function runLoad(url: string, agent: Agent, load: { on: boolean }) {
  const result = { served: 0, failed: 0 };
  while (load.on) {
    const ok = await new Promise<boolean>((resolve) => {
      get(`${url}/short`, { agent }, (response) => {
        response.resume().once('error', () => resolve(false));
        response.once('end', () => resolve(response.statusCode === 200));
      }).once('error', () => resolve(false));
    });
    if (ok) result.served += 1;
    else result.failed += 1;
  }
  return result;
}

function assertTaken(
  { code, err, out }: { code: number | null; err: string; out: string },
  gate: GateProcess,
): void {
  assert.equal(code, 1);
  assert.match(err, new RegExp(`^sallyport: [^\\n]*127\\.0\\.0\\.1:${gate.port} is taken[^\\n]*\\n$`));
  assert.ok(!out.includes('process.started'));
  assert.ok(!out.includes('worker.started'));
}

describe('several workers', { concurrency: 3 }, () => {
  test('requests are spread over the workers, and the start is told once', async (context) => {
    const { gate } = await start(context);
    await eventually(async () => {
      await Promise.all(Array.from({ length: 8 }, () => askOnce(`${gate.url}/x`)));
      return answeredBy(gate).size === 2;
    });
    assert.equal(gate.events('process.started').length, 1);
    assert.equal(gate.events('process.started')[0]?.address, new URL(gate.url).host);
    assert.equal(new Set(workersOf(gate)).size, 2);
    assert.ok(!workersOf(gate).includes(gate.cli().process.pid as number), 'and none is the supervisor');
    assert.equal(await gate.stop(), 0);
  });

  test('port 0: all workers listen on the one port that the system chose', async (context) => {
    const { gate } = await start(context, { listen: { address: '127.0.0.1:0' } });
    const address = String(gate.events('process.started')[0]?.address);
    assert.doesNotMatch(address, /:0$/);
    const headers = { host: new URL(gate.url).host };
    await eventually(async () => {
      const answers = await Promise.all(
        Array.from({ length: 8 }, () => askOnce(`http://${address}/x`, headers)),
      );
      assert.ok(answers.every(({ status }) => status === 200));
      return answeredBy(gate).size === 2;
    });
  });

  test('a worker that is killed under load fails only what ran on it, and is replaced at once', async (context) => {
    const { gate } = await start(context);
    const agent = new Agent({ keepAlive: true, maxSockets: 1000 });
    context.after(() => agent.destroy());
    const load = { on: true };
    const loops = Array.from({ length: 24 }, () => runLoad(gate.url, agent, load));
    await until(() => answeredBy(gate).size === 2);
    const [victim] = workersOf(gate);
    process.kill(victim as number, 'SIGKILL');
    await replaced(gate, 2);
    await eventually(async () => {
      await Promise.all(Array.from({ length: 8 }, () => askOnce(`${gate.url}/x`)));
      return answeredBy(gate).size === 3;
    });
    load.on = false;
    const results = await Promise.all(loops);
    for (const { failed, served } of results) {
      assert.ok(failed <= 1, `a client failed ${failed} times`);
      assert.ok(served > 0);
    }
    const [ended] = gate.events('worker.ended');
    assert.equal(ended?.worker, victim);
    assert.equal(ended?.signal, 'SIGKILL');
    assert.equal(ended?.replacedInMs, 0);
  });

  test('a worker that dies again and again is started ever more slowly, while the other serves', async (context) => {
    const { gate } = await start(context);
    const [, steady] = workersOf(gate);
    for (let round = 0; round < 4; round += 1) {
      const victim = workersOf(gate).find((pid) => pid !== steady) as number;
      process.kill(victim, 'SIGKILL');
      await until(() => gate.events('worker.ended').length > round);
      assert.equal((await askOnce(`${gate.url}/x`)).status, 200);
      await replaced(gate, 2 + round);
    }
    const delays = gate.events('worker.ended').map(({ replacedInMs }) => Number(replacedInMs));
    assert.equal(delays[0], 0);
    for (const [index, least] of [125, 250, 500].entries()) {
      const delay = delays[index + 1] as number;
      assert.ok(delay >= least && delay <= 2 * least, `${delays}`);
    }
  });

  test('a replacement runs the configuration of the start, whatever has become of the file', async (context) => {
    const { gate } = await start(context);
    writeFileSync(join(gate.folder, 'sallyport.json'), '{ "sesion": ');
    process.kill(workersOf(gate)[0] as number, 'SIGKILL');
    await replaced(gate, 2);
    assert.equal(gate.cli().err(), '');
  });

  test('a replacement that cannot start is tried again until it can, while the other serves', async (context) => {
    const { gate } = await prepare(context);
    const key = join(gate.folder, 'client-secret');
    writeFileSync(key, secret);
    const config = JSON.parse(readFileSync(join(gate.folder, 'sallyport.json'), 'utf8'));
    config.providers = {
      main: { issuer: 'http://127.0.0.1:9', clientId: 'app', clientSecret: { file: 'client-secret' } },
    };
    writeFileSync(join(gate.folder, 'sallyport.json'), JSON.stringify(config));
    await gate.start();
    rmSync(key);
    process.kill(workersOf(gate)[0] as number, 'SIGKILL');
    await until(() => gate.events('worker.ended').length >= 3);
    assert.equal((await askOnce(`${gate.url}/x`)).status, 200);
    assert.match(gate.cli().err(), /client-secret/);
    assert.ok(
      gate.events('worker.ended').every(({ exitCode, signal }) => exitCode === 1 || signal === 'SIGKILL'),
    );
    writeFileSync(key, secret);
    await replaced(gate, 2);
  });

  test('secrets of the configuration are in no argument and no variable of a worker', async (context) => {
    const issuer = `http://127.0.0.1:${await freePort()}`;
    const { gate } = await start(context, {
      providers: { main: { issuer, clientId: 'app', clientSecret: secret } },
    });
    for (const pid of workersOf(gate)) {
      for (const file of ['cmdline', 'environ'])
        assert.ok(!readFileSync(`/proc/${pid}/${file}`, 'utf8').includes(secret), file);
    }
  });

  test('FL-040: SIGTERM finishes what runs on every worker, takes nothing new, and ends with 0', async (context) => {
    const { gate, adminUrl, app } = await start(context);
    const running = Array.from({ length: 12 }, () => askOnce(`${gate.url}/slow`));
    await waitUntil(() => app.slow.length === 12);
    const workers = workersOf(gate);
    const ended = gate.stop();
    await until(() => gate.events('process.draining').length === 1);
    assert.equal(gate.events('process.draining')[0]?.inFlight, 12);
    await assert.rejects(askOnce(`${gate.url}/x`), 'no new connection is taken');
    const readiness = await askOnce(`${adminUrl}/readyz`);
    assert.equal(readiness.status, 503);
    assert.equal(JSON.parse(readiness.body).checks.state, 'draining');
    for (const response of app.slow) response.end('finished');
    for (const answer of await Promise.all(running)) assert.equal(answer.body, 'finished');
    assert.equal(await ended, 0);
    assert.equal(gate.events('process.stopped')[0]?.drained, true);
    assert.equal(gate.events('worker.ended').length, 0, 'nobody died');
    assert.equal(gate.cli().err(), '');
    assert.deepEqual(workers.filter(isRunning), []);
  });

  test('a second signal ends the supervisor and its workers at once', async (context) => {
    const { gate, app } = await start(context);
    const running = askOnce(`${gate.url}/slow`).catch(() => null);
    await waitUntil(() => app.slow.length === 1);
    const workers = workersOf(gate);
    gate.cli().process.kill('SIGTERM');
    await until(() => gate.events('process.draining').length === 1);
    gate.cli().process.kill('SIGTERM');
    assert.equal(await gate.cli().exited, 143);
    await until(() => !workers.some(isRunning));
    await running;
  });

  test('a worker that is told to end finishes what runs on it, and another takes its place meanwhile', async (context) => {
    const { gate, app } = await start(context);
    const running = Array.from({ length: 12 }, () => askOnce(`${gate.url}/slow`));
    await waitUntil(() => app.slow.length === 12);
    const workers = workersOf(gate);
    for (const pid of workers) process.kill(pid, 'SIGTERM');
    await until(() => gate.events('worker.started').length === 4);
    assert.equal((await askOnce(`${gate.url}/x`)).status, 200);
    for (const response of app.slow) response.end('finished');
    for (const answer of await Promise.all(running)) assert.equal(answer.body, 'finished');
    await until(() => gate.events('worker.ended').length === 2);
    for (const { exitCode } of gate.events('worker.ended')) assert.equal(exitCode, 0);
  });

  test('when the supervisor is killed its workers finish what runs and end: nobody is left behind', async (context) => {
    const { gate, app } = await start(context);
    const running = askOnce(`${gate.url}/slow`);
    await waitUntil(() => app.slow.length === 1);
    const workers = workersOf(gate);
    assert.deepEqual(workers.filter(isRunning), workers);
    gate.cli().process.kill('SIGKILL');
    await eventually(async () => (await askOnce(`${gate.url}/x`).catch(() => null)) === null || null);
    app.slow[0]?.end('finished');
    assert.equal((await running).body, 'finished');
    await until(() => !workers.some(isRunning));
  });

  test('an address that another program or another gate has is refused, in one sentence, with exit code 1', async (context) => {
    const { gate } = await prepare(context);
    const other = createServer().listen(gate.port, '127.0.0.1');
    await until(() => other.listening);
    const refused = await gate.run();
    await new Promise((resolve) => other.close(resolve));
    assertTaken(refused, gate);

    await gate.start();
    const { gate: second } = await prepare(context, { listen: { address: `127.0.0.1:${gate.port}` } });
    assertTaken(await second.run(), gate);
    assert.equal((await askOnce(`${gate.url}/x`)).status, 200, 'and the first goes on');
  });

  test('what is wrong with the configuration or the data directory is told once', async (context) => {
    const { gate: misspelt } = await prepare(context, { sesion: {} });
    const invalid = await misspelt.run();
    assert.equal(invalid.code, 1);
    assert.equal(invalid.err.match(/1 problem/g)?.length, 1);

    const { gate } = await prepare(context);
    mkdirSync(join(gate.folder, 'data'), { mode: 0o700 });
    writeFileSync(join(gate.folder, 'data', 'sessions.db'), 'no database '.repeat(900));
    const { code, err, out } = await gate.run();
    assert.equal(code, 1);
    assert.match(err, /^sallyport: [^\n]*session database[^\n]*\n$/);
    assert.ok(!out.includes('process.started'));
  });

  test('/metrics counts what all workers did, and does not fall when one dies', async (context) => {
    const { gate, adminUrl } = await start(context);
    const scrape = async () => (await askOnce(`${adminUrl}/metrics`)).body;
    for (let sent = 0; sent < 40; sent += 10)
      await Promise.all(Array.from({ length: 10 }, () => askOnce(`${gate.url}/x`)));
    await until(() => answeredBy(gate).size === 2);
    const before = await eventually(async () => {
      const text = await scrape();
      return sampleOf(text, 'sallyport_requests_total') === 40 && text;
    });
    assert.equal(sampleOf(before, 'sallyport_request_duration_seconds_count'), 40);
    assert.equal(sampleOf(before, 'sallyport_workers'), 2);
    assert.equal(sampleOf(before, 'sallyport_sessions'), 0);
    assert.equal(sampleOf(before, 'sallyport_build_info'), 1);
    process.kill(workersOf(gate)[0] as number, 'SIGKILL');
    await replaced(gate, 2);
    const afterwards = await scrape();
    assert.equal(sampleOf(afterwards, 'sallyport_requests_total'), 40);
    assert.equal(sampleOf(afterwards, 'sallyport_workers_lost_total'), 1);
    assert.equal(sampleOf(afterwards, 'sallyport_workers'), 2);
  });

  test('/readyz speaks for all workers: one that hangs takes the gate out, one that is gone does not', async (context) => {
    const { gate, adminUrl } = await start(context);
    const readiness = async () => {
      const { status, body } = await askOnce(`${adminUrl}/readyz`);
      return { status, checks: JSON.parse(body).checks };
    };
    assert.deepEqual(await readiness(), {
      status: 200,
      checks: { state: 'serving', store: 'ok', workers: '2 of 2' },
    });
    const [first = 0] = workersOf(gate);
    process.kill(first, 'SIGSTOP');
    const hung = await readiness();
    assert.equal(hung.status, 503);
    assert.equal(hung.checks.state, 'silent');
    process.kill(first, 'SIGCONT');
    await eventually(async () => (await readiness()).status === 200);
    process.kill(first, 'SIGKILL');
    const gone = await eventually(async () => {
      const seen = await readiness();
      return seen.checks.workers === '1 of 2' && seen;
    });
    assert.equal(gone.status, 200);
  });

  test('who signs in at one worker is known to all, and who signs out is refused by all within a second', async (context) => {
    const url = `http://127.0.0.1:${await freePort()}`;
    const provider = await startExampleProvider(url);
    context.after(() => provider.close());
    const app = await startSlowApp();
    context.after(() => app.close());
    const { gate } = await start(context, {
      listen: { address: new URL(url).host },
      publicUrl: url,
      ...exampleConfig({ issuer: provider.issuer, appUrl: app.url }),
    });
    const agent = await signInAtGate(url);
    const cookie = cookieOf(agent, url);
    const statuses = async () => {
      const answers = await Promise.all(
        Array.from({ length: 16 }, () => askOnce(`${url}/api/x`, { cookie })),
      );
      return answers.map(({ status }) => status);
    };
    await eventually(async () => {
      assert.deepEqual(new Set(await statuses()), new Set([200]));
      return answeredBy(gate).size === 2;
    });
    assert.equal((await agent.submit(`${url}/.auth/logout`, {})).status, 303);
    const signedOutAt = performance.now();
    await eventually(async () => (await statuses()).every((status) => status === 401));
    const took = performance.now() - signedOutAt;
    assert.ok(took < 1500, `it took ${took} ms`);
  });
});
