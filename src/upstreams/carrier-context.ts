/** What every exchange of a carrier shares. */
import type { Dispatcher } from 'undici';
import type { Clock } from '../core/clock.ts';
import type { ErrorCode } from '../core/errors.ts';
import type { RequestHead } from '../core/request-head.ts';
import type { Sessions } from '../sessions/sessions.ts';
import type { Outgoing } from './carrying.ts';
import type { Cluster } from './cluster.ts';
import type { BuildResponseHead } from './response-head.ts';
import type { Target } from './target.ts';
import { proofFor } from './token-use.ts';
import { upstreamPath } from './upstream-path.ts';

export interface CarrierContext {
  readonly clock: Clock;
  readonly hold: Sessions['hold'];
  readonly buildResponseHead: BuildResponseHead;
  /** An exchange began, and ended. */
  began(): void;
  ended(): void;
  /** An exchange with this cluster failed, and not by the client's doing. */
  failed(requestId: string, cluster: string, why: { readonly code: ErrorCode; readonly cause: string }): void;
  /** Registers what would not end by itself; `end` is called at shutdown. Call the answer to let go. */
  longLived(end: () => void): () => void;
  /** Throws `ERR_UPSTREAM_TOKEN` when a proof cannot be made. */
  dispatchOptions(
    outgoing: Outgoing,
    target: Target,
    head: RequestHead,
    cluster: Cluster,
  ): Dispatcher.DispatchOptions;
}

interface Options extends Dispatcher.DispatchOptions {
  /** Read by undici though not in its types: fixes the TLS name, which it would otherwise take from `Host`. */
  readonly servername: string | null;
}

export function dispatchOptions(
  outgoing: Outgoing,
  target: Target,
  head: RequestHead,
  cluster: Cluster,
): Options {
  const { address } = target;
  const headers = requestHeaders(outgoing, target, head);
  return {
    path: upstreamPath(address.basePath, head.url),
    method: outgoing.method,
    headers: cluster.config.host === 'preserve' ? ['host', head.host, ...headers] : headers,
    body: outgoing.body,
    upgrade: head.upgrade,
    servername: address.serverName,
  };
}

function requestHeaders(outgoing: Outgoing, target: Target, head: RequestHead): string[] {
  const proof = proofFor(outgoing.use, target, head);
  return proof === null ? outgoing.headers : [...outgoing.headers, 'dpop', proof];
}
