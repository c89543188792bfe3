/** The sockets of two listeners that share one limit, those in the middle of a TLS handshake among them. */
import type { Socket } from 'node:net';
import type { HttpListener } from './http-listener.ts';

export interface OpenSockets {
  destroyAll(): void;
}

/** Further sockets than `most` are closed. One listener alone keeps its limit itself. */
export function watchSockets(listeners: readonly HttpListener[], most: number): OpenSockets {
  const open = new Set<Socket>();
  for (const listener of listeners) {
    listener.maxConnections = most;
    if (listeners.length === 1 && !listener.isTls) continue;
    listener.on('connection', (socket: Socket) => {
      if (open.size >= most) {
        socket.destroy();
        return;
      }
      open.add(socket);
      socket.on('close', () => open.delete(socket));
    });
  }
  return {
    destroyAll() {
      for (const socket of open) socket.destroy();
    },
  };
}
