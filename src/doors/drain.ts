/** Shutting a door: nothing new, what runs to its end, and a limit to how long that may take. */
import { Server as NetServer } from 'node:net';
import type { Door } from './door.ts';
import type { HttpListener } from './http-listener.ts';
import type { OpenSockets } from './open-sockets.ts';
import { SocketExchange } from './upgrade.ts';

const pollMs = 20;
/** What is kept back from the limit for ending upgraded connections with a reason. */
const maxReserveMs = 5000;
/**
 * Polls that connections without a request are left open for: one may be on its way, and closing would lose it. Its
 * answer says `Connection: close`.
 */
const idlePolls = 12;
/** Turns of the event loop after which the listener is closed whoever waits. */
const mostTurns = 1000;

/** True when everything was finished within the limit. */
export async function drain(
  door: Door,
  listeners: readonly HttpListener[],
  open: OpenSockets,
): Promise<boolean> {
  const { clock, carrier } = door.deps;
  const limit = door.config.timeouts.drain;
  const deadline = clock.monotonic() + limit;
  const isLate = () => clock.monotonic() >= deadline - Math.min(maxReserveMs, limit / 4);
  door.draining = true;
  await noticed(door.config.timeouts.notice);
  await Promise.all(listeners.map(untilNobodyWaits));
  const closed = Promise.all(listeners.map(stopAccepting));
  await leaveIdleOpen(listeners, isLate);
  const isDone = () => {
    // A connection that was answered with `keep-alive` just before is idle only now.
    for (const listener of listeners) listener.closeIdleConnections();
    return !door.active.snapshot().some((exchange) => !(exchange instanceof SocketExchange));
  };
  await poll(isDone, isLate);
  await carrier.close(Math.max(0, deadline - clock.monotonic()));
  await poll(
    () => door.active.size === 0,
    () => clock.monotonic() >= deadline,
  );
  const drained = door.active.size === 0;
  for (const exchange of door.active.snapshot()) exchange.connection.socket.destroy();
  for (const listener of listeners) listener.closeAllConnections();
  // Those in the middle of a handshake are no connections of HTTP yet.
  open.destroyAll();
  await closed;
  // They are closed; this ends the timers that watch over their connections.
  for (const listener of listeners) listener.close(() => {});
  return drained;
}

/**
 * Time for load balancers to hear of it and to send nobody here any more. Without it, a connection that comes in the very
 * moment in which the listener closes is lost.
 */
async function noticed(notice: number): Promise<void> {
  if (notice > 0) await new Promise((resolve) => setTimeout(resolve, notice));
}

/**
 * The kernel resets connections that wait to be accepted when the listener closes. A turn of the event loop accepts one,
 * so the moment to close is right behind a turn that found none.
 */
async function untilNobodyWaits(server: HttpListener): Promise<void> {
  let accepted = false;
  const onConnection = () => {
    accepted = true;
  };
  server.on('connection', onConnection);
  for (let turns = 0; turns < mostTurns; turns += 1) {
    accepted = false;
    await new Promise((resolve) => setImmediate(resolve));
    if (turns > 0 && !accepted) break;
  }
  server.off('connection', onConnection);
}

/** The `close` of HTTP servers would also end connections on which the first request has not been read yet. */
function stopAccepting(server: HttpListener): Promise<void> {
  return new Promise((resolve) => NetServer.prototype.close.call(server, () => resolve()));
}

async function leaveIdleOpen(listeners: readonly HttpListener[], isLate: () => boolean): Promise<void> {
  for (let polls = 0; polls < idlePolls && !isLate(); polls += 1) {
    const counts = await Promise.all(listeners.map(countConnections));
    if (counts.every((count) => count === 0)) return;
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

function countConnections(server: HttpListener): Promise<number> {
  return new Promise((resolve) => server.getConnections((_error, count) => resolve(count ?? 0)));
}

async function poll(isDone: () => boolean, isLate: () => boolean): Promise<void> {
  while (!isDone() && !isLate()) await new Promise((resolve) => setTimeout(resolve, pollMs));
}
