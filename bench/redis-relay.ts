/**
 * A pass-through between a gate and Redis that counts round trips. Replies come some milliseconds late, as over a network:
 * what waits for a reply is a round trip more, what does not wait is none.
 */
import { createConnection, createServer, type Socket } from 'node:net';
import { freePort } from './processes.ts';
import { commandsIn } from './redis-commands.ts';

export interface RedisRelay {
  readonly url: string;
  /** What has been seen since the last call, heartbeats and what makes a connection ready aside. */
  take(): Counted;
  stop(): Promise<void>;
}

export interface Counted {
  readonly roundTrips: number;
  /** In their order, in upper case; `+` joins those that were on their way together. */
  readonly commands: string;
}

/** Milliseconds. */
const late = 10;

/** Not for the sake of a request. */
const aside = new Set(['PING', 'HELLO', 'AUTH', 'SELECT', 'CLIENT', 'SCRIPT', 'ROLE']);

export async function startRedisRelay(target: number): Promise<RedisRelay> {
  const port = await freePort();
  const sockets = new Set<Socket>();
  let bursts: string[][] = [];
  const server = createServer((client) => {
    const redis = createConnection(target, '127.0.0.1');
    for (const [socket, other] of [
      [client, redis],
      [redis, client],
    ] as const) {
      sockets.add(socket.setNoDelay(true));
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
    /** The commands on their way, or null when every reply has arrived. */
    let burst: string[] | null = null;
    const read = commandsIn();
    client.on('data', (chunk: Buffer) => {
      redis.write(chunk);
      const wanted = read(chunk).filter((command) => !aside.has(command));
      if (wanted.length === 0) return;
      if (burst === null) {
        burst = [];
        bursts.push(burst);
      }
      burst.push(...wanted);
    });
    redis.on('data', (chunk: Buffer) => {
      setTimeout(() => {
        burst = null;
        if (!client.destroyed) client.write(chunk);
      }, late);
    });
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    url: `redis://127.0.0.1:${port}`,
    take() {
      const taken = bursts;
      bursts = [];
      return { roundTrips: taken.length, commands: taken.map((names) => names.join('+')).join(', ') };
    },
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
