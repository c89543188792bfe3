/** An answer that waits until it is certain whether the client gets it. */
import type { Dispatcher } from 'undici';
import type { ParsedHeaders } from './response-head.ts';

type Controller = Dispatcher.DispatchController;

/** Who takes an answer, as undici gives it. */
export interface AnswerTaker {
  onRequestStart(controller: Controller): void;
  onResponseStart(controller: Controller, status: number, headers: ParsedHeaders): void;
  onResponseData(controller: Controller, chunk: Buffer): void;
  onResponseEnd(controller: Controller, trailers: ParsedHeaders): void;
  onResponseError(controller: Controller, error: Error): void;
}

/**
 * Holds the head, and what came with it: reading is paused, so that it is no more than one read from the socket brings.
 */
export class HeldAnswer {
  readonly #controller: Controller;
  readonly #status: number;
  readonly #headers: ParsedHeaders;
  readonly #chunks: Buffer[] = [];
  #trailers: ParsedHeaders | null = null;

  constructor(controller: Controller, status: number, headers: ParsedHeaders) {
    this.#controller = controller;
    this.#status = status;
    this.#headers = headers;
    controller.pause();
  }

  /** All of it is here. */
  get isWhole(): boolean {
    return this.#trailers !== null;
  }

  addData(chunk: Buffer): void {
    this.#chunks.push(chunk);
  }

  addEnd(trailers: ParsedHeaders): void {
    this.#trailers = trailers;
  }

  /** Gives all of it to `taker`, and what comes after it may come. Never throws. */
  release(taker: AnswerTaker): void {
    const controller = this.#controller;
    try {
      taker.onResponseStart(controller, this.#status, this.#headers);
      for (const chunk of this.#chunks) taker.onResponseData(controller, chunk);
      if (this.#trailers !== null) taker.onResponseEnd(controller, this.#trailers);
      else controller.resume();
    } catch (error) {
      // As undici does with what is thrown at it: a field of the head was none.
      taker.onResponseError(controller, error as Error);
    }
  }
}
