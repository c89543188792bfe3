/**
 * One attempt of an exchange whose token is bound to a key of the gate, or can be renewed: stands between undici and the
 * exchange and looks at a 401 before anybody else does. Other exchanges have nothing of the kind in their way.
 */
import type { Duplex } from 'node:stream';
import type { Dispatcher } from 'undici';
import type { MaybePromise } from '../core/maybe-promise.ts';
import type { UpstreamToken } from '../core/upstream-token.ts';
import { demandsNonce, readNonce } from './dpop-nonce.ts';
import { type AnswerTaker, HeldAnswer } from './held-answer.ts';
import type { ParsedHeaders } from './response-head.ts';
import type { Target } from './target.ts';
import type { TokenUse } from './token-use.ts';

type Controller = Dispatcher.DispatchController;

/** The exchange that an attempt belongs to. */
export interface AttemptOwner extends AnswerTaker {
  onResponseStarted(): void;
  onRequestUpgrade?(controller: Controller, status: number, headers: ParsedHeaders, socket: Duplex): void;
  /** Whether it may be sent twice. */
  readonly repeatable: boolean;
  /** Milliseconds that a renewal may take. */
  readonly patience: number;
  /** Sends the same request to the same target, with this token from now on; not when nobody waits any longer. */
  sendAgain(target: Target, token: UpstreamToken): void;
}

/** Bytes and milliseconds that the rest of an answer nobody gets may take before its connection is given up. */
const discardLimit = 65_536;
const discardTime = 1_000;

export class TokenAttempt implements Dispatcher.DispatchHandler {
  readonly #owner: AttemptOwner;
  readonly #use: TokenUse;
  readonly #target: Target;
  #held: HeldAnswer | null = null;
  #discarding = false;
  #discarded = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(owner: AttemptOwner, use: TokenUse, target: Target) {
    this.#owner = owner;
    this.#use = use;
    this.#target = target;
  }

  onRequestStart(controller: Controller): void {
    this.#owner.onRequestStart(controller);
  }

  onResponseStarted(): void {
    this.#owner.onResponseStarted();
  }

  onRequestUpgrade(controller: Controller, status: number, headers: ParsedHeaders, socket: Duplex): void {
    this.#learnNonce(headers);
    this.#owner.onRequestUpgrade?.(controller, status, headers, socket);
  }

  onResponseStart(controller: Controller, status: number, headers: ParsedHeaders): void {
    this.#learnNonce(headers);
    if (status === 401 && this.#owner.repeatable) {
      if (this.#use.token.prove !== null && demandsNonce(headers)) {
        if (this.#answerNonce(controller)) return;
      } else if (this.#renewFirst(controller, headers)) return;
    }
    this.#owner.onResponseStart(controller, status, headers);
  }

  /** The nonce that came last is the one to use next (RFC 9449 section 8.2). */
  #learnNonce(headers: ParsedHeaders): void {
    if (this.#use.token.prove !== null) this.#target.nonce = readNonce(headers) ?? this.#target.nonce;
  }

  #answerNonce(controller: Controller): boolean {
    if (this.#use.nonceTried) return false;
    this.#use.nonceTried = true;
    this.#discard(controller, false);
    this.#owner.sendAgain(this.#target, this.#use.token);
    return true;
  }

  #renewFirst(controller: Controller, headers: ParsedHeaders): boolean {
    const { token, renewalTried } = this.#use;
    if (renewalTried || token.renew === null) return false;
    this.#use.renewalTried = true;
    this.#held = new HeldAnswer(controller, 401, headers);
    void this.#renew(controller, this.#held, token.renew);
    return true;
  }

  /** Without another token the client gets the answer that there is. */
  async #renew(controller: Controller, held: HeldAnswer, renew: Renew): Promise<void> {
    const next = await obtained(renew, this.#owner.patience);
    // It broke off meanwhile, or was broken off: that is what the client was told.
    if (this.#held !== held) return;
    this.#held = null;
    if (next === null) {
      held.release(this.#owner);
    } else {
      this.#discard(controller, held.isWhole);
      this.#owner.sendAgain(this.#target, next);
    }
  }

  /** Reads the rest, so that the connection serves again, unless that takes more than a new connection would. */
  #discard(controller: Controller, isWhole: boolean): void {
    this.#discarding = true;
    if (isWhole) return;
    this.#timer = setTimeout(() => controller.abort(discardedAnswer), discardTime).unref();
    controller.resume();
  }

  onResponseData(controller: Controller, chunk: Buffer): void {
    if (this.#discarding) {
      this.#discarded += chunk.length;
      if (this.#discarded > discardLimit) controller.abort(discardedAnswer);
    } else if (this.#held !== null) this.#held.addData(chunk);
    else this.#owner.onResponseData(controller, chunk);
  }

  onResponseEnd(controller: Controller, trailers: ParsedHeaders): void {
    if (this.#discarding) this.#stopTimer();
    else if (this.#held !== null) this.#held.addEnd(trailers);
    else this.#owner.onResponseEnd(controller, trailers);
  }

  /** Never throws: undici would make it an uncaught error. */
  onResponseError(controller: Controller, error: Error): void {
    this.#held = null;
    if (this.#discarding) this.#stopTimer();
    else this.#owner.onResponseError(controller, error);
  }

  #stopTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
  }
}

type Renew = () => MaybePromise<UpstreamToken | null>;

/** That no other token could be had is told where it was asked for; to the client the 401 says enough. */
async function obtained(renew: Renew, patience: number): Promise<UpstreamToken | null> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<null>((resolve) => {
    timer = setTimeout(resolve, patience, null).unref();
  });
  try {
    return await Promise.race([renew(), tooLate]);
  } catch {
    return null;
  } finally {
    clearTimeout(timer);
  }
}

/** One object: its stack would tell nothing. */
const discardedAnswer = new Error('an answer that nobody gets');
