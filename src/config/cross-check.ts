/**
 * What no section can tell alone. It reads the data as written, so that a mistake in one place hides none in another.
 */
import { endpointsSchema } from '../endpoints/endpoints-config.ts';
import { findRouteConflicts } from '../pipeline/compile-routes.ts';
import type { RouteConfig } from '../pipeline/route-config.ts';
import { checkCredentials, credentialsOf } from './credential-check.ts';
import { didYouMean } from './did-you-mean.ts';
import { checkFleet } from './fleet-check.ts';
import { type Finding, finding } from './issues.ts';
import { isLoopback } from './public-url.ts';
import { isMapping, type Path, valueAt } from './schema-tree.ts';

type Comparable = Pick<RouteConfig, 'path' | 'methods'>;

export function crossCheck(data: Readonly<Record<string, unknown>>): readonly Finding[] {
  return [
    ...checkPublicUrl(data),
    ...checkProviders(data),
    ...checkResponseModes(data),
    ...checkClusterNames(data),
    ...checkRouteConflicts(data),
    ...checkEndpointPaths(data),
    ...checkListeners(data),
    ...checkFleet(data),
    ...checkCredentials(data),
  ];
}

function checkPublicUrl({ publicUrl, dangerouslyAllowHttpPublicUrl }: Readonly<Record<string, unknown>>) {
  if (typeof publicUrl !== 'string' || !URL.canParse(publicUrl) || dangerouslyAllowHttpPublicUrl === true)
    return [];
  const url = new URL(publicUrl);
  if (url.protocol !== 'http:' || isLoopback(url.hostname)) return [];
  return [
    finding(
      ['publicUrl'],
      'is plain http beyond loopback: sessions could be taken over on the way',
      `https://${url.host}`,
    ),
  ];
}

/** The login cookie of `form_post` has to come along with a POST of another site: `SameSite=None`, which needs https. */
function checkResponseModes({ publicUrl, providers }: Readonly<Record<string, unknown>>) {
  if (typeof publicUrl !== 'string' || !URL.canParse(publicUrl) || !isMapping(providers)) return [];
  const url = new URL(publicUrl);
  if (url.protocol === 'https:' || isLoopback(url.hostname)) return [];
  return Object.entries(providers).flatMap(([name, provider]) =>
    isMapping(provider) && /^form_post/.test(String(provider.responseMode))
      ? [
          finding(
            ['providers', name, 'responseMode'],
            'cannot work over plain http: browsers keep its login cookie only from https and loopback',
            String(provider.responseMode).replace('form_post', 'query'),
          ),
        ]
      : [],
  );
}

function routesOf(data: Readonly<Record<string, unknown>>): readonly unknown[] {
  return Array.isArray(data.routes) ? data.routes : [];
}

function checkProviders(data: Readonly<Record<string, unknown>>) {
  const names = isMapping(data.providers) ? Object.keys(data.providers) : [];
  if (names.length > 1) {
    return [
      finding(
        ['providers'],
        `holds ${names.length} providers (${names.join(', ')}): people sign in at exactly one`,
      ),
    ];
  }
  const protectedRoute = routesOf(data).findIndex((route) => credentialsOf(route).includes('session'));
  if (names.length === 1 || protectedRoute === -1) return [];
  return [finding(['providers'], `is missing: routes[${protectedRoute}] asks for people who are signed in`)];
}

function checkClusterNames(data: Readonly<Record<string, unknown>>) {
  const names = isMapping(data.clusters) ? Object.keys(data.clusters) : [];
  return routesOf(data).flatMap((route, index) => {
    const cluster = valueAt(route, ['cluster']);
    if (typeof cluster !== 'string' || cluster === '' || names.includes(cluster)) return [];
    return [finding(['routes', index, 'cluster'], `no cluster \`${cluster}\``, didYouMean(cluster, names))];
  });
}

function checkRouteConflicts(data: Readonly<Record<string, unknown>>) {
  const routes = routesOf(data);
  const conflicts = findRouteConflicts(routes.map(toComparable)).map(({ index, other }) =>
    finding(
      ['routes', index, 'path'],
      `takes the same requests as routes[${other}] (${valueAt(routes[other], ['path'])})`,
    ),
  );
  const names = routes.map((route) => valueAt(route, ['name']));
  const twice = names.flatMap((name, index) =>
    name !== undefined && names.indexOf(name) < index
      ? [finding(['routes', index, 'name'], `is the name of routes[${names.indexOf(name)}] too`)]
      : [],
  );
  return [...conflicts, ...twice];
}

/** What decides whether routes collide, as far as it is written correctly. */
function toComparable(route: unknown): Comparable | null {
  const path = valueAt(route, ['path']);
  const methods = valueAt(route, ['methods']);
  if (typeof path !== 'string') return null;
  if (methods === undefined) return { path };
  return Array.isArray(methods) && methods.every((method) => typeof method === 'string')
    ? { path, methods }
    : null;
}

function checkEndpointPaths(data: Readonly<Record<string, unknown>>) {
  const entries = Object.entries(endpointsSchema.safeParse(data.endpoints ?? {}).data?.paths ?? {});
  return entries.flatMap(([name, path], index) => {
    const earlier = entries.slice(0, index).find(([, other]) => other === path);
    if (earlier === undefined) return [];
    return [finding(['endpoints', 'paths', name], `is the path of \`${earlier[0]}\` too (${path})`)];
  });
}

function checkListeners(data: Readonly<Record<string, unknown>>) {
  const [plain, tls, admin] = listenerPaths.map((path) => valueAt(data, path));
  const found: Finding[] = [];
  // One and the same address is told by the section itself.
  if (plain !== tls && takeOnePort(plain, tls))
    found.push(finding(['listen', 'tls', 'address'], 'takes the port of `listen.address`'));
  if (takeOnePort(admin, plain) || takeOnePort(admin, tls)) {
    const reason =
      admin === plain || admin === tls ? 'is the address of `listen` too' : 'takes a port of `listen`';
    found.push(finding(['admin', 'address'], `${reason}: metrics must not be public`));
  }
  return found;
}

const listenerPaths: readonly Path[] = [
  ['listen', 'address'],
  ['listen', 'tls', 'address'],
  ['admin', 'address'],
];

/** Whether both are one address, or one of them takes the port at every address. */
function takeOnePort(one: unknown, other: unknown): boolean {
  const [a, b] = [splitAddress(one), splitAddress(other)];
  if (a === null || b === null || a.port === '0' || a.port !== b.port) return false;
  return a.host === b.host || isEvery(a.host) || isEvery(b.host);
}

function splitAddress(text: unknown): { readonly host: string; readonly port: string } | null {
  const match = typeof text === 'string' ? /^(.+):(\d{1,5})$/.exec(text) : null;
  return match === null ? null : { host: match[1] as string, port: match[2] as string };
}

const isEvery = (host: string) => host === '0.0.0.0' || host === '[::]';
