/** Request heads and routes for tests that need no socket. */
import type { RequestHead } from '../../src/core/request-head.ts';
import type { Route } from '../../src/core/route.ts';

interface HeadParts {
  readonly method?: string;
  /** Path and query. */
  readonly target?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly upgrade?: string | null;
}

export function createHead(parts: HeadParts = {}): RequestHead {
  const target = parts.target ?? '/';
  const mark = target.indexOf('?');
  return {
    id: 'test-request',
    method: parts.method ?? 'GET',
    url: {
      path: mark === -1 ? target : target.slice(0, mark),
      search: mark === -1 ? '' : target.slice(mark),
    },
    host: 'app.test',
    headers: Object.entries(parts.headers ?? {}).flat(),
    client: { address: '127.0.0.1', scheme: 'https', certificateThumbprint: null },
    upgrade: parts.upgrade ?? null,
  };
}

export function createRoute(parts: Partial<Route> & Pick<Route, 'path'>): Route {
  return {
    name: parts.path,
    methods: null,
    cluster: 'app',
    access: 'signed-in',
    authenticate: parts.access === 'public' ? [] : ['session'],
    api: null,
    apiKeys: null,
    scopes: [],
    acrValues: [],
    maxAge: null,
    onAnonymous: 'login',
    upstreamToken: 'none',
    corsOrigins: [],
    retryUnauthorized: false,
    csrf: 'fetch-metadata',
    requestHeaders: [],
    passAuthorization: false,
    bodyLimit: null,
    ...parts,
  };
}
