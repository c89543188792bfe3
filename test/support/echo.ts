/**
 * An upstream that records the exact bytes it receives: a raw `net` server, so that no HTTP library tidies up what a
 * proxy sent. It frames requests strictly (Content-Length or chunked) only to know when to answer.
 */
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { decodeChunked, waitUntil } from './raw.ts';

export interface EchoRequest {
  /** Number of the connection it came on, from 0. */
  readonly connection: number;
  /** Head and body, byte for byte. */
  readonly raw: Buffer;
  /** The head alone, with its empty line, as Latin-1. */
  readonly head: string;
  readonly method: string;
  readonly target: string;
  readonly version: string;
  /** `[name as sent, value]` in order. */
  readonly headers: readonly (readonly [string, string])[];
  /** Decoded from its framing. */
  readonly body: Buffer;
  /** Every value of a field; the name is compared without case. */
  all(name: string): readonly string[];
}

/** What to send back: bytes, or nothing (the test writes to `socket` itself, or lets the request hang). */
export type EchoAnswer = (request: EchoRequest, socket: Socket) => string | Buffer | undefined;

export interface Echo {
  readonly port: number;
  /** `http://127.0.0.1:port` */
  readonly url: string;
  /** Every complete request, in order of completion. */
  readonly requests: readonly EchoRequest[];
  /** Everything ever received on any connection. */
  bytes(): Buffer;
  /** Whether `text` occurs anywhere in what was received. */
  sees(text: string): boolean;
  /** Connections ever accepted. */
  accepted(): number;
  /** Connections open now. */
  open(): number;
  waitRequests(count: number, timeoutMs?: number): Promise<readonly EchoRequest[]>;
  waitIdle(timeoutMs?: number): Promise<void>;
  /** Answers from now on. */
  answerWith(answer: EchoAnswer): void;
  /** Forgets what was recorded. */
  reset(): void;
  close(): Promise<void>;
}

/** By default: 200 with the head that was received as `text/plain`; 101 and an echo of the bytes for WebSocket. */
export const answerWithHead: EchoAnswer = (request) => {
  if (request.all('upgrade').length > 0) {
    return `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${request.all('upgrade')[0]}\r\n\r\n`;
  }
  const length = Buffer.byteLength(request.head, 'latin1');
  const body = request.method === 'HEAD' ? '' : request.head;
  return `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${length}\r\n\r\n${body}`;
};

/** Starts it on a free port of 127.0.0.1. */
export async function createEcho(answer: EchoAnswer = answerWithHead): Promise<Echo> {
  const requests: EchoRequest[] = [];
  const recorded: Buffer[] = [];
  const sockets = new Set<Socket>();
  let accepted = 0;
  let current = answer;

  const server = createServer({ allowHalfOpen: false, noDelay: true }, (socket) => {
    const connection = accepted++;
    let pending = Buffer.alloc(0);
    let upgraded = false;
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', (chunk: Buffer) => {
      recorded.push(chunk);
      if (upgraded) {
        socket.write(chunk);
        return;
      }
      pending = Buffer.concat([pending, chunk]);
      for (let request = takeRequest(pending, connection); request !== null; ) {
        pending = pending.subarray(request.raw.length);
        requests.push(request);
        const bytes = current(request, socket);
        if (bytes !== undefined && socket.writable) {
          socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
          upgraded = startsWith101(bytes);
        }
        if (upgraded) {
          if (pending.length > 0) socket.write(pending);
          return;
        }
        request = takeRequest(pending, connection);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const bytes = () => Buffer.concat(recorded);

  return {
    port,
    url: `http://127.0.0.1:${port}`,
    requests,
    bytes,
    sees: (text) => bytes().includes(Buffer.from(text, 'latin1')),
    accepted: () => accepted,
    open: () => sockets.size,
    async waitRequests(count, timeoutMs) {
      await waitUntil(
        () => requests.length >= count,
        timeoutMs,
        () => `only ${requests.length} requests`,
      );
      return requests;
    },
    waitIdle: (timeoutMs) =>
      waitUntil(
        () => sockets.size === 0,
        timeoutMs,
        () => `${sockets.size} connections still open`,
      ),
    answerWith(next) {
      current = next;
    },
    reset() {
      requests.length = 0;
      recorded.length = 0;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const startsWith101 = (bytes: string | Buffer) => bytes.slice(0, 12).toString() === 'HTTP/1.1 101';

/** The first complete request in `bytes`, or null while it is not complete. */
function takeRequest(bytes: Buffer, connection: number): EchoRequest | null {
  const headEnd = bytes.indexOf('\r\n\r\n', 0, 'latin1');
  if (headEnd < 0) return null;
  const bodyStart = headEnd + 4;
  const head = bytes.toString('latin1', 0, bodyStart);
  const lines = head.slice(0, -4).split('\r\n');
  const [method = '', target = '', version = ''] = (lines[0] as string).split(' ');
  const headers = lines.slice(1).map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon), line.slice(colon + 1).trim()] as const;
  });
  const all = (name: string) =>
    headers.filter((pair) => pair[0].toLowerCase() === name.toLowerCase()).map((pair) => pair[1]);
  const framed = takeBody(bytes, bodyStart, all);
  if (framed === null) return null;
  const raw = bytes.subarray(0, framed.end);
  return { connection, raw, head, method, target, version, headers, body: framed.body, all };
}

function takeBody(bytes: Buffer, start: number, all: EchoRequest['all']) {
  if (all('transfer-encoding').length > 0) {
    const decoded = decodeChunked(bytes, start);
    return decoded.complete ? decoded : null;
  }
  const end = start + Number(all('content-length')[0] ?? 0);
  return end > bytes.length ? null : { body: bytes.subarray(start, end), end };
}
