/** `listen.tls` of the whole gate: beside plain http and alone, in one process and in several, with a PFX from a file. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { get } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { killCliProcesses, runCli } from '../support/cli.ts';
import { type GateProcess, prepareGateProcess } from '../support/gate-process.ts';
import { rawConnect, rawSend } from '../support/raw.ts';
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

/** Sends back what it gets: bodies, and what follows an upgrade. */
async function startApp(context: TestContext): Promise<string> {
  const app = createServer((request, response) => void request.pipe(response));
  app.on('upgrade', (_request, socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n');
    socket.on('error', () => {}).pipe(socket);
  });
  await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve));
  context.after(() => {
    app.closeAllConnections();
    app.close();
  });
  return `http://127.0.0.1:${(app.address() as AddressInfo).port}`;
}

async function prepare(context: TestContext, setup: Setup): Promise<GateProcess> {
  const app = await startApp(context);
  const gate = await prepareGateProcess({
    config: {
      clusters: { app: { targets: [app] } },
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

test('long bodies and upgraded connections are carried both ways over TLS', async (context) => {
  const gate = await prepare(context, { listen: { upgrades: ['chat'] } });
  await gate.start();
  const port = Number(startedOf(gate).tls?.split(':')[1]);
  const body = 'abcdefgh'.repeat(512 * 1024);
  const head = `POST /a HTTP/1.1\r\nHost: app.test\r\nContent-Length: ${body.length}\r\n\r\n`;
  const { responses } = await rawSend(port, head + body, { tls: {}, responses: 1 });
  assert.equal(responses[0]?.status, 200);
  assert.ok(responses[0]?.body === body, 'not the same bytes');
  const peer = await rawConnect(port, { tls: {} });
  peer.write('GET /c HTTP/1.1\r\nHost: app.test\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n');
  await peer.waitFor(() => peer.text().includes('\r\n\r\n'));
  assert.match(peer.text(), /^HTTP\/1\.1 101 /);
  peer.write('hello through TLS');
  await peer.waitFor(() => peer.text().endsWith('hello through TLS'));
  peer.end();
  await peer.waitClosed();
  peer.destroy();
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
