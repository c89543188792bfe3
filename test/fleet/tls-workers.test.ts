/** The TLS listener of a gate with two workers: both serve both ports, and judge certificates alike, while they are replaced. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { until } from '../support/cli.ts';
import { type GateProcess, prepareGateProcess } from '../support/gate-process.ts';
import { waitUntil } from '../support/raw.ts';
import { type RealProvider, startRealProvider } from '../support/real-provider.ts';
import { type Identity, makeTlsFiles } from '../support/tls-files.ts';
import { clientSecret, front, machineClient, machineToken } from './support/api-fleet.ts';
import { answeredBy, askOnce, eventually, type SlowApp, startSlowApp, workersOf } from './support/workers.ts';

const files = makeTlsFiles();
after(() => files[Symbol.dispose]());

const certificateHeader = 'x-test-certificate';

interface Prepared {
  readonly gate: GateProcess;
  readonly app: SlowApp;
  readonly provider: RealProvider;
}

async function start(context: TestContext): Promise<Prepared> {
  const app = await startSlowApp();
  context.after(() => app.close());
  const provider = await startRealProvider({
    clients: [machineClient('machine', { tls_client_certificate_bound_access_tokens: true })],
    apis: { resources: { [front]: { scope: 'front', format: 'jwt' } }, certificateHeader },
  });
  context.after(() => provider.close());
  const tls = { certificate: { file: 'tls.crt' }, key: { file: 'tls.key' }, clientCertificates: 'optional' };
  const gate = await prepareGateProcess({
    config: {
      workers: 2,
      providers: { main: { issuer: provider.issuer, clientId: 'app', clientSecret } },
      apis: { front: { issuers: ['main'], audience: [front] } },
      clusters: { app: { targets: [app.url] } },
      routes: [
        { path: '/bound/**', cluster: 'app', authenticate: ['bearer'], api: 'front' },
        { path: '/**', cluster: 'app', access: 'public' },
      ],
      listen: { hosts: ['app.test'], tls: { address: '127.0.0.1:0', ...tls } },
    },
  });
  context.after(() => gate.close());
  writeFileSync(join(gate.folder, 'tls.crt'), files.server.certificate);
  writeFileSync(join(gate.folder, 'tls.key'), files.server.key);
  await gate.start();
  return { gate, app, provider };
}

interface TlsAsking {
  readonly path: string;
  readonly identity?: Identity;
  readonly token?: string;
  /** A connection of its own when absent. */
  readonly agent?: Agent;
}

interface TlsAnswer {
  readonly status: number;
  readonly body: string;
}

/** Over TLS, with the certificate of the listener checked. */
function askTls(gate: GateProcess, { path, identity, token, agent }: TlsAsking): Promise<TlsAnswer> {
  const port = Number(String(gate.events('process.started')[0]?.tls).split(':')[1]);
  const headers = { host: 'app.test', ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) };
  const shown = identity === undefined ? {} : { cert: identity.certificate, key: identity.key };
  const at = { host: '127.0.0.1', port, servername: 'app.test', ca: files.server.certificate };
  return new Promise((resolve, reject) => {
    const outgoing = request({ ...at, ...shown, path, headers, agent: agent ?? false }, (incoming) => {
      let body = '';
      incoming.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      incoming.once('error', reject);
      incoming.once('end', () => resolve({ status: incoming.statusCode ?? 0, body }));
    });
    outgoing.once('error', reject);
    outgoing.end();
  });
}

/** Asks eight times at once until each worker has answered this often or more. */
async function askEveryWorker(
  gate: GateProcess,
  ask: () => Promise<{ readonly status: number }>,
  status: number,
): Promise<void> {
  const known = gate.events('request.finished').length;
  const workers = workersOf(gate).length;
  await eventually(async () => {
    for (const answer of await Promise.all(Array.from({ length: 8 }, ask)))
      assert.equal(answer.status, status);
    const lines = gate.events('request.finished').slice(known);
    return new Set(lines.map(({ requestId }) => String(requestId).split('-')[0])).size >= workers;
  });
}

const bindTo = (identity: Identity) => ({ [certificateHeader]: encodeURIComponent(identity.certificate) });

test('both ports are served by both workers, and a worker that replaces another one serves both', async (context) => {
  const { gate } = await start(context);
  const plain = () => askOnce(`${gate.url}/x`);
  const tls = () => askTls(gate, { path: '/x' });
  await askEveryWorker(gate, plain, 200);
  await askEveryWorker(gate, tls, 200);
  process.kill(workersOf(gate)[0] as number, 'SIGKILL');
  await until(() => gate.events('worker.started').length === 3 && workersOf(gate).length === 2);
  await askEveryWorker(gate, plain, 200);
  await askEveryWorker(gate, tls, 200);
  assert.equal(answeredBy(gate).size, 3);
  assert.equal(await gate.stop(), 0);
});

test('a token that is bound to a certificate (RFC 8705) passes with that one alone, on every worker', async (context) => {
  const { gate, provider } = await start(context);
  const { client, stranger } = files;
  const token = await machineToken(provider, { clientId: 'machine', headers: bindTo(client) });
  const call = (identity?: Identity) => () =>
    askTls(gate, { path: '/bound/x', token, ...(identity === undefined ? {} : { identity }) });
  for (let round = 0; round < 2; round += 1) {
    await askEveryWorker(gate, call(client), 200);
    await askEveryWorker(gate, call(stranger), 401);
    await askEveryWorker(gate, call(), 401);
    const overHttp = () => askOnce(`${gate.url}/bound/x`, { authorization: `Bearer ${token}` });
    await askEveryWorker(gate, overHttp, 401);
    if (round === 1) break;
    process.kill(workersOf(gate)[0] as number, 'SIGTERM');
    await until(() => gate.events('worker.ended').length === 1 && workersOf(gate).length === 2);
  }
  assert.equal(gate.cli().err(), '');
  assert.ok(!gate.cli().out().includes(token.slice(-40)), 'the token is in the log');
  assert.equal(await gate.stop(), 0);
});

test('FL-040: when each worker in turn is told to end, no TLS connection that is being answered is lost', async (context) => {
  const { gate, app } = await start(context);
  const load = { on: true };
  context.after(() => {
    load.on = false;
  });
  const problems: string[] = [];
  let served = 0;
  /** On connections of their own: which a client keeps idle may be closed at any time. */
  const browse = async (): Promise<void> => {
    while (load.on) {
      const answer = await askTls(gate, { path: '/short' }).catch((error: Error) => error);
      if (answer instanceof Error) problems.push(answer.message);
      else if (answer.status === 200 && answer.body === 'served') served += 1;
      else problems.push(`${answer.status}`);
    }
  };
  const running = Promise.all(Array.from({ length: 4 }, browse));
  for (let round = 0; round < 2; round += 1) {
    const slow = app.slow.length;
    const agent = new Agent({ keepAlive: true });
    context.after(() => agent.destroy());
    const answers = Array.from({ length: 12 }, () => askTls(gate, { path: '/slow', agent }));
    await waitUntil(() => app.slow.length === slow + 12);
    const oldest = workersOf(gate)[0] as number;
    process.kill(oldest, 'SIGTERM');
    await until(() => gate.events('worker.started').length === 3 + round);
    for (const response of app.slow.slice(slow)) response.end('finished');
    for (const answer of await Promise.all(answers))
      assert.deepEqual(answer, { status: 200, body: 'finished' });
    await until(() => gate.events('worker.ended').length === 1 + round);
  }
  load.on = false;
  await running;
  context.diagnostic(`${served} answers meanwhile`);
  assert.deepEqual(problems.slice(0, 5), [], `${problems.length} of ${served} failed`);
  for (const { exitCode } of gate.events('worker.ended')) assert.equal(exitCode, 0);
  assert.equal(answeredBy(gate).size, 4);
  assert.equal(await gate.stop(), 0);
});
