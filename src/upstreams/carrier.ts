/** Carrying as a door sees it: give the exchange and the decision, get told once how it ended. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Forward } from '../core/decision.ts';
import type { SallyportError } from '../core/errors.ts';
import type { RequestHead } from '../core/request-head.ts';

/** How carrying ended; becomes part of `request.finished`. */
export interface Outcome {
  readonly status: number;
  readonly upstreamMs: number | null;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** A failure after the response head had gone out: the connection was broken off. */
  readonly error: SallyportError | null;
  readonly aborted: boolean;
}

/**
 * One request and its answer, owned by the door. Exactly one of `fail` and `finish` is called, once. A body that was not
 * read to its end by then is left paused: the door discards the rest or closes the connection.
 */
export interface Exchange {
  readonly head: RequestHead;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Nothing of an answer has been written: the door writes the error page. */
  fail(error: SallyportError, upstreamMs: number | null): void;
  finish(outcome: Outcome): void;
}

/** A request that asks for another protocol: the raw connection and the bytes that came with the head. */
export interface UpgradeExchange {
  readonly head: RequestHead;
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly firstBytes: Buffer;
  fail(error: SallyportError, upstreamMs: number | null): void;
  finish(outcome: Outcome): void;
}

/** An exchange on its way. */
export interface Carried {
  /**
   * From now on it ends with its session: `ERR_SESSION_ENDED` as the answer, or a connection that is broken off in the
   * middle of one. For what takes long: a tie costs more than a short request. Nothing happens without a session, the
   * second time, and when it is over.
   */
  tie(): void;
}

export interface Carrier {
  carry(exchange: Exchange, forward: Forward): Carried;
  /** Tied to its session by itself once the protocol is switched. */
  carryUpgrade(exchange: UpgradeExchange, forward: Forward): Carried;
  /** Connections and requests in flight, for the gauge and for draining. */
  inFlight(): number;
  /** Ends upgraded connections with a reason (WebSocket 1001) and closes the pools after what runs. */
  close(deadlineMs: number): Promise<void>;
}
