/** A TCP proxy before a Redis server that a test makes slow, deaf, or cuts, as networks do. */
import { createConnection, createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

export interface RedisProxy {
  readonly url: string;
  readonly port: number;
  /** Connections that came since it was started. */
  accepted(): number;
  /** Milliseconds by which every reply is late from now on. */
  delay(milliseconds: number): void;
  /** Half-open: nothing goes through any more, in neither direction, and nobody is told; new connections neither. */
  swallow(): void;
  /** Passes on what comes from now on. What was swallowed is gone. */
  pass(): void;
  /** Ends every connection after that many bytes of the next reply. */
  cutAfter(bytes: number): void;
  /** Ends every connection now. */
  cut(): void;
  /** No new connections: refused, as when nothing listens. */
  refuse(): Promise<void>;
  /** Listens again. */
  listen(): Promise<void>;
}

export async function startRedisProxy(context: TestContext, target: number): Promise<RedisProxy> {
  const sockets = new Set<Socket>();
  let late = 0;
  let deaf = false;
  let left: number | null = null;
  let accepted = 0;

  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
  const keep = (socket: Socket, other: Socket): void => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => {
      sockets.delete(socket);
      if (!deaf) other.destroy();
    });
  };
  const toClient = (client: Socket, chunk: Buffer): void => {
    if (deaf || client.destroyed) return;
    if (left === null) {
      client.write(chunk);
      return;
    }
    const part = chunk.subarray(0, left);
    left -= part.length;
    client.write(part, () => {
      if (left !== 0) return;
      left = null;
      cut();
    });
  };

  const make = () =>
    createServer((client) => {
      accepted += 1;
      const server = createConnection(target, '127.0.0.1');
      keep(client, server);
      keep(server, client);
      client.on('data', (chunk: Buffer) => {
        if (!deaf) server.write(chunk);
      });
      server.on('data', (chunk: Buffer) => {
        if (late === 0) toClient(client, chunk);
        else setTimeout(toClient, late, client, chunk);
      });
    });
  let listener = make();
  const listen = (port: number) =>
    new Promise<void>((resolve) => listener.listen(port, '127.0.0.1', resolve));
  await listen(0);
  const { port } = listener.address() as { port: number };
  const refuse = () =>
    new Promise<void>((resolve) => {
      listener.close(() => resolve());
      cut();
    });
  context.after(refuse);
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    accepted: () => accepted,
    delay(milliseconds) {
      late = milliseconds;
    },
    swallow() {
      deaf = true;
    },
    pass() {
      deaf = false;
    },
    cutAfter(bytes) {
      left = bytes;
    },
    cut,
    refuse,
    async listen() {
      listener = make();
      await listen(port);
    },
  };
}
