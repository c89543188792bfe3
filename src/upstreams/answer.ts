/** The client's side of an exchange: the answer of the application, written as it comes and no faster than it is read. */
import type { ServerResponse } from 'node:http';
import type { Dispatcher } from 'undici';
import { allowedTrailers, type ParsedHeaders, type ResponseFraming } from './response-head.ts';

/**
 * Bytes that may wait for the client before the application is paused. A read from a socket brings up to 64 KiB, which is
 * a full buffer to Node until the next tick even when the system took it at once: pausing for that doubles the work.
 */
const backlog = 131_072;

export class Answer {
  readonly #response: ServerResponse;
  /** Bytes of the body that `Content-Length` promises; -1 when it is not known. */
  #promised = -1;
  #waitsForDrain = false;
  /** 0 until there is one. */
  status = 0;
  bytes = 0;
  /** The head was given to the response: no other answer is possible any longer. */
  begun = false;
  /** All of it was given to the response. */
  ended = false;

  constructor(response: ServerResponse) {
    this.#response = response;
  }

  /** What the head may say about the body: none for HEAD, 204 and 304, whatever their fields promise. */
  frame(method: string, status: number, headers: ParsedHeaders, minorVersion: number): ResponseFraming {
    const bodyless = method === 'HEAD' || status === 204 || status === 304;
    const length = headers['content-length'];
    if (!bodyless && typeof length === 'string') this.#promised = Number(length);
    return {
      contentLength: status !== 204,
      trailers: !bodyless && length === undefined && minorVersion > 0,
    };
  }

  /** Throws when a field is none; the answer has not begun then. */
  begin(status: number, headers: string[]): void {
    this.status = status;
    this.#response.writeHead(status, headers);
    this.begun = true;
    process.nextTick(flushHead, this, this.#response);
  }

  write(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.bytes += chunk.length;
    if (this.bytes === this.#promised) {
      // All that was promised is here: head, body and end go out in one write.
      this.ended = true;
      this.#response.end(chunk);
    } else if (!this.#response.write(chunk) && this.#response.writableLength > backlog) {
      this.#waitForDrain(controller);
    }
  }

  end(trailers: ParsedHeaders): void {
    this.ended = true;
    const pairs = this.#promised === -1 ? allowedTrailers(trailers) : null;
    if (pairs !== null && this.#response.chunkedEncoding) this.#response.addTrailers(pairs);
    this.#response.end();
  }

  #waitForDrain(controller: Dispatcher.DispatchController): void {
    controller.pause();
    if (this.#waitsForDrain) return;
    this.#waitsForDrain = true;
    this.#response.once('drain', () => {
      this.#waitsForDrain = false;
      controller.resume();
    });
  }
}

/** The head of a stream goes out at once; that of an ordinary answer together with its body, which is there by now. */
function flushHead(answer: Answer, response: ServerResponse): void {
  if (!answer.ended && answer.bytes === 0 && !response.destroyed) response.flushHeaders();
}
