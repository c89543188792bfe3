/** FL-073 on the whole product: nobody reads the log of a gate. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { freePort } from '../support/free-port.ts';

const cli = join(import.meta.dirname, '../../src/cli/main.ts');

async function startGate(directory: string): Promise<{ child: ChildProcess; url: string; admin: string }> {
  const [port, adminPort, nowhere] = [await freePort(), await freePort(), await freePort()];
  const file = join(directory, 'sallyport.json');
  const config = {
    publicUrl: `http://localhost:${port}`,
    listen: { address: `127.0.0.1:${port}` },
    admin: { address: `127.0.0.1:${adminPort}` },
    dataDir: directory,
    clusters: { app: { targets: [`http://127.0.0.1:${nowhere}`] } },
    routes: [{ path: '/public/**', cluster: 'app', access: 'public' }],
  };
  writeFileSync(file, JSON.stringify(config));
  const child = spawn(process.execPath, [cli, 'serve', '--config', file], {
    stdio: ['ignore', 'pipe', 'ignore'],
    // Its own environment: what the test runner sets is no configuration.
    env: { PATH: process.env.PATH },
  });
  const admin = `http://127.0.0.1:${adminPort}`;
  const deadline = Date.now() + 20_000;
  while (Date.now() < deadline && child.exitCode === null) {
    const response = await fetch(`${admin}/readyz`).catch(() => null);
    await response?.arrayBuffer();
    if (response?.status === 200) break;
    await wait(25);
  }
  return { child, url: `http://localhost:${port}`, admin };
}

test('FL-073: a gate whose log nobody reads answers every request, counts what it drops, and ends at SIGTERM', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-blocked-'));
  const { child, url, admin } = await startGate(directory);
  try {
    // Some 6 MB of lines: more than the pipe and the buffer behind it hold.
    const path = `/public/${'x'.repeat(2000)}`;
    let started = 0;
    let answered = 0;
    const client = async () => {
      while (started < 2500) {
        started += 1;
        const response = await fetch(url + path);
        await response.arrayBuffer();
        if (response.status === 502) answered += 1;
      }
    };
    await Promise.all(Array.from({ length: 8 }, client));
    assert.equal(answered, started);
    const metrics = await (await fetch(`${admin}/metrics`)).text();
    const dropped = Number(/^sallyport_log_lines_dropped_total (\d+)$/m.exec(metrics)?.[1]);
    assert.ok(dropped > 0);
    child.kill('SIGTERM');
    await once(child, 'exit', { signal: AbortSignal.timeout(20_000) });
    assert.equal(child.exitCode, 0);
  } finally {
    child.kill('SIGKILL');
    rmSync(directory, { recursive: true, force: true });
  }
});
