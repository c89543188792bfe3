/** Addresses of Redis servers (https://www.iana.org/assignments/uri-schemes/prov/redis), read strictly. */

/** Where a server listens. */
export type Endpoint = { readonly host: string; readonly port: number } | { readonly path: string };

export interface RedisUrl {
  readonly endpoint: Endpoint;
  readonly tls: boolean;
  readonly username: string | null;
  readonly password: string | null;
  readonly database: number;
}

/** What the address says, or what is wrong with it: a text that never quotes it. */
export function parseRedisUrl(text: string): RedisUrl | string {
  const socket = /^unix:\/\/(\/[^?#]+)$/.exec(text);
  if (socket !== null) return { ...nobody, endpoint: { path: socket[1] as string }, tls: false };
  if (!URL.canParse(text) || !/^rediss?:\/\//.test(text)) {
    return 'is not the address of a Redis server: write redis://host:6379, rediss://host:6379 or unix:///path';
  }
  const url = new URL(text);
  const database = /^\/?(\d{0,5})$/.exec(url.pathname)?.[1];
  if (url.hostname === '') return 'has no host: write redis://host:6379';
  if (database === undefined) return 'has a path that is no number of a database: write redis://host:6379/0';
  if (url.search !== '' || url.hash !== '')
    return 'has a query or a fragment: take away what follows `?` or `#`';
  const username = decoded(url.username);
  const password = decoded(url.password);
  if (username === undefined || password === undefined) {
    return 'has a user or a password that is not percent-encoded: write `%` as %25, or use `username` and `password`';
  }
  return {
    endpoint: { host: url.hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(url.port || 6379) },
    tls: url.protocol === 'rediss:',
    username,
    password,
    database: Number(database),
  };
}

const nobody = { username: null, password: null, database: 0 } as const;

/** Null when it is empty; undefined when it cannot be decoded. */
function decoded(part: string): string | null | undefined {
  if (part === '') return null;
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}

/** One name for one server: `10.0.0.1:6379`, `[::1]:6379`, `/run/redis.sock`. */
export function nameOf(endpoint: Endpoint): string {
  if ('path' in endpoint) return endpoint.path;
  const { host, port } = endpoint;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
