/** Memory does not grow with what passes through: streaming with back-pressure in both directions. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, request as httpRequest, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface, type Interface } from 'node:readline';
import { after, before, test } from 'node:test';
import { rawConnect } from '../support/raw.ts';

const size = 128 * 1024 ** 2;
const allowed = 50 * 1024 ** 2;
const block = Buffer.alloc(65_536, 'x');

let upstream: Server;
let peer: ChildProcess;
let lines: Interface;
let port: number;
let received = 0;

before(async () => {
  upstream = createServer(async (request, response) => {
    if (request.method === 'POST') {
      for await (const chunk of request) received += (chunk as Buffer).length;
      response.end('ok');
      return;
    }
    response.writeHead(200, { 'content-length': size });
    let sent = 0;
    const pump = () => {
      while (sent < size) {
        sent += block.length;
        if (!response.write(block)) return;
      }
      response.end();
    };
    response.on('drain', pump);
    pump();
  });
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  const { port: upstreamPort } = upstream.address() as AddressInfo;
  const script = new URL('../support/memory-peer.ts', import.meta.url).pathname;
  peer = spawn(process.execPath, [script, `http://127.0.0.1:${upstreamPort}`], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  lines = createInterface({ input: peer.stdout as NodeJS.ReadableStream });
  port = Number(await nextLine());
  await download();
});
after(() => {
  peer.kill();
  upstream.closeAllConnections();
  upstream.close();
});

const nextLine = () => new Promise<string>((resolve) => lines.once('line', resolve));

async function residentBytes(): Promise<number> {
  const line = nextLine();
  peer.stdin?.write('\n');
  return Number(await line);
}

/** The highest resident set size seen while `work` ran. */
async function peakDuring(work: Promise<unknown>): Promise<number> {
  let peak = 0;
  let running = true;
  const done = work.finally(() => {
    running = false;
  });
  while (running) {
    peak = Math.max(peak, await residentBytes());
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await done;
  return peak;
}

async function download(): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}/`);
  let bytes = 0;
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) bytes += chunk.length;
  assert.equal(bytes, size);
}

async function upload(): Promise<void> {
  received = 0;
  const request = httpRequest({ port, method: 'POST', headers: { 'content-length': size } });
  const answered = once(request, 'response');
  for (let sent = 0; sent < size; sent += block.length) {
    if (!request.write(block)) await once(request, 'drain');
  }
  request.end();
  await answered;
  assert.equal(received, size);
}

test('FL-036: a download of 128 MiB grows memory by less than 50 MB', async () => {
  const base = await residentBytes();
  const peak = await peakDuring(download());
  assert.ok(peak - base < allowed, `${(peak - base) / 1e6} MB`);
});

test('DL-036: an upload of 128 MiB grows memory by less than 50 MB', async () => {
  const base = await residentBytes();
  const peak = await peakDuring(upload());
  assert.ok(peak - base < allowed, `${(peak - base) / 1e6} MB`);
});

test('DL-004: clients that read nothing pause the application instead of filling memory', async () => {
  const base = await residentBytes();
  const peers = await Promise.all(Array.from({ length: 20 }, () => rawConnect(port)));
  for (const one of peers) {
    one.pause();
    one.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  }
  const peak = await peakDuring(new Promise((resolve) => setTimeout(resolve, 700)));
  assert.ok(peak - base < allowed, `${(peak - base) / 1e6} MB`);
  for (const one of peers) one.destroy();
});
