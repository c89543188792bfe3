/** A resource server that the gate speaks for, as the pipeline sees it. Made by `createApis`. */
import type { ApiCaller } from '../core/api-caller.ts';
import type { Authentication } from '../core/authentication.ts';
import type { CredentialRefusal } from '../core/credential-refusal.ts';
import type { MaybePromise } from '../core/maybe-promise.ts';
import type { RequestHead } from '../core/request-head.ts';
import type { Route } from '../core/route.ts';

/** What a route asks of a token besides being good. */
export type Demand = Pick<Route, 'scopes' | 'acrValues' | 'maxAge'>;

/** Protected resource metadata (RFC 9728), served to everybody. */
export interface ResourceMetadata {
  /** `/.well-known/oauth-protected-resource`, with the path of the resource behind it (section 3.1). */
  readonly path: string;
  readonly document: Readonly<Record<string, unknown>>;
}

export interface Api {
  readonly name: string;
  /**
   * Who the token in `Authorization` speaks for: `caller` or `refused`, and `none` when there is no `Authorization` at
   * all. Synchronous for a token that this process remembers. Throws `ERR_PROVIDER_UNAVAILABLE` or
   * `ERR_STORE_UNAVAILABLE` when it cannot tell.
   */
  authenticate(head: RequestHead): MaybePromise<Authentication>;
  /** Null when the token gives what the route demands; otherwise `insufficient_scope` (403) or a step-up challenge (401). */
  authorize(caller: ApiCaller, demand: Demand): CredentialRefusal | null;
  /** For a request that brought nothing: 401 without an error code (RFC 6750 section 3). */
  challenge(demand: Demand): CredentialRefusal;
  /** Null when the audience is no URL of this gate. */
  readonly metadata: ResourceMetadata | null;
}

/** By their names in the configuration. */
export type Apis = ReadonlyMap<string, Api>;
