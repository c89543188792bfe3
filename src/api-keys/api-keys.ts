/** API keys as the pipeline sees them. Made by `createApiKeys`. */
import type { Authentication } from '../core/authentication.ts';
import type { CredentialRefusal } from '../core/credential-refusal.ts';
import type { MaybePromise } from '../core/maybe-promise.ts';
import type { RequestHead } from '../core/request-head.ts';
import type { Route } from '../core/route.ts';

export interface ApiKeys {
  /** Lower case: the header in which a key comes. It never reaches an application. */
  readonly header: string;
  /**
   * Whose key this is: `caller` or `refused`, and `none` without the header. A key that is good for another route is
   * refused like one that is none. Synchronous for a key that this process remembers.
   */
  authenticate(head: RequestHead, route: Pick<Route, 'apiKeys'>): MaybePromise<Authentication>;
  /** For a request that brought nothing. */
  readonly challenge: CredentialRefusal;
}
