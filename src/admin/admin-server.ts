/**
 * The listener for operators: `/healthz`, `/readyz`, `/metrics`. It shares nothing with the public one, answers GET and
 * HEAD only, reads no body, and keeps a connection no longer than an answer takes.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { HostPort } from '../core/scalars.ts';
import type { AdminConfig } from './admin-config.ts';

export interface Readiness {
  readonly ready: boolean;
  /** A stable word per part (`store: ok`, `state: draining`); never an address, a path or a message. */
  readonly checks: Readonly<Record<string, string>>;
}

export interface AdminDeps {
  readonly metrics: { expose(): Promise<string>; readonly contentType: string };
  /** Whether this process should get traffic now. Must not do more work the more often it is asked. */
  readonly readiness: () => Readiness | Promise<Readiness>;
}

export interface AdminServer {
  /** Listens and answers where. Rejects when the address cannot be had. */
  listen(): Promise<HostPort>;
  /** Stops listening and closes every connection. */
  close(): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

type Page = () => Promise<Answer>;

/** Milliseconds for a request to arrive and for an answer to be taken. */
const patience = 5000;
/** Longer than any of our three targets. */
const targetLimit = 256;

export function createAdminServer(config: AdminConfig, deps: AdminDeps): AdminServer {
  const server = createAdminListener(createPages(deps));
  return {
    listen: () => listen(server, config.address),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function createPages(deps: AdminDeps): ReadonlyMap<string, Page> {
  return new Map<string, Page>([
    ['/healthz', async () => json(200, { status: 'ok' })],
    [
      '/readyz',
      async () => {
        const { ready, checks } = await deps.readiness();
        return json(ready ? 200 : 503, { ready, checks });
      },
    ],
    [
      '/metrics',
      async () => ({ status: 200, type: deps.metrics.contentType, body: await deps.metrics.expose() }),
    ],
  ]);
}

function createAdminListener(pages: ReadonlyMap<string, Page>): Server {
  const server = createServer(
    {
      maxHeaderSize: 8192,
      headersTimeout: patience,
      requestTimeout: patience,
      connectionsCheckingInterval: 1000,
      keepAliveTimeout: patience,
      insecureHTTPParser: false,
    },
    (request, response) => void answer(pages, request, response),
  );
  server.maxConnections = 64;
  server.setTimeout(2 * patience, (socket) => socket.destroy());
  // A connection that fails before it is accepted is nobody's request, and must not end the process.
  server.on('error', () => {});
  server.on('checkContinue', (request, response) => void answer(pages, request, response));
  return server;
}

async function answer(
  pages: ReadonlyMap<string, Page>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { status, type, body } = await answerFor(pages, request);
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(status === 405 ? { allow: 'GET, HEAD' } : {}),
    // A body that nobody reads would be taken for the next request.
    ...(hasBody(request) ? { connection: 'close' } : {}),
  });
  response.end(request.method === 'HEAD' ? '' : body);
}

async function answerFor(pages: ReadonlyMap<string, Page>, request: IncomingMessage): Promise<Answer> {
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return json(405, { error: 'method not allowed' });
  if (hasBody(request)) return json(400, { error: 'a request body is not wanted here' });
  const target = request.url ?? '';
  const page = target.length > targetLimit ? undefined : pages.get(target.split('?', 1)[0] as string);
  if (page === undefined) return json(404, { error: 'not found' });
  try {
    return await page();
  } catch {
    return json(500, { error: 'internal error' });
  }
}

function hasBody(request: IncomingMessage): boolean {
  const { 'content-length': length = '0', 'transfer-encoding': coding } = request.headers;
  return coding !== undefined || length !== '0';
}

function json(status: number, value: object): Answer {
  return { status, type: 'application/json', body: `${JSON.stringify(value)}\n` };
}

function listen(server: Server, address: HostPort): Promise<HostPort> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(address.port, address.host, () => {
      server.off('error', reject);
      const bound = server.address() as AddressInfo;
      resolve({ host: address.host, port: bound.port });
    });
  });
}
