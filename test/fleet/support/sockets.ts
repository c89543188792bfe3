/** WebSockets by the thousand: the handshake and the close frame, and nothing else that a client would do. */
import { createConnection, type Socket } from 'node:net';

export interface Ended {
  /** The code of the close frame; 0 when the connection ended without one. */
  readonly code: number;
  readonly reason: string;
  /** `performance.now()` when it was seen. */
  readonly at: number;
}

export interface OpenSocket {
  /** Null while it is open. */
  ended(): Ended | null;
  close(): void;
}

export interface SocketSetup {
  /** Of the node. */
  readonly url: string;
  /** Of the fleet: `Host`, and `Origin` with `http://` before it. */
  readonly host: string;
  readonly cookie: string;
}

const headEnd = '\r\n\r\n';
const closeFrame = 0x88;

/** Resolves when it is open; rejects when it was refused. */
export function openSocket({ url, host, cookie }: SocketSetup): Promise<OpenSocket> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = createConnection(Number(port), hostname);
    socket.setNoDelay(true);
    let received = Buffer.alloc(0);
    let open = false;
    let ended: Ended | null = null;
    const over = (code: number, reason: string): void => {
      ended ??= { code, reason, at: performance.now() };
      if (!open) reject(new Error(`the WebSocket was refused: ${received.toString('latin1', 0, 200)}`));
      socket.destroy();
    };
    socket.on('connect', () => socket.write(handshake(host, cookie)));
    socket.on('error', () => over(0, ''));
    socket.on('close', () => over(0, ''));
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (!open) {
        const end = received.indexOf(headEnd, 0, 'latin1');
        if (end === -1) return;
        if (!received.toString('latin1', 0, end).startsWith('HTTP/1.1 101 ')) return over(0, '');
        received = received.subarray(end + headEnd.length);
        open = true;
        resolve({ ended: () => ended, close: () => leave(socket) });
      }
      const closing = closeIn(received);
      if (closing !== null) over(closing.code, closing.reason);
    });
  });
}

/** A few at a time, in order. */
export async function openSockets(setups: readonly SocketSetup[]): Promise<OpenSocket[]> {
  const sockets: OpenSocket[] = [];
  for (let first = 0; first < setups.length; first += 50) {
    sockets.push(...(await Promise.all(setups.slice(first, first + 50).map(openSocket))));
  }
  return sockets;
}

/** How those that have ended did, each way once, and when the last one did. */
export function waysOf(sockets: readonly OpenSocket[]): { readonly ways: string[]; readonly last: number } {
  const ended = sockets.map((socket) => socket.ended()).filter((one) => one !== null);
  const ways = new Set(ended.map(({ code, reason }) => `${code} ${reason}`));
  return { ways: [...ways], last: Math.max(...ended.map(({ at }) => at)) };
}

function leave(socket: Socket): void {
  socket.removeAllListeners('error').on('error', () => {});
  socket.destroy();
}

function handshake(host: string, cookie: string): string {
  return [
    'GET /ws HTTP/1.1',
    `Host: ${host}`,
    `Origin: http://${host}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    `Cookie: ${cookie}`,
    headEnd.slice(2),
  ].join('\r\n');
}

/** The application sends nothing here, so that what comes first is the close frame (RFC 6455 section 5.5.1). */
function closeIn(received: Buffer): { readonly code: number; readonly reason: string } | null {
  if (received[0] !== closeFrame || received.length < 2) return null;
  const length = received[1] as number;
  if (received.length < 2 + length) return null;
  if (length < 2) return { code: 1005, reason: '' };
  return { code: received.readUInt16BE(2), reason: received.toString('utf8', 4, 2 + length) };
}
