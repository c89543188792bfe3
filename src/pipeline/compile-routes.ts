/** From configured routes to the immutable ones that `decide` and the upstreams use. */
import type { CredentialKind, HeaderTemplate, Route } from '../core/route.ts';
import { parseHeaderTemplate } from './header-template.ts';
import type { RouteConfig } from './route-config.ts';
import { parseRoutePattern } from './route-pattern.ts';
import { compileUpstreamToken } from './upstream-token-config.ts';

/** Takes a validated configuration; throws on one that is not. */
export function compileRoutes(config: {
  readonly routes: readonly RouteConfig[];
  readonly apis?: ApiOrigins;
}): readonly Route[] {
  const apis = config.apis ?? {};
  return Object.freeze(config.routes.map((route) => compileRoute(route, apis)));
}

const nothing: readonly CredentialKind[] = [];
const sessionAlone: readonly CredentialKind[] = ['session'];

/** What routes take over from the apis that they name. */
type ApiOrigins = Readonly<Record<string, { readonly corsOrigins: readonly string[] }>>;

function compileRoute(config: RouteConfig, apis: ApiOrigins): Route {
  return Object.freeze({
    name: config.name ?? config.path,
    path: config.path,
    methods: config.methods === undefined ? null : new Set(config.methods),
    cluster: config.cluster,
    access: config.access ?? 'signed-in',
    authenticate: config.authenticate ?? (config.access === 'public' ? nothing : sessionAlone),
    api: config.api ?? null,
    apiKeys: config.apiKeys === undefined ? null : new Set(config.apiKeys),
    scopes: config.scopes,
    acrValues: config.acrValues,
    maxAge: config.maxAge ?? null,
    onAnonymous: config.onAnonymous,
    upstreamToken: compileUpstreamToken(config.upstreamToken),
    corsOrigins: apis[config.api ?? '']?.corsOrigins ?? [],
    retryUnauthorized: config.retryUnauthorized,
    csrf: config.csrf,
    requestHeaders: Object.entries(config.requestHeaders).map(compileHeader),
    passAuthorization: config.passAuthorization,
    bodyLimit: config.bodyLimit ?? null,
  });
}

function compileHeader([name, value]: [string, string]): HeaderTemplate {
  const result = parseHeaderTemplate(name, value);
  if (!result.ok) throw new TypeError(`${name} ${result.reason}`);
  return result.template;
}

/** Two routes that would both take the same request: the index of the later one and of the earlier. */
export interface RouteConflict {
  readonly index: number;
  readonly other: number;
}

/**
 * Routes of the same shape whose methods overlap (RT-020). Entries that are null are not compared: they did not pass
 * validation themselves.
 */
export function findRouteConflicts(
  routes: readonly (Pick<RouteConfig, 'path' | 'methods'> | null)[],
): readonly RouteConflict[] {
  const conflicts: RouteConflict[] = [];
  const byShape = new Map<string, number[]>();
  for (const [index, route] of routes.entries()) {
    const parsed = route === null ? null : parseRoutePattern(route.path);
    if (route === null || parsed === null || !parsed.ok) continue;
    const sameShape = byShape.get(parsed.pattern.shape) ?? [];
    const other = sameShape.find((at) => overlap(routes[at]?.methods, route.methods));
    if (other !== undefined) conflicts.push({ index, other });
    byShape.set(parsed.pattern.shape, [...sameShape, index]);
  }
  return conflicts;
}

function overlap(a: readonly string[] | undefined, b: readonly string[] | undefined): boolean {
  if (a === undefined || b === undefined) return true;
  const taken = new Set(withHead(a));
  return withHead(b).some((method) => taken.has(method));
}

/** HEAD follows GET. */
function withHead(methods: readonly string[]): readonly string[] {
  return methods.includes('GET') ? [...methods, 'HEAD'] : methods;
}
