/** What the gate decided: carry the request on, or answer it here. There is no third. */
import type { ApiCaller } from './api-caller.ts';
import type { HeaderList } from './headers.ts';
import type { Route } from './route.ts';
import type { Session } from './session.ts';
import type { UpstreamToken } from './upstream-token.ts';

/** `Set-Cookie` values that travel with every decision, or a rotated session would be lost. */
export type SetCookies = readonly string[];

export const noCookies: SetCookies = [];

export interface Forward {
  readonly kind: 'forward';
  readonly route: Route;
  readonly params: Readonly<Record<string, string>>;
  /** The snapshot that was judged; the same one is forwarded. Null on a public route, and for an `ApiCaller`. */
  readonly session: Session | null;
  /** Who brought a credential of its own; null for a session, and on a public route. */
  readonly caller: ApiCaller | null;
  /** What the application gets; null: nothing. */
  readonly upstreamToken: UpstreamToken | null;
  readonly setCookies: SetCookies;
}

export interface Respond {
  readonly kind: 'respond';
  readonly status: number;
  /** Without `Set-Cookie` and `Content-Length`: the door adds both. */
  readonly headers: HeaderList;
  /** Empty when there is no content. */
  readonly body: string;
  readonly setCookies: SetCookies;
  /** A stable word for logs and metrics: why this answer (`not-found`, `login-required`, `cross-site`, …). */
  readonly reason: string;
  /** The route that was matched, or null. */
  readonly route: Route | null;
  readonly session: Session | null;
  readonly caller: ApiCaller | null;
}

export type Decision = Forward | Respond;
