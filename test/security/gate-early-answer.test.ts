/** An application that answers before it has the whole body: the connection goes on where the body ends, nowhere else. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { type GateAlone, startGateAlone } from '../support/gate-alone.ts';
import { rawConnect } from '../support/raw.ts';

const half = 'a'.repeat(100_000);
const app = createServer((request, response) => {
  response.writeHead(request.method === 'GET' ? 200 : 403, { 'content-length': '2' }).end('ok');
});
let gate: GateAlone;
before(async () => {
  app.listen(0, '127.0.0.1');
  await once(app, 'listening');
  const target = `http://127.0.0.1:${(app.address() as AddressInfo).port}`;
  gate = await startGateAlone({
    config: {
      providers: { main: { issuer: 'http://127.0.0.1:1', clientId: 'gate', clientSecret: 'secret-of-gate' } },
      clusters: { app: { targets: [target] } },
      routes: [{ path: '/**', cluster: 'app', access: 'public' }],
    },
  });
});
after(async () => {
  await gate.close();
  app.closeAllConnections();
  app.close();
});

test('HP-085: what is left of a body behind an early answer is read, and the next request is served', async () => {
  const { host } = new URL(gate.url);
  const peer = await rawConnect(gate.port);
  peer.write(
    `PUT /a HTTP/1.1\r\nHost: ${host}\r\nX-CSRF: 1\r\nContent-Length: ${half.length * 2}\r\n\r\n${half}`,
  );
  await peer.waitResponses(1);
  peer.write(`${half}GET /b HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  // Well below the time after which a body that does not end is given up.
  const responses = await peer.waitResponses(2, ['PUT', 'GET'], 1500);
  assert.deepEqual(
    responses.map((response) => response.status),
    [403, 200],
  );
  peer.destroy();
});
