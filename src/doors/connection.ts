/** One client connection: who is at the other end, what runs on it in order, and whether it may carry anything more. */

import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Client } from '../core/request-head.ts';
import { parseAddress } from './client-address.ts';
import type { Door } from './door.ts';
import type { GateExchange } from './exchange.ts';
import { answerFailure } from './failures.ts';
import { type RefusalWord, refusals } from './refusals.ts';
import { formatRawAnswer } from './write-response.ts';

/** What the TLS handshake of a connection has shown. */
export interface Handshake {
  /** `x5t#S256` of the certificate that the peer has proved to hold and that counts; null without one. */
  readonly certificateThumbprint: string | null;
  /** The name it asked for (RFC 6066 section 3), if requests for other hosts are to be refused. */
  readonly serverName: string | null;
}

export class Connection {
  readonly door: Door;
  readonly socket: Socket;
  /** The name that the peer asked for in its TLS handshake, if the host of its requests has to be the same (HP-048). */
  readonly serverName: string | null;
  /** The peer itself, which is the client unless it is a trusted proxy. */
  readonly peer: Client;
  readonly trusted: boolean;
  /** Unanswered requests in order of arrival. */
  readonly exchanges: GateExchange[] = [];
  requests = 0;
  /** Nothing that arrives from now on is looked at. */
  closing = false;
  /** What to answer once everything before it is answered. */
  #lastRefusal: RefusalWord | null = null;

  constructor(door: Door, socket: Socket, handshake: Handshake | null = null) {
    this.door = door;
    this.socket = socket;
    const address = parseAddress(socket.remoteAddress ?? '') ?? '0.0.0.0';
    this.peer = {
      address,
      scheme: handshake === null ? 'http' : 'https',
      certificateThumbprint: handshake?.certificateThumbprint ?? null,
    };
    this.trusted = door.clientAddress.isTrusted(address);
    // A proxy speaks for many hosts over connections that it opened for one.
    this.serverName = this.trusted ? null : (handshake?.serverName ?? null);
    socket.on('close', () => this.#closed());
  }

  /** What is at the other end sent something that is not HTTP, or nothing for too long. */
  refuseBytes(word: RefusalWord): void {
    if (this.closing) return;
    this.closing = true;
    const last = this.exchanges.at(-1);
    if (last === undefined) this.#answerRaw(word);
    else if (last.isReceiving) last.breakOff(refusals[word]);
    else this.#lastRefusal = word;
  }

  /** An exchange is over: the next in line, or the end. */
  release(exchange: GateExchange): void {
    if (this.exchanges[0] === exchange) {
      this.exchanges.shift();
    } else {
      const index = this.exchanges.indexOf(exchange);
      if (index >= 0) this.exchanges.splice(index, 1);
    }
    if (!this.closing || this.exchanges.length > 0) return;
    if (this.#lastRefusal === null) this.socket.destroySoon();
    else this.#answerRaw(this.#lastRefusal);
  }

  /** Writes an answer that no response object stands for, and closes. */
  #answerRaw(word: RefusalWord): void {
    this.#lastRefusal = null;
    const { door, socket } = this;
    const id = door.nextId();
    const answer = answerFailure(door, null, refusals[word]);
    if (socket.writable) socket.write(formatRawAnswer(answer, id, new Date(door.deps.clock.now())));
    socket.destroySoon();
    door.deps.emit('request.finished', {
      requestId: id,
      method: '-',
      path: null,
      route: null,
      decision: word,
      status: answer.status,
      session: null,
      caller: null,
      client: this.peer.address,
      durationMs: 0,
      upstreamMs: null,
      bytesIn: 0,
      bytesOut: Buffer.byteLength(answer.body),
      error: refusals[word].code,
      aborted: false,
    });
  }

  #closed(): void {
    this.closing = true;
    for (const exchange of [...this.exchanges]) exchange.disconnected();
  }
}

/** The connection of each socket of a door. */
export type Connections = WeakMap<Duplex, Connection>;
