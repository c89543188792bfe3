/** Load over WebSocket: connections that send one message, wait for its echo, and send the next. */
import { randomBytes } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import type { Socket } from 'node:net';
import type { LoadResult } from './wrk.ts';

export interface WebSocketLoad {
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
  readonly headers: Readonly<Record<string, string>>;
}

const messageBytes = 64;
/** A server frame of that length is not masked: two bytes of head (RFC 6455 section 5.2). */
const echoBytes = messageBytes + 2;

/** One masked text frame, made once: the load client must cost less than what it measures. */
function clientFrame(): Buffer {
  const mask = randomBytes(4);
  const frame = Buffer.alloc(6 + messageBytes);
  frame[0] = 0x81;
  frame[1] = 0x80 | messageBytes;
  mask.copy(frame, 2);
  for (let i = 0; i < messageBytes; i += 1) frame[6 + i] = 0x61 ^ (mask[i % 4] as number);
  return frame;
}

export async function runWebSocketLoad(load: WebSocketLoad): Promise<LoadResult> {
  const frame = clientFrame();
  const sockets = await Promise.all(Array.from({ length: load.connections }, () => upgrade(load)));
  const latencies: number[] = [];
  const began = performance.now();
  let broken = 0;
  let running = true;
  for (const socket of sockets) {
    let pending = echoBytes;
    let sentAt = performance.now();
    socket.on('error', () => {});
    socket.on('close', () => {
      if (running) broken += 1;
    });
    socket.on('data', (chunk: Buffer) => {
      pending -= chunk.length;
      if (pending > 0 || !running) return;
      const now = performance.now();
      latencies.push(now - sentAt);
      pending = echoBytes;
      sentAt = now;
      socket.write(frame);
    });
    socket.write(frame);
  }
  await new Promise((resolve) => setTimeout(resolve, load.seconds * 1000));
  running = false;
  const seconds = (performance.now() - began) / 1000;
  for (const socket of sockets) socket.destroy();
  if (broken > 0 || latencies.length === 0) throw new Error(`${broken} WebSockets of ${load.url} broke off`);
  const sorted = Float64Array.from(latencies).sort();
  const percentile = (share: number) => sorted[Math.floor((sorted.length - 1) * share)] as number;
  return { requests: sorted.length, seconds, p50: percentile(0.5), p99: percentile(0.99) };
}

function upgrade(load: WebSocketLoad): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(load.url, {
      agent: false,
      headers: {
        ...load.headers,
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': randomBytes(16).toString('base64'),
      },
    });
    request.once('upgrade', (_response, socket) => resolve(socket.setNoDelay(true)));
    request.once('response', (response) =>
      reject(new Error(`${load.url}: no upgrade, ${response.statusCode}`)),
    );
    request.once('error', reject);
    request.end();
  });
}
