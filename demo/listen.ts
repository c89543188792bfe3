/** Opens and closes the demo's own HTTP servers, and says plainly when a port is taken. */
import type { RequestListener, Server } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A port that somebody else has. The message is fit for a person. */
export class PortTaken extends Error {
  override readonly name = 'PortTaken';

  constructor(port: number, flag: string) {
    super(`Port ${port} is taken by another program: choose another with ${flag}.`);
  }
}

/** Listens on 127.0.0.1; port 0 lets the system choose. Throws `PortTaken`, naming the flag that chooses another. */
export async function listen(handler: RequestListener, port: number, flag: string): Promise<Server> {
  const server = createServer(handler);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(error.code === 'EADDRINUSE' ? new PortTaken(port, flag) : error);
    });
    server.listen(port, '127.0.0.1', resolve);
  });
  return server;
}

export function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

/** Ends open connections too: event streams would otherwise hold the server open for ever. */
export function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
