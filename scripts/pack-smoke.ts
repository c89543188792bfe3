/**
 * The package as a stranger gets it: `npm pack`, installed into an empty folder, tells its version, has types, checks
 * a configuration and serves a public route. Needs `npm run build` before.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createNetServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { root } from './root.ts';
import { localProgram, runCommand } from './run-command.ts';

const { version } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8')) as { version: string };
const folder = mkdtempSync(join(tmpdir(), 'sallyport-pack-'));
try {
  install(folder);
  assert.equal(sallyport(['--version']), `${version}\n`);
  hasTypes();
  await serves();
  process.stdout.write(`sallyport-${version}.tgz installs, checks and serves\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function install(cwd: string): void {
  quietly('npm', ['pack', '--pack-destination', cwd], root);
  writeFileSync(join(cwd, 'package.json'), '{ "name": "empty", "private": true }\n');
  quietly(
    'npm',
    ['install', '--prefer-offline', '--no-audit', '--no-fund', `./sallyport-${version}.tgz`],
    cwd,
  );
}

function quietly(program: string, args: readonly string[], cwd: string): string {
  const { ok, out, err } = runCommand(program, args, { quiet: true, cwd });
  assert.ok(ok, `${program} ${args.join(' ')}\n${out}${err}`);
  return out;
}

function sallyport(args: readonly string[]): string {
  return quietly('npx', ['--no-install', 'sallyport', ...args], folder);
}

/** A stranger's strict TypeScript sees the library through its declarations alone. */
function hasTypes(): void {
  writeFileSync(
    join(folder, 'use.mts'),
    `import { createGate, type Gate, loadConfig, type Problem } from 'sallyport';
export function make(): Gate | readonly Problem[] {
  const result = loadConfig({ env: {} });
  return result.ok ? createGate(result.config) : result.problems;
}
// @ts-expect-error: a configuration has to be validated first
createGate({ publicUrl: 1 });
`,
  );
  const flags = ['--noEmit', '--strict', '--skipLibCheck', '--module', 'nodenext', '--types', ''];
  quietly(localProgram('tsc'), [...flags, 'use.mts'], folder);
}

async function serves(): Promise<void> {
  const application = createServer((_request, response) => response.end('hello from behind')).listen(
    0,
    '127.0.0.1',
  );
  await once(application, 'listening');
  const port = await freePort();
  writeFileSync(
    join(folder, 'sallyport.yaml'),
    configuration(port, (application.address() as AddressInfo).port),
  );
  assert.match(sallyport(['check']), /is valid/);
  const gate = spawn('node_modules/.bin/sallyport', ['serve'], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  try {
    assert.equal(await firstAnswer(`http://127.0.0.1:${port}/`), 'hello from behind');
    gate.kill('SIGTERM');
    const [exitCode] = (await once(gate, 'exit')) as [number | null];
    assert.equal(exitCode, 0);
  } finally {
    gate.kill('SIGKILL');
    application.close();
  }
}

function configuration(port: number, applicationPort: number): string {
  return `publicUrl: http://127.0.0.1:${port}
listen: { address: "127.0.0.1:${port}" }
clusters: { app: { targets: ["http://127.0.0.1:${applicationPort}"] } }
routes: [{ path: /**, cluster: app, access: public }]
`;
}

/** Free a moment ago: somebody else could take it, and then the gate says so. */
async function freePort(): Promise<number> {
  const server = createNetServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function firstAnswer(url: string): Promise<string> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await (await fetch(url)).text();
    } catch (error) {
      if (attempt === 100) throw error;
      await sleep(100);
    }
  }
}
