/** A route as `decide` and the upstreams use it: compiled once from the configuration, immutable. */

/** `public` needs nobody; `signed-in` needs a session. There is no default: every route says it. */
export type Access = 'public' | 'signed-in';

/** What an anonymous request to a protected route gets. `login` redirects navigations and answers 401 to the rest. */
export type OnAnonymous = 'login' | 'unauthorized' | 'forbidden' | 'not-found';

/** What a request may bring to say who it speaks for. */
export type CredentialKind = 'session' | 'bearer' | 'api-key';

/** For whom a token of the gate's own is meant: RFC 8693 section 2.1 and RFC 8707. Null: not said. */
export interface TokenTarget {
  readonly audience: string | null;
  /** Separated by spaces. */
  readonly scope: string | null;
  readonly resource: string | null;
}

/**
 * Which token the application receives:
 *
 * - `none`: none. `access`, `id`: that of the session. `pass`: the caller's own bearer token.
 * - `client`: one of the gate itself, by client credentials (RFC 6749 section 4.4).
 * - `exchange`: the caller's token, exchanged for one for this application (RFC 8693, or Entra's on-behalf-of).
 * - `assertion`: a JWT that the gate signs.
 */
export type UpstreamTokenRule =
  | 'none'
  | 'access'
  | 'id'
  | 'pass'
  | { readonly kind: 'client'; readonly target: TokenTarget }
  | {
      readonly kind: 'exchange';
      readonly grant: 'token-exchange' | 'on-behalf-of';
      readonly target: TokenTarget;
    }
  | {
      readonly kind: 'assertion';
      readonly audience: string;
      /** Names of claims that are repeated, besides `sub`. */
      readonly claims: readonly string[];
      /** Lower case. `authorization` is sent as `Bearer …`, any other header holds the bare JWT. */
      readonly header: string;
      /** Milliseconds. */
      readonly lifetime: number;
    };

/** A header value with `{claims.name}` and `{params.name}` holes: literal and hole take turns, a literal first. */
export interface HeaderTemplate {
  /** Lower case. */
  readonly name: string;
  readonly literals: readonly string[];
  /** Each hole is a source, the path of own properties in it, and what separates the members of a list (null: JSON). */
  readonly holes: readonly {
    readonly source: 'claims' | 'params';
    readonly path: readonly string[];
    readonly separator: string | null;
  }[];
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
  /** Which credentials it takes; empty on a public route. */
  readonly authenticate: readonly CredentialKind[];
  /** Name of the api that checks bearer tokens; null when the route takes none. */
  readonly api: string | null;
  /** Names of the API keys that may pass; null: every key. */
  readonly apiKeys: ReadonlySet<string> | null;
  /** All of these must have been granted, to whoever calls. */
  readonly scopes: readonly string[];
  /** One of these must be the `acr` of a bearer token (RFC 9470); empty: any. */
  readonly acrValues: readonly string[];
  /** Milliseconds since the `auth_time` of a bearer token (RFC 9470); null: any. */
  readonly maxAge: number | null;
  readonly onAnonymous: OnAnonymous;
  readonly upstreamToken: UpstreamTokenRule;
  /** Origins whose pages may call with a token of their own, or `*`; empty: none. */
  readonly corsOrigins: readonly string[];
  /** After a 401 of the application: one renewal of the token and one more try of a request that can be repeated. */
  readonly retryUnauthorized: boolean;
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
