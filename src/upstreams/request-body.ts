/** The client's body on its way: counted while it streams, stopped past the limit, let go of without breaking the client's connection. */
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { SallyportError } from '../core/errors.ts';

/**
 * A stream of its own and not the request itself, because undici destroys the body that it is given and with it would
 * go the connection on which the answer is to be written.
 */
export class RequestBody extends Readable {
  readonly #request: IncomingMessage;
  readonly #limit: number;
  #bytes = 0;
  readonly #onData = (chunk: Buffer) => this.#take(chunk);
  readonly #onEnd = () => void this.push(null);
  readonly #onBroken = () => void this.destroy(new SallyportError('ERR_BAD_REQUEST', 'the client left'));

  constructor(request: IncomingMessage, limit: number) {
    super({ highWaterMark: 65_536 });
    this.#request = request;
    this.#limit = limit;
    request.on('data', this.#onData).on('end', this.#onEnd).on('error', this.#onBroken);
    request.pause();
  }

  /** Bytes that came from the client. */
  get bytes(): number {
    return this.#bytes;
  }

  override _read(): void {
    this.#request.resume();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const request = this.#request;
    request.off('data', this.#onData).off('end', this.#onEnd).off('error', this.#onBroken);
    // What is left of it is the door's to read and throw away, within its limits, once the answer is out (HP-085);
    // it may be at it already.
    if (!request.complete && request.listenerCount('data') === 0) request.pause();
    done(error);
  }

  #take(chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes > this.#limit) {
      this.destroy(new SallyportError('ERR_BODY_TOO_LARGE', 'the body is over the limit'));
    } else if (!this.push(chunk)) {
      this.#request.pause();
    }
  }
}

/** Collects a body whose length is known to be small, to be sent in one write. Not called when the client leaves. */
export function collectBody(request: IncomingMessage, length: number, done: (body: Buffer) => void): void {
  let first: Buffer | null = null;
  let rest: Buffer[] | null = null;
  request.on('data', (chunk: Buffer) => {
    if (first === null) first = chunk;
    else if (rest === null) rest = [first, chunk];
    else rest.push(chunk);
  });
  request.on('end', () => {
    const body = rest === null ? (first ?? Buffer.alloc(0)) : Buffer.concat(rest, length);
    done(body);
  });
}
