/** What the application gets to know the caller by, ready to be written into a head. */
import type { MaybePromise } from './maybe-promise.ts';

/** One request to the application, as a DPoP proof names it (RFC 9449 section 4.2). */
export interface ProvenRequest {
  readonly method: string;
  /** Absolute, without query and fragment. */
  readonly url: string;
  /** What the server asked for with `DPoP-Nonce`, or null. */
  readonly nonce: string | null;
}

export interface UpstreamToken {
  /** Lower case: `authorization`, or the header that the route names for an assertion. */
  readonly header: string;
  /** The whole value: `Bearer …`, `DPoP …`, or the bare assertion. */
  readonly value: string;
  /** The `DPoP` header for one request, when the token is bound to a key of the gate; null for a bearer token. */
  readonly prove: ((request: ProvenRequest) => string) | null;
  /**
   * Obtains another token after the application answered 401 to this one; null when the route does not ask for that
   * or there is no other to be had. Answers null when the new one would be the same.
   */
  readonly renew: (() => MaybePromise<UpstreamToken | null>) | null;
}
