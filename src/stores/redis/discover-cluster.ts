/** Asks the nodes of a cluster who holds which slots (`CLUSTER SLOTS`). */
import { redisFailure, redisUnavailable } from './redis-error.ts';
import type { RedisLink } from './redis-link.ts';
import { type Endpoint, nameOf } from './redis-url.ts';
import type { Discover, View } from './topology.ts';

export interface ClusterDiscoverDeps {
  /** Those of the configuration. */
  readonly seeds: readonly Endpoint[];
  /** Asks one node, on a connection that is closed soon after when the node is no master. */
  readonly linkTo: (endpoint: Endpoint) => RedisLink;
}

const slotCount = 16_384;
/** Nodes that are kept in mind, to ask them when others fail. */
const mostKnown = 256;

/** One node is asked, the one of last time as long as it is not doubted; the others in turn when it fails. */
export function createClusterDiscover({ seeds, linkTo }: ClusterDiscoverDeps): Discover {
  let known: readonly Endpoint[] = seeds;
  return async (doubt) => {
    const order = doubt ? [...known.slice(1), ...known.slice(0, 1)] : known;
    let failure: unknown = redisFailure('no-master');
    for (const node of order) {
      try {
        const { view, replicas } = readSlots(await linkTo(node).send(['CLUSTER', 'SLOTS']), node);
        // Masters first: to them there are connections anyway.
        const again = view.masters.filter((master) => nameOf(master) === nameOf(node));
        known = unique([...again, ...view.masters, ...replicas, ...seeds]).slice(0, mostKnown);
        return view;
      } catch (error) {
        failure = error;
      }
    }
    known = seeds;
    throw redisUnavailable(failure);
  };
}

function unique(endpoints: readonly Endpoint[]): Endpoint[] {
  return [...new Map(endpoints.map((endpoint) => [nameOf(endpoint), endpoint])).values()];
}

interface Told {
  readonly view: View;
  readonly replicas: readonly Endpoint[];
}

/** `[[from, to, [host, port, id, …], replica…], …]`. */
function readSlots(reply: unknown, asked: Endpoint): Told {
  if (!Array.isArray(reply) || reply.length === 0) throw redisFailure('no-master', asked);
  const slots = new Int16Array(slotCount).fill(-1);
  const masters: Endpoint[] = [];
  const replicas: Endpoint[] = [];
  const ranges = [...(reply as unknown[][])].sort((a, b) => Number(a[0]) - Number(b[0]));
  for (const [from, to, ...nodes] of ranges) {
    const [master, ...others] = nodes.map((node) => readNode(node, asked));
    if (master === undefined) continue;
    let index = masters.findIndex((known) => nameOf(known) === nameOf(master));
    if (index === -1) index = masters.push(master) - 1;
    slots.fill(index, Number(from), Number(to) + 1);
    replicas.push(...others);
  }
  return { view: { masters, slots }, replicas };
}

/** A node that does not know its own address tells none: it is the one that was asked. */
function readNode(node: unknown, asked: Endpoint): Endpoint {
  const [host, port] = node as readonly unknown[];
  const name = host === null || host === undefined ? '' : String(host);
  const fallback = 'host' in asked ? asked.host : '';
  return { host: name === '' || name === '?' ? fallback : name, port: Number(port) };
}
