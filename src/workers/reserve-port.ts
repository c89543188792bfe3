/**
 * Makes sure that an address is nobody else's before several workers share it. With `SO_REUSEPORT` the kernel lets every
 * process of the same user join: a second gate started by mistake would silently take half of the requests. So the
 * address is first taken without that option, which fails when anybody listens there, and given back.
 *
 * A lock file would not see other programs and could be left behind. Two gates that start in the same few
 * milliseconds can still both get through; nothing in the kernel tells them apart.
 */
import { createServer } from 'node:net';
import type { HostPort } from '../core/scalars.ts';
import { explainListenError } from '../doors/listen-error.ts';
import type { ListenAddresses } from './protocol.ts';

/** The addresses with the ports that the system has chosen where they were 0. Rejects with a message for the operator. */
export async function reservePorts({ address, tls }: ListenAddresses): Promise<ListenAddresses> {
  const held: Held[] = [];
  const reserve = async (at: HostPort | null): Promise<HostPort | null> => {
    if (at === null) return null;
    const taken = await hold(at);
    held.push(taken);
    return taken.address;
  };
  try {
    // Held until both are known: the system would give a port that was let go a second time.
    return { address: await reserve(address), tls: await reserve(tls) };
  } finally {
    await Promise.all(held.map(({ release }) => release()));
  }
}

interface Held {
  readonly address: HostPort;
  readonly release: () => Promise<void>;
}

function hold(address: HostPort): Promise<Held> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error) => reject(new Error(explainListenError(error, address))));
    server.listen({ host: address.host, port: address.port, exclusive: true }, () => {
      const bound = server.address();
      const port = typeof bound === 'object' && bound !== null ? bound.port : address.port;
      const release = () => new Promise<void>((done) => server.close(() => done()));
      resolve({ address: { host: address.host, port }, release });
    });
  });
}
