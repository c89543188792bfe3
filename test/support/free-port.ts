/** A port for a server that has to know its own address before it starts. */
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/** Below the range from which the system gives ports to `listen(0)` and to clients, which many tests use meanwhile. */
const first = 12_000;
const last = 30_000;

/** A port of loopback that is free now, and that nobody is given by chance before it is used. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const port = randomInt(first, last);
    if (await isFree(port)) return port;
  }
  throw new Error('no free port');
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
