/**
 * A request that changes the protocol: decided like any other before one byte is tunnelled, and refused with a plain
 * HTTP answer on the raw connection.
 */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Forward, Respond } from '../core/decision.ts';
import type { SallyportError } from '../core/errors.ts';
import type { ReadBody, RequestHead } from '../core/request-head.ts';
import type { Carried, UpgradeExchange } from '../upstreams/carrier.ts';
import type { Connection } from './connection.ts';
import { GateExchange } from './exchange.ts';
import { readNoBody } from './read-body.ts';
import { refusals } from './refusals.ts';
import { formatRawAnswer } from './write-response.ts';

export class SocketExchange extends GateExchange implements UpgradeExchange {
  readonly socket: Socket;
  readonly firstBytes: Buffer;

  constructor(connection: Connection, head: RequestHead, message: UpgradeMessage) {
    super(connection, head, message.request);
    this.socket = connection.socket;
    this.firstBytes = message.firstBytes;
    // Node has taken its own listeners off this socket: an unheard error would end the process.
    this.socket.on('error', () => this.socket.destroy());
  }

  get isReceiving(): boolean {
    return false;
  }

  protected get readBody(): ReadBody {
    return readNoBody;
  }

  protected carry(forward: Forward): Carried | null {
    if (!this.door.draining) return this.door.deps.carrier.carryUpgrade(this, forward);
    this.failWith(refusals.draining);
    return null;
  }

  protected write(answer: Respond): void {
    const { socket, door } = this;
    if (!socket.writable) return;
    const date = new Date(door.deps.clock.now());
    socket.end(formatRawAnswer(answer, this.head.id, date), () => socket.destroy());
  }

  breakOff(error: SallyportError): void {
    this.broken = error;
    this.socket.destroy();
  }
}

export interface UpgradeMessage {
  readonly request: IncomingMessage;
  readonly firstBytes: Buffer;
}

/** Whether a request is an upgrade that may happen at all; everything else is served as a plain request (HP-102). */
export function isUpgrade(request: IncomingMessage, connection: Connection): boolean {
  const protocols: readonly string[] = connection.door.config.upgrades;
  return (
    request.method === 'GET' &&
    // RFC 9110 section 7.8: in an HTTP/1.0 request the field is ignored.
    request.httpVersionMinor === 1 &&
    protocols.includes((request.headers.upgrade ?? '').toLowerCase()) &&
    request.headers['content-length'] === undefined &&
    request.headers['transfer-encoding'] === undefined &&
    // What is answered later on this connection would land in the middle of the other protocol.
    connection.exchanges.length === 0 &&
    !connection.closing
  );
}
