/** The carrier: clusters with their connections, and what starts an exchange. */
import type { Clock } from '../core/clock.ts';
import type { Forward } from '../core/decision.ts';
import { SallyportError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import type { Sessions } from '../sessions/sessions.ts';
import type { Carrier, Exchange } from './carrier.ts';
import { type CarrierContext, dispatchOptions } from './carrier-context.ts';
import { Carrying } from './carrying.ts';
import { type Cluster, createCluster } from './cluster.ts';
import type { ClusterConfig } from './cluster-config.ts';
import { createOutgoingHead, type OutgoingHead } from './outgoing-head.ts';
import type { IsOwnCookie } from './own-cookies.ts';
import { collectBody, RequestBody } from './request-body.ts';
import { createResponseHead } from './response-head.ts';
import { Upgrading } from './upgrading.ts';

export type { Carrier } from './carrier.ts';

export interface CarrierDeps {
  /** `X-Forwarded-Proto`, `-Host` and `-Port`, our name in `Via`, and the one origin of credentialed CORS answers. */
  readonly publicUrl: URL;
  readonly isOwnCookie: IsOwnCookie;
  /** Every header name that any route may emit, in lower case: none of them is ever taken from a client. */
  readonly identityHeaders: readonly string[];
  readonly hold: Sessions['hold'];
  /** Largest request body in bytes where the route says nothing. */
  readonly bodyLimit: number;
  readonly emit: Emit;
  readonly clock: Clock;
}

/** A body up to this many bytes is collected and sent in one write with its head. */
const smallBody = 65_536;

/** How often a request may come through this gate before it is called a loop (HP-064). */
const passLimit = 3;

type Clusters = ReadonlyMap<string, ClusterConfig> | Readonly<Record<string, ClusterConfig>>;

export function createCarrier(clusters: Clusters, deps: CarrierDeps): Carrier {
  const entries = clusters instanceof Map ? [...clusters] : Object.entries(clusters);
  const byName = new Map<string, Cluster>(
    entries.map(([name, config]) => [name, createCluster(name, config, deps.clock)]),
  );
  const buildHead = createOutgoingHead(deps);
  const longLived = new Set<() => void>();
  let inFlight = 0;
  let closed: Promise<void> | null = null;
  const context: CarrierContext = {
    clock: deps.clock,
    hold: deps.hold,
    buildResponseHead: createResponseHead(deps),
    dispatchOptions,
    began() {
      inFlight += 1;
    },
    ended() {
      inFlight -= 1;
    },
    failed(requestId, cluster, { code, cause }) {
      deps.emit('upstream.failed', { requestId, cluster, code, cause });
    },
    longLived(end) {
      longLived.add(end);
      return () => longLived.delete(end);
    },
  };

  return {
    carry(exchange, forward) {
      const carrying = new Carrying(context, exchange, forward, clusterOf(forward));
      const outgoing = buildHead(exchange.head, forward);
      const refusal = refusalOf(outgoing, forward);
      if (refusal !== null) carrying.refuse(refusal);
      else sendBody(carrying, exchange, outgoing, limitOf(forward));
      return carrying;
    },
    carryUpgrade(exchange, forward) {
      const outgoing = buildHead(exchange.head, forward);
      const upgrading = new Upgrading(context, exchange, forward, clusterOf(forward));
      const refusal = refusalOf(outgoing, forward);
      if (refusal !== null) upgrading.refuse(refusal);
      else upgrading.send(outgoing);
      return upgrading;
    },
    inFlight: () => inFlight,
    async close(deadlineMs) {
      for (const end of [...longLived]) end();
      // The door closes it at the end of a drain, and so does whoever owns it: the pools take that once only.
      closed ??= closeTargets([...byName.values()], deadlineMs);
      await closed;
    },
  };

  function clusterOf(forward: Forward): Cluster {
    const cluster = byName.get(forward.route.cluster);
    // The configuration was validated: a route without a cluster is a bug.
    if (cluster === undefined) throw new Error('a route names a cluster that does not exist');
    return cluster;
  }

  function limitOf(forward: Forward): number {
    return forward.route.bodyLimit ?? deps.bodyLimit;
  }

  function refusalOf(outgoing: OutgoingHead, forward: Forward): SallyportError | null {
    if (outgoing.passes >= passLimit) return new SallyportError('ERR_UPSTREAM_LOOP', 'a loop, by Via');
    if (outgoing.contentLength !== null && outgoing.contentLength > limitOf(forward)) {
      return new SallyportError('ERR_BODY_TOO_LARGE', 'the body is declared to be over the limit');
    }
    return null;
  }
}

function sendBody(carrying: Carrying, exchange: Exchange, outgoing: OutgoingHead, limit: number): void {
  const { head, request } = exchange;
  const { headers, contentLength, use } = outgoing;
  if (!outgoing.chunked && (contentLength === null || contentLength === 0)) {
    carrying.send({ method: head.method, headers, body: null, use });
  } else if (!outgoing.chunked && (contentLength as number) <= smallBody) {
    collectBody(request, contentLength as number, (body) =>
      carrying.send({ method: head.method, headers, body, use }),
    );
  } else {
    if (contentLength !== null && !outgoing.chunked) headers.push('content-length', String(contentLength));
    carrying.send({ method: head.method, headers, body: new RequestBody(request, limit), use });
  }
}

async function closeTargets(clusters: readonly Cluster[], deadlineMs: number): Promise<void> {
  const targets = clusters.flatMap((cluster) => cluster.targets);
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, deadlineMs);
  });
  await Promise.race([Promise.all(targets.map((target) => target.close())), deadline]);
  clearTimeout(timer);
  await Promise.all(targets.map((target) => target.destroy()));
}
