/** The application behind a fleet: tells who it took the request to be from, streams when asked, and counts. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';

export interface App {
  readonly url: string;
  /** WebSockets that are open now. */
  readonly open: number;
  close(): Promise<void>;
}

export async function startApp(): Promise<App> {
  const server = createServer((request, response) => {
    if (request.url?.startsWith('/stream')) {
      response.writeHead(200, { 'content-type': 'application/octet-stream' });
      const timer = setInterval(() => response.write('.'.repeat(64)), 100);
      response.on('close', () => clearInterval(timer));
      return;
    }
    request.resume();
    request.on('end', () => {
      const { authorization = null, 'x-user': user = null } = request.headers;
      const body = JSON.stringify({ user, authorization, target: request.url, method: request.method });
      response.writeHead(200, {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
      });
      response.end(body);
    });
  });
  server.keepAliveTimeout = 60_000;
  const sockets = new WebSocketServer({ server, perMessageDeflate: false });
  sockets.on('connection', (socket) => socket.on('error', () => {}));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', 1024, resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
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
