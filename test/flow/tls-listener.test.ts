/** `listen.tls` of the whole gate: beside plain http and alone, in one process and in several, with a PFX from a file. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { killCliProcesses, runCli } from '../support/cli.ts';
import { createEcho } from '../support/echo.ts';
import { type GateProcess, prepareGateProcess } from '../support/gate-process.ts';
import { rawSend } from '../support/raw.ts';
import { makeTlsFiles, passphrase } from '../support/tls-files.ts';

const files = makeTlsFiles();
after(() => {
  killCliProcesses();
  files[Symbol.dispose]();
});

const pfx = files.pfx();

interface Setup {
  readonly listen?: object;
  readonly workers?: number;
  readonly pfx?: Buffer;
}

async function prepare(context: TestContext, setup: Setup): Promise<GateProcess> {
  const echo = await createEcho();
  context.after(() => echo.close());
  const gate = await prepareGateProcess({
    config: {
      clusters: { app: { targets: [echo.url] } },
      routes: [{ path: '/**', cluster: 'app', access: 'public' }],
      workers: setup.workers ?? 1,
      listen: {
        hosts: ['app.test'],
        ...setup.listen,
        tls: { address: '127.0.0.1:0', pfx: { file: 'server.pfx' }, passphrase },
      },
    },
  });
  context.after(() => gate.close());
  writeFileSync(join(gate.folder, 'server.pfx'), setup.pfx ?? pfx);
  return gate;
}

/** A log line leaves out what is null. */
interface Started {
  readonly address?: string;
  readonly tls?: string;
}

const startedOf = (gate: GateProcess) => gate.events('process.started')[0] as unknown as Started;

/** The status of `GET /a` at the listener, whose certificate has to be that of `app.test`. */
function ask(address: string): Promise<number | undefined> {
  const [host, port] = address.split(':');
  return new Promise((resolve, reject) => {
    const request = get(
      {
        ...{ host, port, path: '/a', servername: 'app.test', headers: { host: 'app.test' } },
        ...{ ca: files.server.certificate, agent: false },
      },
      (response) => response.resume().once('end', () => resolve(response.statusCode)),
    );
    request.once('error', reject);
  });
}

test('TLS is spoken beside plain http, with certificate and key from a PFX', async (context) => {
  const gate = await prepare(context, {});
  await gate.start();
  const { address, tls } = startedOf(gate);
  assert.equal(address, `127.0.0.1:${gate.port}`);
  assert.doesNotMatch(String(tls), /:0$/);
  assert.equal(await ask(String(tls)), 200);
  const bytes = 'GET /a HTTP/1.1\r\nHost: app.test\r\n\r\n';
  assert.equal((await rawSend(gate.port, bytes, { responses: 1 })).responses[0]?.status, 200);
  assert.equal(await gate.stop(), 0);
});

test('only TLS is spoken where `listen.address` is null', async (context) => {
  const gate = await prepare(context, { listen: { address: null } });
  await gate.start();
  const { address, tls } = startedOf(gate);
  assert.equal(address, undefined);
  assert.equal(await ask(String(tls)), 200);
  await assert.rejects(rawSend(gate.port, ''));
  assert.equal(await gate.stop(), 0);
});

test('several workers share both ports, which the system chose', async (context) => {
  const gate = await prepare(context, { listen: { address: '127.0.0.1:0' }, workers: 2 });
  await gate.start();
  const { address, tls } = startedOf(gate);
  assert.doesNotMatch(`${address} ${tls}`, /:0\b/);
  assert.notEqual(address, tls);
  for (const status of await Promise.all(Array.from({ length: 8 }, () => ask(String(tls)))))
    assert.equal(status, 200);
  assert.equal(await gate.stop(), 0);
});

test('a PFX that cannot be opened is found by the check, which says what to do', async (context) => {
  const gate = await prepare(context, { pfx: files.pfx('-legacy') });
  const { code, out, err } = await runCli(['check', '--config', 'sallyport.json'], { cwd: gate.folder });
  assert.notEqual(code, 0);
  assert.match(out + err, /listen\.tls\.pfx.*openssl pkcs12 -legacy/s);
  assert.ok(!(out + err).includes(passphrase));
});
