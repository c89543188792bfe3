/**
 * A load balancer as simple as they come: connections, not requests. It asks each node whether it is ready, gives new
 * connections to those that are in turn, and to the next one when a connection is refused. It sends nothing twice.
 */
import { get } from 'node:http';
import { createConnection, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FleetNode } from './fleet.ts';

export interface Balancer {
  /** Whether a node gets connections: it has said that it is ready, and its connections are taken. */
  serves(node: Pick<FleetNode, 'url'>): boolean;
  close(): Promise<void>;
}

/** Milliseconds between two questions. */
const askEvery = 100;

interface Backend {
  readonly url: URL;
  readonly adminUrl: string;
  ready: boolean;
}

/** Listens at `url`. */
export async function startBalancer(
  url: string,
  nodes: readonly Pick<FleetNode, 'url' | 'adminUrl'>[],
): Promise<Balancer> {
  const backends: readonly Backend[] = nodes.map((node) => ({
    url: new URL(node.url),
    adminUrl: node.adminUrl,
    ready: false,
  }));
  const sockets = new Set<Socket>();
  let next = 0;

  /** Those that are ready, from the next in turn on. */
  const candidates = (): Backend[] => {
    next = (next + 1) % backends.length;
    return [...backends.slice(next), ...backends.slice(0, next)].filter(({ ready }) => ready);
  };

  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    sockets.add(client);
    client.once('close', () => sockets.delete(client));
    client.on('error', () => client.destroy());
    carry(client, candidates());
  });
  const look = async (): Promise<void> => {
    await Promise.all(
      backends.map(async (backend) => {
        backend.ready = await isReady(backend.adminUrl);
      }),
    );
  };
  let closed = false;
  const watch = async (): Promise<void> => {
    for (; !closed; await sleep(askEvery)) await look();
  };
  await look();
  const watching = watch();
  const { hostname, port } = new URL(url);
  await new Promise<void>((resolve) => server.listen(Number(port), hostname, 1024, resolve));
  return {
    serves: ({ url: wanted }) =>
      backends.some((backend) => backend.ready && backend.url.href === new URL(wanted).href),
    async close() {
      closed = true;
      await watching;
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Both ways, with each end of stream passed on, as soon as one of the nodes takes the connection. */
function carry(client: Socket, [backend, ...others]: readonly Backend[]): void {
  if (backend === undefined) {
    client.resetAndDestroy();
    return;
  }
  const { hostname, port } = backend.url;
  const upstream = createConnection({
    host: hostname,
    port: Number(port),
    allowHalfOpen: true,
    noDelay: true,
  });
  const refused = (): void => {
    backend.ready = false;
    carry(client, others);
  };
  upstream.once('error', refused);
  upstream.once('connect', () => {
    upstream.off('error', refused);
    upstream.once('error', () => client.resetAndDestroy());
    upstream.once('close', () => client.destroySoon());
    client.once('close', () => upstream.destroy());
    client.pipe(upstream);
    upstream.pipe(client);
  });
}

function isReady(adminUrl: string): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = get(`${adminUrl}/readyz`, { agent: false, timeout: 1000 }, (answer) => {
      answer.resume();
      resolve(answer.statusCode === 200);
    });
    asked.once('timeout', () => asked.destroy());
    asked.once('error', () => resolve(false));
  });
}
