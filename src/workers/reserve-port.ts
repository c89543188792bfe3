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

/** The address with the port that the system has chosen when it was 0. Rejects with a message for the operator. */
export function reservePort(address: HostPort): Promise<HostPort> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error) => reject(new Error(explainListenError(error, address))));
    server.listen({ host: address.host, port: address.port, exclusive: true }, () => {
      const bound = server.address();
      const port = typeof bound === 'object' && bound !== null ? bound.port : address.port;
      server.close(() => resolve({ host: address.host, port }));
    });
  });
}
