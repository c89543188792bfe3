/** `npm run demo` as a program: addresses, taken ports, Ctrl-C, and who is signed in after a restart of all of it. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { signIn } from '../../bench/sign-in.ts';
import { freePort } from '../support/free-port.ts';
import { startPlainServer } from './plain-server.ts';

const program = join(import.meta.dirname, '../../demo/main.ts');

interface Ports {
  readonly port: number;
  readonly providerPort: number;
  readonly appPort: number;
}

interface DemoProcess {
  readonly child: ChildProcess;
  /** Standard output so far. */
  output(): string;
  errors(): string;
  readonly exit: Promise<number | null>;
}

const freePorts = async (): Promise<Ports> => ({
  port: await freePort(),
  providerPort: await freePort(),
  appPort: await freePort(),
});

function runDemo(t: TestContext, ports: Ports, dataDir: string): DemoProcess {
  const flags = ['--port', ports.port, '--provider-port', ports.providerPort, '--app-port', ports.appPort];
  const child = spawn(process.execPath, [program, ...flags.map(String), '--data-dir', dataDir]);
  let [output, errors] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const exit = new Promise<number | null>((resolve) => child.once('exit', resolve));
  t.after(() => child.kill('SIGKILL'));
  return { child, output: () => output, errors: () => errors, exit };
}

async function untilStarted(demo: DemoProcess): Promise<void> {
  const deadline = performance.now() + 15_000;
  while (!demo.output().includes('Ctrl-C')) {
    assert.ok(
      performance.now() < deadline && demo.child.exitCode === null,
      `did not start: ${demo.errors()}`,
    );
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-demo-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test('the demo prints its addresses, ends at Ctrl-C, and alice is signed in when all of it starts again', async (t) => {
  const [ports, dataDir] = [await freePorts(), temporaryFolder(t)];
  const first = runDemo(t, ports, dataDir);
  await untilStarted(first);
  const gateUrl = `http://localhost:${ports.port}`;
  for (const address of [
    gateUrl,
    `http://127.0.0.1:${ports.providerPort}`,
    `http://127.0.0.1:${ports.appPort}`,
  ]) {
    assert.ok(first.output().includes(address), `${address} is printed`);
  }
  const cookie = await signIn(`${gateUrl}/`, 'alice');
  first.child.kill('SIGINT');
  assert.equal(await first.exit, 0);

  const second = runDemo(t, ports, dataDir);
  await untilStarted(second);
  const me = await fetch(`${gateUrl}/.auth/me`, { headers: { cookie } });
  assert.equal(me.status, 200);
  assert.equal(((await me.json()) as { sub: string }).sub, 'alice');
  second.child.kill('SIGINT');
  assert.equal(await second.exit, 0);
});

for (const [name, flag] of [
  ['port', '--port'],
  ['providerPort', '--provider-port'],
  ['appPort', '--app-port'],
] as const) {
  test(`a port for ${flag} that is taken is said in one sentence`, async (t) => {
    const taken = await startPlainServer(t, (_request, response) => response.end());
    const demo = runDemo(t, { ...(await freePorts()), [name]: taken.port }, temporaryFolder(t));
    assert.equal(await demo.exit, 1);
    assert.match(
      demo.errors().trim(),
      new RegExp(`^Port ${taken.port} is taken by another program: choose another with ${flag}\\.$`),
    );
  });
}
