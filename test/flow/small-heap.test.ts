/** FL-074: a gate with little memory gives back what it cannot carry, and lives. */
import assert from 'node:assert/strict';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, test } from 'node:test';
import { killCliProcesses } from '../support/cli.ts';
import { prepareGateProcess } from '../support/gate-process.ts';

after(killCliProcesses);

/** Megabytes for the heap of the gate; it starts with some 20. */
const heap = 48;
const clients = 400;
const body = Buffer.alloc(1 << 20, 'x');

function post(url: string): Promise<number> {
  return new Promise((resolve) => {
    const outgoing = request(url, {
      method: 'POST',
      agent: false,
      headers: { 'content-type': 'text/plain' },
    });
    outgoing.on('error', () => resolve(0));
    outgoing.on('response', (incoming) => {
      incoming.resume();
      incoming.on('error', () => resolve(0));
      incoming.on('end', () => resolve(incoming.statusCode ?? 0));
    });
    outgoing.end(body);
  });
}

test('FL-074: 400 uploads at once through a heap of 48 MB: some are turned away, and the gate serves on', async () => {
  // Reads slowly, so that all of them are under way together, and answers with twice what it got.
  const app = createServer((incoming, response) => {
    let bytes = 0;
    incoming.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      incoming.pause();
      setTimeout(() => incoming.resume(), 2);
    });
    incoming.on('end', () => response.end(Buffer.alloc(2 * bytes, 'y')));
  });
  await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', 1024, resolve));
  const target = `http://127.0.0.1:${(app.address() as AddressInfo).port}`;
  const gate = await prepareGateProcess({
    config: {
      clusters: { app: { targets: [target], connections: 64, queue: 64 } },
      routes: [{ path: '/**', cluster: 'app', access: 'public' }],
    },
  });
  try {
    await gate.start({ env: { NODE_OPTIONS: `--max-old-space-size=${heap}` } });
    const statuses = await Promise.all(Array.from({ length: clients }, () => post(`${gate.url}/upload`)));
    const count = (status: number) => statuses.filter((one) => one === status).length;
    assert.ok(count(200) >= 64, `${count(200)} of ${clients} were carried`);
    assert.ok(count(503) > 0, 'what is too much is told so');
    assert.equal(gate.cli().process.exitCode, null);
    assert.equal(await post(`${gate.url}/after`), 200);
    assert.doesNotMatch(gate.cli().err(), /heap|FATAL/);
  } finally {
    await gate.close();
    app.closeAllConnections();
    await new Promise((resolve) => app.close(resolve));
  }
});
