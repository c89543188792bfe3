/** An ordinary response on a socket that the HTTP server has given away for an upgrade that did not happen. */
import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** The last on its connection. */
export function createPlainResponse(request: IncomingMessage, socket: Socket): ServerResponse {
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(socket);
  // As the HTTP server does after a last response: what was written still goes out, then the connection is gone.
  response.on('finish', () => socket.destroySoon());
  // The HTTP server has taken its listeners off this socket: nobody else tells that it drained, or that the client
  // left. What it still sends is read and dropped, or its end would never be seen behind it.
  socket.on('drain', () => response.emit('drain'));
  socket.on('end', () => {
    if (!response.writableEnded) socket.destroy();
  });
  socket.resume();
  return response;
}
