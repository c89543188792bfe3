/**
 * One timer for all connections that ends what does not move: a request body that stops or trickles (DL-003) and an
 * answer that is not read (DL-004). Time in which the gate itself holds a body back is never held against the client,
 * so that an upload may take hours. What takes long is tied to its session here, so that the many requests that are
 * short pay nothing for it.
 */

import type { Door } from './door.ts';
import type { GateExchange } from './exchange.ts';
import { refusals } from './refusals.ts';

/** Age in milliseconds from which an exchange ends with its session; a shorter one may finish. */
const tieAfter = 1000;

/** Looks at every exchange, `elapsedMs` after the last look. */
export function sweep(door: Door, elapsedMs: number): void {
  const youngest = door.deps.clock.monotonic() - tieAfter;
  for (const exchange of door.active.snapshot()) {
    if (exchange.released) continue;
    if (exchange.startedAt <= youngest) exchange.carried?.tie();
    if (exchange.isReceiving) checkReceiving(exchange, elapsedMs);
    checkSending(exchange, elapsedMs);
  }
}

function checkReceiving(exchange: GateExchange, elapsedMs: number): void {
  const { socket } = exchange.connection;
  const { timeouts, limits } = exchange.door.config;
  const moved = socket.bytesRead - exchange.bytesRead;
  exchange.bytesRead = socket.bytesRead;
  // Something lies unread: it is the gate or the application that is slow.
  if (exchange.request.readableLength > 0) {
    exchange.readStalledMs = 0;
    return;
  }
  exchange.receivingMs += elapsedMs;
  exchange.received += moved;
  exchange.readStalledMs = moved > 0 ? 0 : exchange.readStalledMs + elapsedMs;
  const isTrickling =
    exchange.receivingMs > timeouts.body &&
    exchange.received < (limits.bodyRate * exchange.receivingMs) / 1000;
  if (exchange.readStalledMs >= timeouts.body || isTrickling) exchange.breakOff(refusals['body-timeout']);
}

function checkSending(exchange: GateExchange, elapsedMs: number): void {
  const { socket } = exchange.connection;
  const flushed = socket.bytesWritten - socket.writableLength;
  const isStalled = socket.writableLength > 0 && flushed === exchange.bytesFlushed;
  exchange.bytesFlushed = flushed;
  exchange.writeStalledMs = isStalled ? exchange.writeStalledMs + elapsedMs : 0;
  if (exchange.writeStalledMs >= exchange.door.config.timeouts.stall) socket.destroy();
}
