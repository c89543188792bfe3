/** What is legal but deserves a look, said at start and by `sallyport check`. */
import { parseRoutePattern } from '../pipeline/route-pattern.ts';
import { credentialsOf } from './credential-check.ts';
import { credentialWarnings } from './credential-warnings.ts';
import { type Warning, warning } from './problem.ts';
import { isLoopback } from './public-url.ts';
import type { Config } from './schema.ts';
import { isMapping, type Path, valueAt } from './schema-tree.ts';

/** `data` is the configuration as written: it tells what was left to a default. */
export function warningsOf(config: Config, data: unknown): readonly Warning[] {
  return [
    ...unsafeSwitches(data),
    ...aboutListeners(config),
    ...aboutSessions(config),
    ...aboutRedis(config),
    ...credentialWarnings(config),
    ...aboutClusters(config),
    ...aboutRoutes(config, data),
  ];
}

/** Every switch that takes a protection away has a name that says so. */
function unsafeSwitches(data: unknown, path: Path = []): readonly Warning[] {
  if (Array.isArray(data)) return data.flatMap((member, index) => unsafeSwitches(member, [...path, index]));
  if (!isMapping(data)) return [];
  return Object.entries(data).flatMap(([key, member]) =>
    key.startsWith('dangerously') && member === true
      ? [warning([...path, key], 'takes a protection away; never use it where the network is not yours')]
      : unsafeSwitches(member, [...path, key]),
  );
}

function aboutListeners({ admin, listen, publicUrl }: Config): readonly Warning[] {
  const found: Warning[] = [];
  if (publicUrl.startsWith('https:') && listen.trustedProxies.length === 0 && listen.tls === undefined) {
    found.push(
      warning(
        ['listen', 'trustedProxies'],
        'is empty while something in front must end TLS: its address stands for every client in logs and headers',
      ),
    );
  }
  found.push(...aboutPlainListener({ listen, publicUrl }));
  for (const [index, network] of listen.trustedProxies.entries()) {
    if (!network.endsWith('/0')) continue;
    found.push(
      warning(['listen', 'trustedProxies', index], 'believes everybody: any client can claim any address'),
    );
  }
  if (listen.hosts.includes('*')) {
    found.push(
      warning(['listen', 'hosts'], 'serves any host: what is not meant for this gate is not told apart'),
    );
  }
  if (admin !== undefined && !isLoopback(admin.address.host)) {
    found.push(warning(['admin', 'address'], 'is not loopback: whoever reaches it reads metrics and health'));
    if (admin.sessions?.token !== undefined && admin.tls === undefined) {
      found.push(
        warning(
          ['admin', 'sessions', 'token'],
          'goes over the network in clear: set `admin.tls`, or keep `admin.address` on loopback',
        ),
      );
    }
  }
  return found;
}

function aboutPlainListener({ listen, publicUrl }: Pick<Config, 'listen' | 'publicUrl'>): readonly Warning[] {
  if (listen.tls === undefined) return [];
  if (publicUrl.startsWith('http:') && listen.address === null)
    return [warning(['publicUrl'], 'is http while only `listen.tls` listens: write the https address')];
  const isOpen = listen.address !== null && !isLoopback(listen.address.host);
  return isOpen && listen.trustedProxies.length === 0
    ? [
        warning(
          ['listen', 'address'],
          'answers in clear beside `tls`: tokens that come here can be read on the way; `null` ends that',
        ),
      ]
    : [];
}

/** Only where somebody can sign in. */
function aboutSessions({ session, routes }: Config): readonly Warning[] {
  if (!routes.some((route) => credentialsOf(route).includes('session'))) return [];
  const found: Warning[] = [];
  if (session.store === 'cookie' && session.denyList === undefined) {
    found.push(
      warning(
        ['session', 'store'],
        'is cookie without `denyList`: a copy of a cookie works until `absoluteTimeout` whatever happens; logout at the provider, by operators and everywhere is refused; two processes may refresh one session at once, which a strict provider answers by ending it; renewed tokens that the browser has not seen yet are lost with the process. Set `denyList`, or use another store',
      ),
    );
  }
  if (session.store === 'cookie' && session.denyList !== undefined) {
    found.push(
      warning(['session', 'store'], 'is cookie: sessions can be ended and not be listed, by nobody'),
    );
  }
  if (session.store === 'memory') {
    found.push(warning(['session', 'store'], 'is memory: a restart signs everybody out'));
  } else if (session.keys === undefined) {
    found.push(
      warning(
        ['session', 'keys'],
        'is not set: keys are generated into dataDir, next to the sessions that they seal',
      ),
    );
  }
  return found;
}

const inClear =
  'crosses the network in clear, and so does what unlocks it: write `rediss://`, or set `tls` with `sentinel` and `cluster`';

/** Sessions are sealed, but whoever can answer in the place of the store decides who is signed in no more. */
function aboutRedis({ session }: Config): readonly Warning[] {
  return (['store', 'denyList'] as const).flatMap((member) => {
    const place = session[member];
    if (typeof place !== 'object') return [];
    const { url, sentinel, cluster, tls } = place.redis;
    const path = ['session', member, 'redis'] as const;
    const nodes = [...(sentinel?.nodes ?? []), ...(cluster?.nodes ?? [])];
    if (tls === undefined && nodes.some(({ host }) => !isLoopback(host))) return [warning(path, inClear)];
    const text = url?.reveal() ?? '';
    const isClear = text.startsWith('redis:') && !isLoopback(new URL(text).hostname);
    return isClear ? [warning([...path, 'url'], inClear)] : [];
  });
}

function aboutClusters({ clusters, routes }: Config): readonly Warning[] {
  const used = new Set(routes.map((route) => route.cluster));
  return Object.keys(clusters)
    .filter((name) => !used.has(name))
    .map((name) => warning(['clusters', name], 'is used by no route'));
}

function aboutRoutes({ endpoints, routes }: Config, data: unknown): readonly Warning[] {
  return routes.flatMap((route, index) => {
    const found: Warning[] = [];
    const path = ['routes', index] as const;
    for (const field of ['onAnonymous', 'csrf'] as const) {
      if (credentialsOf(route).includes('session') || valueAt(data, [...path, field]) === undefined) continue;
      const where = route.access === 'public' ? 'on a public route' : 'where no session is taken';
      found.push(warning([...path, field], `says nothing ${where}`));
    }
    if (isBelow(route.path, endpoints.prefix)) {
      found.push(
        warning(
          [...path, 'path'],
          `is never reached: everything below ${endpoints.prefix} is the gate's own`,
        ),
      );
    }
    return found;
  });
}

function isBelow(path: string, prefix: string): boolean {
  const parsed = parseRoutePattern(path);
  return parsed.ok && `${parsed.pattern.shape}/`.startsWith(`${prefix}/`);
}
