/**
 * The application behind a fleet: tells who it took the request to be from, streams or refuses the token when asked, and
 * counts.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';

/** What the application answers with, as JSON, to everything but a stream. */
export interface Told {
  /** `X-User`, or null. */
  readonly user: string | null;
  /** `Authorization`, or null. */
  readonly authorization: string | null;
  readonly method: string;
  readonly target: string;
  readonly body: string;
}

export interface App {
  readonly url: string;
  /** Requests that were answered, streams apart. */
  readonly answered: number;
  /** WebSockets that are open now. */
  readonly open: number;
  close(): Promise<void>;
}

export async function startApp(): Promise<App> {
  let answered = 0;
  const server = createServer((request, response) => {
    if (request.url?.startsWith('/stream')) {
      response.writeHead(200, { 'content-type': 'application/octet-stream' });
      const timer = setInterval(() => response.write('.'.repeat(64)), 100);
      response.on('close', () => clearInterval(timer));
      return;
    }
    if (request.url?.endsWith('/refuse')) {
      response.writeHead(401, { 'content-length': 0 }).end();
      return;
    }
    let received = '';
    request.setEncoding('utf8').on('data', (text: string) => {
      received += text;
    });
    request.on('end', () => {
      const { authorization = null, 'x-user': user } = request.headers;
      const told: Told = {
        user: typeof user === 'string' ? user : null,
        authorization,
        method: request.method ?? '',
        target: request.url ?? '',
        body: received,
      };
      const body = JSON.stringify(told);
      response.writeHead(200, {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
      });
      response.end(body);
      answered += 1;
    });
  });
  server.keepAliveTimeout = 60_000;
  const sockets = new WebSocketServer({ server, perMessageDeflate: false });
  sockets.on('connection', (socket) => socket.on('error', () => {}));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', 1024, resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get answered() {
      return answered;
    },
    get open() {
      return sockets.clients.size;
    },
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets.clients) socket.terminate();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
