/**
 * The listener for operators: `/healthz`, `/readyz`, `/metrics` and, when configured, `/admin/sessions`. It shares nothing
 * with the public one, reads no body, and keeps a connection no longer than an answer takes.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { HostPort } from '../core/scalars.ts';
import { type AdminAnswer, errorAnswer, jsonAnswer } from './admin-answer.ts';
import type { AdminConfig } from './admin-config.ts';
import { createAdminListener } from './admin-listener.ts';
import { type AdminHostCheck, createAdminHostCheck } from './host-check.ts';
import { createSessionsApi, type SessionsApi, type SessionsApiDeps } from './sessions-api.ts';

export interface Readiness {
  readonly ready: boolean;
  /** A stable word per part (`store: ok`, `state: draining`); never an address, a path or a message. */
  readonly checks: Readonly<Record<string, string>>;
}

export interface AdminDeps {
  readonly metrics: { expose(): Promise<string>; readonly contentType: string };
  /** Whether this process should get traffic now. Must not do more work the more often it is asked. */
  readonly readiness: () => Readiness | Promise<Readiness>;
  /** For `/admin/sessions`, which is there when it is configured as well. */
  readonly sessions?: SessionsApiDeps;
}

export interface AdminServer {
  /** Listens and answers where. Rejects when the address cannot be had. */
  listen(): Promise<HostPort>;
  /** Stops listening and closes every connection. */
  close(): Promise<void>;
}

type Page = () => Promise<AdminAnswer>;

/** What the listener has to answer with. */
interface Site {
  readonly pages: ReadonlyMap<string, Page>;
  readonly isOwnHost: AdminHostCheck;
  readonly sessions: SessionsApi | null;
}

/** Longer than any of our three pages. */
const targetLimit = 256;

export function createAdminServer(config: AdminConfig, deps: AdminDeps): AdminServer {
  const site: Site = {
    pages: createPages(deps),
    isOwnHost: createAdminHostCheck(config),
    sessions:
      config.sessions === undefined || deps.sessions === undefined
        ? null
        : createSessionsApi(config.sessions, deps.sessions),
  };
  const server = createAdminListener(config.tls, (request, response) => void answer(site, request, response));
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
    ['/healthz', async () => jsonAnswer(200, { status: 'ok' })],
    [
      '/readyz',
      async () => {
        const { ready, checks } = await deps.readiness();
        return jsonAnswer(ready ? 200 : 503, { ready, checks });
      },
    ],
    [
      '/metrics',
      async () => ({ status: 200, type: deps.metrics.contentType, body: await deps.metrics.expose() }),
    ],
  ]);
}

async function answer(site: Site, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { status, type, body, headers } = await answerFor(site, request);
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...headers,
    // A body that nobody reads would be taken for the next request.
    ...(hasBody(request) ? { connection: 'close' } : {}),
  });
  response.end(request.method === 'HEAD' ? '' : body);
}

async function answerFor(site: Site, request: IncomingMessage): Promise<AdminAnswer> {
  if (!site.isOwnHost(request.headers.host))
    return errorAnswer(421, 'not asked by a name of this listener: see `admin.hosts`');
  const target = request.url ?? '';
  try {
    if (site.sessions?.isFor(target) && !hasBody(request)) return await site.sessions.answer(request);
    return await readPage(site.pages, target, request);
  } catch {
    return errorAnswer(500, 'internal error');
  }
}

async function readPage(
  pages: ReadonlyMap<string, Page>,
  target: string,
  request: IncomingMessage,
): Promise<AdminAnswer> {
  if (hasBody(request)) return errorAnswer(400, 'a request body is not wanted here');
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return errorAnswer(405, 'method not allowed', { allow: 'GET, HEAD' });
  const page = target.length > targetLimit ? undefined : pages.get(target.split('?', 1)[0] as string);
  return page === undefined ? errorAnswer(404, 'not found') : page();
}

function hasBody(request: IncomingMessage): boolean {
  const { 'content-length': length = '0', 'transfer-encoding': coding } = request.headers;
  return coding !== undefined || length !== '0';
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
