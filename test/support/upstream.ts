/** Upstreams that misbehave byte by byte, and a clean way to be rid of them. */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';

export interface RawUpstream {
  readonly port: number;
  readonly url: string;
  readonly server: Server;
  /** Connections open now. */
  open(): number;
  /** Connections ever accepted. */
  accepted(): number;
  /** Destroys every open connection. */
  dropAll(): void;
  close(): Promise<void>;
}

/** Calls `serve` for every connection; errors of its sockets are nobody's business. */
export async function createRawUpstream(
  serve: (socket: Socket, connection: number) => void,
): Promise<RawUpstream> {
  const sockets = new Set<Socket>();
  let accepted = 0;
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    serve(socket, accepted++);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const dropAll = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    server,
    open: () => sockets.size,
    accepted: () => accepted,
    dropAll,
    async close() {
      dropAll();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A port on which nothing listens. */
export async function closedPort(): Promise<number> {
  const upstream = await createRawUpstream(() => undefined);
  await upstream.close();
  return upstream.port;
}
