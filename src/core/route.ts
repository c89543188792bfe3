/** A route as `decide` and the upstreams use it: compiled once from the configuration, immutable. */

/** `public` needs nobody; `signed-in` needs a session. There is no default: every route says it. */
export type Access = 'public' | 'signed-in';

/** What an anonymous request to a protected route gets. `login` redirects navigations and answers 401 to the rest. */
export type OnAnonymous = 'login' | 'unauthorized' | 'forbidden' | 'not-found';

/** Which of the session's tokens the application receives in `Authorization: Bearer`. */
export type UpstreamToken = 'none' | 'access' | 'id';

/** A header value with `{claims.name}` and `{params.name}` holes: literal and hole take turns, a literal first. */
export interface HeaderTemplate {
  /** Lower case. */
  readonly name: string;
  readonly literals: readonly string[];
  /** Each hole is a source and the path of own properties in it. */
  readonly holes: readonly { readonly source: 'claims' | 'params'; readonly path: readonly string[] }[];
}

export interface Route {
  /** Stable and bounded: the pattern as configured, or the configured `name`. Fit for a metric label. */
  readonly name: string;
  /** The pattern as configured. */
  readonly path: string;
  /** Null: every method. HEAD follows GET. */
  readonly methods: ReadonlySet<string> | null;
  /** Name of the cluster. */
  readonly cluster: string;
  readonly access: Access;
  readonly onAnonymous: OnAnonymous;
  readonly upstreamToken: UpstreamToken;
  /** `fetch-metadata` refuses unsafe cross-site requests; `header` asks for the static header as well. */
  readonly csrf: 'fetch-metadata' | 'header';
  readonly requestHeaders: readonly HeaderTemplate[];
  /** Whether the client's own `Authorization` reaches the application. */
  readonly passAuthorization: boolean;
  /** Largest request body in bytes; null leaves the listener's limit. */
  readonly bodyLimit: number | null;
}

/** A route that matched and what its `:name` segments captured (decoded no further than the canonical path). */
export interface RouteMatch {
  readonly route: Route;
  readonly params: Readonly<Record<string, string>>;
}
