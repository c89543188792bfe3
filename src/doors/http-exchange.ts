/** A plain request and its answer on a keep-alive connection, whose next request must begin where this one ends. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Forward, Respond } from '../core/decision.ts';
import type { SallyportError } from '../core/errors.ts';
import type { ReadBody, RequestHead } from '../core/request-head.ts';
import type { Carried, Exchange } from '../upstreams/carrier.ts';
import type { Connection } from './connection.ts';
import { discardRest } from './discard-rest.ts';
import { GateExchange } from './exchange.ts';
import { answerFailure } from './failures.ts';
import type { Framing } from './framing.ts';
import { readNoBody, readRequestBody } from './read-body.ts';
import { refusals } from './refusals.ts';
import { answerHeaders, formatRawAnswer } from './write-response.ts';

export class HttpExchange extends GateExchange implements Exchange {
  readonly response: ServerResponse;
  readonly hasBody: boolean;
  readonly #contentLength: number;
  /** The client holds its body back until it is told to go on (RFC 9110 section 10.1.1). */
  #awaitsContinue: boolean;
  #discarding = false;

  constructor(connection: Connection, head: RequestHead, message: HttpMessage) {
    super(connection, head, message.request);
    const { framing, response } = message;
    this.response = response;
    this.#contentLength = framing.contentLength ?? 0;
    this.hasBody = framing.chunked || this.#contentLength > 0;
    this.#awaitsContinue = framing.expectContinue && this.hasBody && message.request.httpVersionMinor === 1;
    if (this.door.draining) response.shouldKeepAlive = false;
  }

  get isReceiving(): boolean {
    return this.hasBody && !this.#awaitsContinue && !this.#discarding && !this.request.complete;
  }

  protected get readBody(): ReadBody {
    return this.hasBody ? (limit) => this.#readBody(limit) : readNoBody;
  }

  #readBody(limit: number): Promise<string> {
    if (this.#contentLength > limit) return Promise.reject(refusals['body-too-large']);
    this.#sendContinue();
    return readRequestBody(this.request, limit);
  }

  protected carry(forward: Forward): Carried | null {
    const limit = forward.route.bodyLimit ?? this.door.config.limits.body;
    if (this.#contentLength > limit) {
      this.failWith(refusals['body-too-large']);
      return null;
    }
    this.#sendContinue();
    return this.door.deps.carrier.carry(this, forward);
  }

  #sendContinue(): void {
    if (!this.#awaitsContinue) return;
    this.#awaitsContinue = false;
    this.response.writeContinue();
  }

  protected write(answer: Respond): void {
    const { response, request } = this;
    if (response.headersSent) {
      // Half an answer must not look like a whole one.
      this.connection.socket.destroy();
      return;
    }
    const isUnread = this.hasBody && !request.complete;
    if (isUnread) this.closeAfter();
    else if (this.door.draining) response.shouldKeepAlive = false;
    response.writeHead(answer.status, answerHeaders(answer, this.head.id));
    if (!isUnread || this.#awaitsContinue) {
      response.end(answer.body);
      return;
    }
    // The answer is whole with its Content-Length; the connection is closed only after the client had time to read
    // it, for closing on unread bytes resets the connection and may take the answer with it (HP-031).
    if (answer.body === '') response.flushHeaders();
    else response.write(answer.body);
    this.#discarding = true;
    discardRest(request, () => response.end());
  }

  /** Nothing behind this request is looked at; the connection ends with its answer. */
  closeAfter(): void {
    this.connection.closing = true;
    this.response.shouldKeepAlive = false;
  }

  breakOff(error: SallyportError): void {
    if (this.broken !== null) return;
    this.broken = error;
    this.connection.closing = true;
    const { socket } = this.connection;
    const isNext = this.connection.exchanges[0] === this;
    if (isNext && !this.response.headersSent && socket.writable) {
      const failure = answerFailure(this.door, this.head, error);
      // The answer to HEAD ends with its head: a body would be read as the beginning of another answer.
      const answer = this.head.method === 'HEAD' ? { ...failure, body: '' } : failure;
      const date = new Date(this.door.deps.clock.now());
      socket.end(formatRawAnswer(answer, this.head.id, date), () => socket.destroy());
    } else {
      socket.destroy();
    }
  }

  /** The response has been written out. */
  written(): void {
    if (this.hasBody && !this.request.complete && !this.#discarding) {
      // The application answered before it had everything; what is left must not be read as the next request.
      this.#discarding = true;
      discardRest(this.request, (isAtEnd) => {
        if (!isAtEnd) this.connection.socket.destroy();
      });
    }
    this.release();
  }
}

export interface HttpMessage {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly framing: Framing;
}
