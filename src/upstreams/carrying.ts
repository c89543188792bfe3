/**
 * One request on its way: what undici calls while it sends the request and receives the answer. A class, because the
 * hot path makes one for every request: methods on a prototype, no closures but one.
 */
import type { Dispatcher } from 'undici';
import type { Forward } from '../core/decision.ts';
import { SallyportError } from '../core/errors.ts';
import type { UpstreamToken } from '../core/upstream-token.ts';
import { Answer } from './answer.ts';
import type { Carried, Exchange } from './carrier.ts';
import type { CarrierContext } from './carrier-context.ts';
import type { Cluster } from './cluster.ts';
import { interimProblem } from './interim-answers.ts';
import { RequestBody } from './request-body.ts';
import type { ParsedHeaders } from './response-head.ts';
import { sessionEnded, tieToSession } from './session-tie.ts';
import type { Target } from './target.ts';
import { type AttemptOwner, TokenAttempt } from './token-attempt.ts';
import { isRepeatable, replaceToken, type TokenUse } from './token-use.ts';
import { failureCause, isStaleConnection, type Stage, toUpstreamFailure } from './upstream-failure.ts';

/** What to send, the same for every attempt. */
export interface Outgoing {
  readonly method: string;
  readonly headers: string[];
  readonly body: RequestBody | Buffer | null;
  /** Null when there is nothing to do for the token but to send it. */
  readonly use: TokenUse | null;
}

export class Carrying implements Carried, AttemptOwner {
  readonly #context: CarrierContext;
  readonly #exchange: Exchange;
  readonly #forward: Forward;
  readonly #cluster: Cluster;
  readonly #startedAt: number;
  readonly #onClose: () => void;
  readonly #answer: Answer;
  #target: Target | null = null;
  #outgoing: Outgoing | null = null;
  #controller: Dispatcher.DispatchController | null = null;
  #stage: Stage = 'connecting';
  #attempts = 0;
  /** Handed to undici and not begun: it cannot be taken back, so it counts although nobody waits for it any longer. */
  #queued = false;
  #queueTimer: NodeJS.Timeout | null = null;
  #totalTimer: NodeJS.Timeout | null = null;
  /** Set while it is tied to its session, and to the process. */
  #letGo: (() => void) | null = null;
  #forget: (() => void) | null = null;
  #interim = 0;
  #upstreamMs: number | null = null;
  #bytesIn = 0;
  #settled = false;
  #error: SallyportError | null = null;

  constructor(context: CarrierContext, exchange: Exchange, forward: Forward, cluster: Cluster) {
    this.#context = context;
    this.#exchange = exchange;
    this.#forward = forward;
    this.#cluster = cluster;
    this.#startedAt = context.clock.monotonic();
    this.#onClose = () => this.#closed();
    this.#answer = new Answer(exchange.response);
    context.began();
    exchange.response.on('close', this.#onClose);
    const { total } = cluster.config.timeouts;
    if (total !== null) {
      this.#totalTimer = setTimeout(() => this.#giveUp('ERR_UPSTREAM_TIMEOUT', 'total'), total).unref();
    }
    // An answer that comes after a logout must not bring the session's cookie back (LO-049).
    if (forward.setCookies.length > 0) this.tie();
    // The client may have left while it was being decided: its `close` will not come again.
    if (exchange.response.destroyed) this.#closed();
  }

  tie(): void {
    const { session } = this.#forward;
    if (session === null || this.#letGo !== null || this.#settled) return;
    this.#letGo = tieToSession(this.#context, session, () => this.#fail(sessionEnded));
  }

  /** Sends the request to a target of the cluster. */
  send(outgoing: Outgoing): void {
    if (this.#settled) return;
    this.#outgoing = outgoing;
    if (outgoing.body instanceof Buffer) this.#bytesIn = outgoing.body.length;
    this.#sendTo(this.#cluster.pick(this.#exchange.head, null), false);
  }

  /** Ends the exchange without having sent anything. */
  refuse(error: SallyportError): void {
    this.#fail(error);
  }

  #sendTo(target: Target | null, fresh: boolean): void {
    if (target === null) {
      this.#fail(new SallyportError('ERR_UPSTREAM_OVERLOADED', 'every target is full', { retryAfter: 1 }));
      return;
    }
    const outgoing = this.#outgoing as Outgoing;
    const pool = fresh ? target.fresh() : target.pool;
    this.#target = target;
    this.#stage = 'connecting';
    this.#queued = true;
    this.#attempts += 1;
    target.active += 1;
    if (target.active > this.#cluster.config.connections) this.#waitInQueue();
    const options = this.#optionsFor(outgoing, target);
    if (options === null) return;
    pool.dispatch(options, outgoing.use === null ? this : new TokenAttempt(this, outgoing.use, target));
  }

  #optionsFor(outgoing: Outgoing, target: Target): Dispatcher.DispatchOptions | null {
    try {
      return this.#context.dispatchOptions(outgoing, target, this.#exchange.head, this.#cluster);
    } catch (error) {
      this.#queued = false;
      this.#fail(toUpstreamFailure(error, 'connecting'));
      return null;
    }
  }

  get repeatable(): boolean {
    const outgoing = this.#outgoing;
    return outgoing !== null && outgoing.body === null && isRepeatable(outgoing.method);
  }

  get patience(): number {
    return this.#cluster.config.timeouts.responseHead;
  }

  sendAgain(target: Target, token: UpstreamToken): void {
    const outgoing = this.#outgoing;
    if (outgoing === null || outgoing.use === null || this.#settled) return;
    replaceToken(outgoing.headers, outgoing.use, token);
    this.#leaveTarget();
    // What was answered is over: a connection that turns out to be dead is a new case.
    this.#attempts = 0;
    this.#sendTo(target, false);
  }

  #waitInQueue(): void {
    this.#queueTimer = setTimeout(() => {
      if (this.#stage === 'connecting') this.#giveUp('ERR_UPSTREAM_OVERLOADED', 'queue');
    }, this.#cluster.config.timeouts.queue).unref();
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#queued = false;
    if (this.#settled) {
      // Throwing takes the request out before a byte is written; aborting would cost the connection.
      this.#leaveTarget();
      throw leftBehind;
    }
    if (this.#queueTimer !== null) clearTimeout(this.#queueTimer);
    this.#controller = controller;
    this.#stage = 'sent';
  }

  onResponseStarted(): void {
    this.#stage = 'answering';
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: ParsedHeaders): void {
    if (this.#settled) return;
    if (status >= 100 && status < 200) {
      this.#countInterim(controller);
      return;
    }
    this.#upstreamMs = this.#elapsed();
    if (status < 200 || status > 599) {
      controller.abort(
        new SallyportError('ERR_UPSTREAM_INVALID', 'the status is none', { detail: 'status' }),
      );
      return;
    }
    this.#writeHead(status, headers);
  }

  #countInterim(controller: Dispatcher.DispatchController): void {
    this.#interim += 1;
    const { responseHead } = this.#cluster.config.timeouts;
    const problem = interimProblem(this.#interim, this.#elapsed(), responseHead);
    if (problem !== null) controller.abort(problem);
  }

  #writeHead(status: number, headers: ParsedHeaders): void {
    const { request, head } = this.#exchange;
    const framing = this.#answer.frame(head.method, status, headers, request.httpVersionMinor);
    this.#answer.begin(status, this.#context.buildResponseHead(headers, this.#forward, head, framing));
    if (isEventStream(headers)) this.#holdStream();
  }

  /** An event stream ends with the session and with the process, though neither side would end it. */
  #holdStream(): void {
    this.#forget = this.#context.longLived(() => this.#breakOff(null));
    this.tie();
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.#settled && !this.#answer.ended) this.#answer.write(controller, chunk);
  }

  onResponseEnd(_controller: Dispatcher.DispatchController, trailers: ParsedHeaders): void {
    if (!this.#settled && !this.#answer.ended) this.#answer.end(trailers);
  }

  /** Never throws: undici would make it an uncaught error. */
  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    this.#queued = false;
    if (this.#settled) this.#leaveTarget();
    if (this.#settled || this.#answer.ended) return;
    if (!this.#answer.begun && this.#tryAgain(error)) return;
    this.#fail(toUpstreamFailure(error, this.#stage), failureCause(error));
  }

  /** Another attempt, when it is certain or harmless that this one was not executed. */
  #tryAgain(error: Error): boolean {
    const outgoing = this.#outgoing;
    const target = this.#target;
    if (outgoing === null || target === null) return false;
    if (this.#stage === 'connecting' && toUpstreamFailure(error, 'connecting').status >= 502) {
      this.#cluster.rest(target);
      if (outgoing.body instanceof RequestBody || this.#attempts >= this.#cluster.targets.length)
        return false;
      const next = this.#cluster.pick(this.#exchange.head, target);
      if (next === null) return false;
      this.#leaveTarget();
      this.#sendTo(next, false);
      return true;
    }
    const repeatable = (outgoing.method === 'GET' || outgoing.method === 'HEAD') && outgoing.body === null;
    if (!repeatable || this.#attempts > 1 || !isStaleConnection(error, this.#stage)) return false;
    this.#leaveTarget();
    this.#sendTo(target, true);
    return true;
  }

  #giveUp(code: 'ERR_UPSTREAM_TIMEOUT' | 'ERR_UPSTREAM_OVERLOADED', detail: string): void {
    this.#fail(new SallyportError(code, 'the time is over', { detail }), detail);
  }

  #fail(error: SallyportError, cause: string = failureCause(error)): void {
    if (this.#settled) return;
    if (error.status >= 500)
      this.#context.failed(this.#exchange.head.id, this.#cluster.name, { code: error.code, cause });
    if (this.#answer.begun) {
      this.#breakOff(error);
      return;
    }
    const upstreamMs = this.#upstreamMs;
    this.#settle();
    this.#exchange.response.off('close', this.#onClose);
    this.#exchange.fail(error, upstreamMs);
  }

  /** What has begun cannot be finished: a clean end would pass for the whole (HP-090). */
  #breakOff(error: SallyportError | null): void {
    this.#error = error;
    this.#exchange.response.destroy();
    this.#closed();
  }

  /** The response is over: sent to its end, broken off by us, or left by the client. */
  #closed(): void {
    if (this.#settled) return;
    const aborted = !this.#exchange.response.writableFinished;
    this.#settle();
    this.#exchange.response.off('close', this.#onClose);
    this.#exchange.finish({
      // 499: the client left before there was an answer.
      status: this.#answer.status === 0 ? 499 : this.#answer.status,
      upstreamMs: this.#upstreamMs,
      bytesIn: this.#bytesIn,
      bytesOut: this.#answer.bytes,
      error: this.#error,
      aborted,
    });
  }

  #settle(): void {
    this.#settled = true;
    if (this.#queueTimer !== null) clearTimeout(this.#queueTimer);
    if (this.#totalTimer !== null) clearTimeout(this.#totalTimer);
    this.#letGo?.();
    this.#forget?.();
    if (!this.#queued) this.#leaveTarget();
    const body = this.#outgoing?.body;
    if (body instanceof RequestBody) {
      this.#bytesIn = body.bytes;
      if (!body.readableEnded) body.destroy();
    }
    if (!this.#answer.ended) this.#controller?.abort(leftBehind);
    this.#context.ended();
  }

  #leaveTarget(): void {
    if (this.#queueTimer !== null) clearTimeout(this.#queueTimer);
    if (this.#target === null) return;
    this.#target.active -= 1;
    this.#target = null;
  }

  #elapsed(): number {
    return this.#context.clock.monotonic() - this.#startedAt;
  }
}

/** Why an exchange was ended that nobody waits for any longer. One object: its stack would tell nothing. */
const leftBehind = new Error('the client left');

function isEventStream(headers: ParsedHeaders): boolean {
  const type = headers['content-type'];
  return typeof type === 'string' && /^text\/event-stream\b/i.test(type);
}
