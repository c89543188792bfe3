/** `sallyport serve` as a process: start, failures at start, signals, and failures that nobody caught. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type CliProcess, killCliProcesses, runCli, startCli, until } from '../../support/cli.ts';

const root = mkdtempSync(join(tmpdir(), 'sallyport-serve-'));
let application: Server;
let release: (() => void) | null = null;
before(async () => {
  application = createServer((asked, response) => {
    if (asked.url !== '/slow') return void response.end('hello');
    release = () => response.end('finished');
  }).listen(0, '127.0.0.1');
  await once(application, 'listening');
});
after(() => {
  killCliProcesses();
  application.close();
  application.closeAllConnections();
  rmSync(root, { recursive: true });
});

/** A folder with a configuration of a public route, on a port that the system chooses. */
function prepare(extra = '', address = '127.0.0.1:0'): string {
  const cwd = mkdtempSync(join(root, 'case-'));
  const { port } = application.address() as AddressInfo;
  writeFileSync(
    join(cwd, 'sallyport.yaml'),
    `publicUrl: http://127.0.0.1
listen: { address: "${address}" }
clusters: { app: { targets: ["http://127.0.0.1:${port}"] } }
routes: [{ path: /**, cluster: app, access: public }]
log: { format: json }
${extra}`,
  );
  return cwd;
}

async function started(cli: CliProcess): Promise<string> {
  const line = await until(() =>
    cli
      .out()
      .split('\n')
      .find((text) => text.includes('process.started')),
  );
  return (JSON.parse(line) as { address: string }).address;
}

/** Status and body of an answer; the host is that of the public URL, the port that of the listener. */
async function get(address: string, path = '/'): Promise<readonly [status: number, body: string]> {
  const [host, port] = address.split(':');
  const sent = request({ host, port, path, agent: false, headers: { host: '127.0.0.1' } }).end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return [response.statusCode ?? 0, (await response.setEncoding('utf8').toArray()).join('')];
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`serve answers, drains on ${signal} and ends with 0`, async () => {
    const cli = startCli(['serve'], { cwd: prepare() });
    const address = await started(cli);
    assert.deepEqual(await get(address), [200, 'hello']);
    const slow = get(address, '/slow');
    await until(() => release);
    cli.process.kill(signal);
    await until(() => cli.out().includes('process.draining'));
    release?.();
    release = null;
    assert.deepEqual(await slow, [200, 'finished']);
    assert.equal(await cli.exited, 0);
    assert.match(cli.out(), /"drained":true.*process\.stopped/);
  });
}

test('a second signal ends at once', async () => {
  const cli = startCli(['serve'], { cwd: prepare() });
  const address = await started(cli);
  const slow = get(address, '/slow').catch(() => null);
  await until(() => release);
  cli.process.kill('SIGTERM');
  await until(() => cli.out().includes('process.draining'));
  cli.process.kill('SIGTERM');
  assert.equal(await cli.exited, 143);
  release?.();
  release = null;
  await slow;
});

test('RT-067: serve starts nothing with a configuration that has a problem', async () => {
  const { code, out, err } = await runCli(['serve'], { cwd: prepare('sesion: {}\n') });
  assert.equal(code, 1);
  assert.equal(out, '');
  assert.match(err, /1 problem\n {2}sesion/);
});

test('a port that is taken is said in one sentence, with exit code 1', async () => {
  const { port } = application.address() as AddressInfo;
  const { code, err } = await runCli(['serve'], { cwd: prepare('', `127.0.0.1:${port}`) });
  assert.equal(code, 1);
  assert.match(err, new RegExp(`^sallyport: .*127\\.0\\.0\\.1:${port}.*\n$`));
  assert.doesNotMatch(err, / at /);
});

test('a data directory that cannot be made is said in one sentence, with exit code 1', async () => {
  const cwd = prepare('dataDir: ./file/data\n');
  writeFileSync(join(cwd, 'file'), 'not a directory');
  const { code, err } = await runCli(['serve'], { cwd });
  assert.equal(code, 1);
  assert.match(err, /^sallyport: [^\n]*data[^\n]*\n$/);
});

test('a session database that is none is said in one sentence, with exit code 1', async () => {
  const cwd = prepare();
  mkdirSync(join(cwd, 'data'));
  chmodSync(join(cwd, 'data'), 0o700);
  writeFileSync(join(cwd, 'data', 'sessions.db'), 'this is no database, whatever its name says '.repeat(200));
  const { code, err } = await runCli(['serve'], { cwd });
  assert.equal(code, 1);
  assert.match(err, /^sallyport: [^\n]+\n$/);
});

/** Code that runs inside of the process, on SIGUSR2. */
const inject = (code: string) =>
  `data:text/javascript,${encodeURIComponent(`process.on('SIGUSR2', () => { ${code} });`)}`;

test('FL-072: a rejection that nobody handled is logged, and the process goes on serving', async () => {
  const cli = startCli(['serve'], {
    cwd: prepare(),
    imports: [inject(`Promise.reject(new Error('token=abc'))`)],
  });
  const address = await started(cli);
  cli.process.kill('SIGUSR2');
  const line = await until(() => cli.err().includes('\n') && cli.err());
  assert.match(line, /"code":"ERR_INTERNAL","msg":"unhandled rejection"/);
  assert.doesNotMatch(line, /token=abc/);
  assert.deepEqual(await get(address), [200, 'hello']);
  cli.process.kill('SIGTERM');
  assert.equal(await cli.exited, 0);
});

test('FL-072: an exception that nobody caught is logged, what runs is finished, and the exit code is 1', async () => {
  const cli = startCli(['serve'], { cwd: prepare(), imports: [inject(`throw new Error('token=abc')`)] });
  const address = await started(cli);
  const slow = get(address, '/slow');
  await until(() => release);
  cli.process.kill('SIGUSR2');
  await until(() => cli.out().includes('process.draining'));
  release?.();
  release = null;
  assert.deepEqual(await slow, [200, 'finished']);
  assert.equal(await cli.exited, 1);
  assert.match(cli.err(), /uncaught exception/);
  assert.doesNotMatch(cli.err(), /token=abc/);
});
