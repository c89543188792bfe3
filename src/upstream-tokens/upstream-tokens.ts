/** The right token for each application, as the pipeline sees it. Made by `createUpstreamTokens`. */
import type { ApiCaller } from '../core/api-caller.ts';
import type { MaybePromise } from '../core/maybe-promise.ts';
import type { RequestHead } from '../core/request-head.ts';
import type { Route } from '../core/route.ts';
import type { Session } from '../core/session.ts';
import type { UpstreamToken } from '../core/upstream-token.ts';

export interface UpstreamTokens {
  /**
   * What the application of this route gets; null: nothing. `session` or `caller` is there, and neither on a public
   * route, which may still get a token of the gate's own. Synchronous for a
   * token that this process holds. Throws `ERR_UPSTREAM_TOKEN_DENIED`, `ERR_UPSTREAM_TOKEN` or `ERR_PROVIDER_*`: then
   * the request is not sent, and never with another token in its place (RS-070).
   */
  obtain(
    head: RequestHead,
    route: Route,
    by: { readonly session: Session | null; readonly caller: ApiCaller | null },
  ): MaybePromise<UpstreamToken | null>;
  /** Stops timers. */
  close(): Promise<void>;
}
