/** A Redis server of the bench's own, on loopback and without a disk, and what it says of its work. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { RESP_TYPES, RedisClient } from '@redis/client';
import { freePort, type Running, start } from './processes.ts';

export interface BenchRedis extends Running {
  readonly port: number;
  readonly url: string;
  /** The reply, with strings as bytes. */
  send(...args: readonly (string | Buffer)[]): Promise<unknown>;
  /** How often each command was called since the start, by its name in lower case. */
  calls(): Promise<ReadonlyMap<string, number>>;
  /** Bytes in use. */
  memory(): Promise<number>;
}

export async function startRedis(directory: string, name: string): Promise<BenchRedis> {
  const home = join(directory, name);
  mkdirSync(home, { recursive: true });
  const port = await freePort();
  const running = await start({
    command: '/usr/bin/redis-server',
    args: ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', home, '--save', '', '--appendonly', 'no'],
    log: join(home, 'output.log'),
    port,
  });
  const client = await connect(port);
  const send = (...args: readonly (string | Buffer)[]) => client.sendCommand<unknown>(args);
  const info = async (section: string) => String(await send('INFO', section));
  return {
    ...running,
    port,
    url: `redis://127.0.0.1:${port}`,
    send,
    async calls() {
      const found = (await info('commandstats')).matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm);
      return new Map([...found].map(([, command, calls]) => [command as string, Number(calls)]));
    },
    memory: async () => Number(/^used_memory:(\d+)/m.exec(await info('memory'))?.[1]),
    async stop() {
      client.destroy();
      await running.stop();
    },
  };
}

async function connect(port: number) {
  const client = RedisClient.create({
    socket: { host: '127.0.0.1', port, reconnectStrategy: false },
    commandOptions: { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } },
  });
  // A server that ends is told by the command that fails.
  client.on('error', () => {});
  return client.connect();
}
