/** What flows for long or is large, through the whole gate: as it comes, in little memory, and broken when it breaks. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../support/free-port.ts';
import {
  cookieOf,
  exampleConfig,
  type RunningGate,
  signInAtGate,
  startExampleProvider,
  startGate,
} from '../support/gate.ts';
import { prepareGateProcess } from '../support/gate-process.ts';
import { rawConnect, waitUntil } from '../support/raw.ts';
import type { UserAgent } from '../support/user-agent.ts';

const megabyte = 1024 ** 2;
const block = Buffer.alloc(65_536, 'x');

/** Requests that wait for the test to go on, by path. */
interface StreamingApp {
  readonly url: string;
  /** Responses that were begun and have not ended, by path. */
  readonly running: Map<string, ServerResponse>;
  /** Bytes of the last upload. */
  uploaded(): number;
  connections(): number;
  close(): Promise<void>;
}

/** Resolves when more can be written, or never will be. */
function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
  });
}

/** Writes `bytes` as fast as they are taken. */
async function pour(response: ServerResponse, bytes: number): Promise<void> {
  for (let left = bytes; left > 0 && !response.destroyed; left -= block.length) {
    if (!response.write(left < block.length ? block.subarray(0, left) : block)) {
      await drained(response);
    }
  }
  response.end();
}

async function startStreamingApp(): Promise<StreamingApp> {
  const running = new Map<string, ServerResponse>();
  const sockets = new Set<Socket>();
  let uploaded = 0;
  const upload = (incoming: IncomingMessage, response: ServerResponse) => {
    uploaded = 0;
    incoming.on('data', (chunk: Buffer) => {
      uploaded += chunk.length;
    });
    incoming.on('end', () => response.end(String(uploaded)));
  };
  const server = createServer((incoming, response) => {
    const path = incoming.url ?? '';
    if (path.endsWith('/upload')) return upload(incoming, response);
    running.set(path, response);
    response.on('close', () => running.delete(path));
    if (path.endsWith('/download')) {
      response.writeHead(200, { 'content-length': 64 * megabyte });
      return void pour(response, 64 * megabyte);
    }
    if (path.includes('/events')) response.writeHead(200, { 'content-type': 'text/event-stream' });
    else if (path.includes('/sized')) response.writeHead(200, { 'content-length': 1_000_000 });
    else response.writeHead(200, { 'content-type': 'application/octet-stream' });
    response.write('data: first\n\n');
  });
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    running,
    uploaded: () => uploaded,
    connections: () => sockets.size,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A `fetch` of a page of ours, its answer still on the way. */
async function ask(url: string, cookie: string, accept = '*/*'): Promise<IncomingMessage> {
  const outgoing = request(url, {
    agent: false,
    headers: { cookie, accept, 'sec-fetch-mode': 'cors', 'sec-fetch-site': 'same-origin' },
  });
  outgoing.on('error', () => undefined);
  outgoing.end();
  const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
  return incoming;
}

interface Read {
  readonly text: () => string;
  /** `end`: as it should; `broken`: the connection was. */
  readonly over: Promise<'end' | 'broken'>;
}

function read(incoming: IncomingMessage): Read {
  let text = '';
  incoming.setEncoding('latin1').on('data', (chunk: string) => {
    text += chunk;
  });
  const over = new Promise<'end' | 'broken'>((resolve) => {
    incoming.on('end', () => resolve('end'));
    incoming.on('error', () => resolve('broken'));
    incoming.on('close', () => resolve('broken'));
  });
  return { text: () => text, over };
}

describe('streams through the gate', () => {
  let app: StreamingApp;
  let gate: RunningGate;
  let agent: UserAgent;
  before(async () => {
    app = await startStreamingApp();
    gate = await startGate({
      appUrl: app.url,
      config: { clusters: { app: { targets: [app.url], connections: 200, queue: 4000 } } },
    });
    agent = await gate.signIn('/upload');
  });
  after(async () => {
    await gate.close();
    await app.close();
  });
  const get = (path: string) => ask(gate.url + path, cookieOf(agent, gate.url));

  test('HP-095: events arrive one by one while the stream goes on', async () => {
    const events = read(await get('/events/1'));
    await waitUntil(() => events.text().endsWith('data: first\n\n'));
    const response = app.running.get('/events/1') as ServerResponse;
    for (const text of ['second', 'third']) {
      response.write(`data: ${text}\n\n`);
      await waitUntil(() => events.text().endsWith(`data: ${text}\n\n`));
    }
    response.end();
    assert.equal(await events.over, 'end');
  });

  test('LO-048: an event stream ends soon after its session, and others go on', async () => {
    const leaving = await signInAtGate(gate.url, '/upload');
    const theirs = read(await ask(`${gate.url}/events/2`, cookieOf(leaving, gate.url), 'text/event-stream'));
    const others = read(await get('/events/3'));
    await waitUntil(() => theirs.text() !== '' && others.text() !== '');
    const from = performance.now();
    await leaving.submit(`${gate.url}/.auth/logout`, {});
    await theirs.over;
    assert.ok(performance.now() - from < 5000);
    await waitUntil(() => !app.running.has('/events/2'));
    app.running.get('/events/3')?.write('data: still\n\n');
    await waitUntil(() => others.text().endsWith('still\n\n'));
    app.running.get('/events/3')?.end();
    await others.over;
  });

  test('HP-095: a client that leaves ends the request at the application within a second', async () => {
    const incoming = await get('/endless/1');
    await waitUntil(() => app.running.has('/endless/1'));
    incoming.destroy();
    await waitUntil(() => !app.running.has('/endless/1'), 1000);
  });

  test('HP-090: an application that dies within a body breaks the answer of the client, sized or chunked', async () => {
    for (const path of ['/sized/1', '/chunked/1']) {
      const answer = read(await get(path));
      await waitUntil(() => answer.text() !== '');
      app.running.get(path)?.destroy();
      assert.equal(await answer.over, 'broken', path);
    }
  });

  test('2,000 clients that leave mid-response leave no connection behind, and the next request is served', async () => {
    const head = `Host: ${new URL(gate.url).host}\r\nCookie: ${cookieOf(agent, gate.url)}\r\n\r\n`;
    for (let round = 0; round < 20; round++) {
      const leave = async (client: number) => {
        const peer = await rawConnect(gate.port);
        peer.write(`GET /endless/leaving/${round}-${client} HTTP/1.1\r\n${head}`);
        await peer.waitFor((it) => it.text().includes('data: first'));
        peer.destroy();
      };
      await Promise.all(Array.from({ length: 100 }, (_, client) => leave(client)));
    }
    await waitUntil(() => app.running.size === 0);
    const left = () =>
      gate.events('request.finished').filter(({ path }) => String(path).startsWith('/endless/leaving/'));
    await waitUntil(() => left().length === 2000);
    assert.ok(left().every(({ aborted }) => aborted === true));
    // Each was cut off in the middle of an answer, so none can be kept.
    await waitUntil(() => app.connections() <= 1);
    const next = await agent.ask(`${gate.url}/upload`);
    assert.equal(next.status, 200);
  });
});

test('FL-036: 64 MB up and 64 MB down pass through a gate whose memory does not grow with them', async () => {
  const app = await startStreamingApp();
  const url = `http://127.0.0.1:${await freePort()}`;
  const provider = await startExampleProvider(url);
  const gate = await prepareGateProcess({
    url,
    config: exampleConfig({ issuer: provider.issuer, appUrl: app.url }),
  });
  try {
    await gate.start();
    const cookie = cookieOf(await signInAtGate(url, '/upload'), url);
    let peak = 0;
    const sampling = setInterval(() => {
      peak = Math.max(peak, gate.rss());
    }, 20);
    const download = async (slowly: boolean) => {
      let bytes = 0;
      for await (const chunk of await ask(`${url}/download`, cookie)) {
        bytes += (chunk as Buffer).length;
        // A reader that takes its time at first is what fills buffers.
        if (slowly && bytes < 2 * megabyte) await sleep(10);
      }
      return bytes;
    };
    const upload = async () => {
      const outgoing = request(`${url}/upload`, {
        method: 'POST',
        agent: false,
        headers: { cookie, 'content-length': 64 * megabyte, 'sec-fetch-site': 'same-origin' },
      });
      const answered = once(outgoing, 'response');
      for (let sent = 0; sent < 64 * megabyte; sent += block.length) {
        if (!outgoing.write(block)) await once(outgoing, 'drain');
      }
      outgoing.end();
      const [incoming] = (await answered) as [IncomingMessage];
      const answer = read(incoming);
      await answer.over;
      return answer.text();
    };
    // The first round compiles the code and lets the heap take its size.
    await Promise.all([download(false), upload()]);
    const before = gate.rss();
    peak = before;
    assert.equal(await download(true), 64 * megabyte);
    assert.equal(await upload(), String(64 * megabyte));
    assert.equal(app.uploaded(), 64 * megabyte);
    clearInterval(sampling);
    const grown = Math.round((peak - before) / megabyte);
    assert.ok(grown < 50, `grew by ${grown} MB`);
    assert.equal(await gate.stop(), 0);
  } finally {
    await gate.close();
    await provider.close();
    await app.close();
  }
});
