/** Shutting a door: nothing new, what runs to its end, and a limit to how long that may take. */
import type { Server } from 'node:http';
import type { Door } from './door.ts';
import { SocketExchange } from './upgrade.ts';

const pollMs = 20;
/** What is kept back from the limit for ending upgraded connections with a reason. */
const maxReserveMs = 5000;

/** True when everything was finished within the limit. */
export async function drain(
  door: Door,
  server: Pick<Server, 'close' | 'closeIdleConnections' | 'closeAllConnections'>,
) {
  const { clock, carrier } = door.deps;
  const limit = door.config.timeouts.drain;
  const deadline = clock.monotonic() + limit;
  door.draining = true;
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  const isDone = () => {
    // A connection that was answered with `keep-alive` just before is idle only now.
    server.closeIdleConnections();
    return !door.active.snapshot().some((exchange) => !(exchange instanceof SocketExchange));
  };
  await poll(isDone, () => clock.monotonic() >= deadline - Math.min(maxReserveMs, limit / 4));
  await carrier.close(Math.max(0, deadline - clock.monotonic()));
  await poll(
    () => door.active.size === 0,
    () => clock.monotonic() >= deadline,
  );
  const drained = door.active.size === 0;
  for (const exchange of door.active.snapshot()) exchange.connection.socket.destroy();
  server.closeAllConnections();
  await closed;
  return drained;
}

async function poll(isDone: () => boolean, isLate: () => boolean): Promise<void> {
  while (!isDone() && !isLate()) await new Promise((resolve) => setTimeout(resolve, pollMs));
}
