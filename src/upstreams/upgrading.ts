/**
 * One upgrade on its way: the handshake with the application on a connection of its own, then a tunnel. An answer other
 * than 101 goes to the client as the ordinary response that it is.
 */
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Dispatcher } from 'undici';
import type { Forward } from '../core/decision.ts';
import { SallyportError } from '../core/errors.ts';
import type { UpstreamToken } from '../core/upstream-token.ts';
import type { Carried, Exchange, UpgradeExchange } from './carrier.ts';
import type { CarrierContext } from './carrier-context.ts';
import { Carrying, type Outgoing } from './carrying.ts';
import type { Cluster } from './cluster.ts';
import { formatSwitch } from './format-switch.ts';
import { interimProblem } from './interim-answers.ts';
import { createPlainResponse } from './plain-response.ts';
import type { ParsedHeaders } from './response-head.ts';
import { sessionEnded, tieToSession } from './session-tie.ts';
import type { Target } from './target.ts';
import { type AttemptOwner, TokenAttempt } from './token-attempt.ts';
import { isRepeatable, replaceToken } from './token-use.ts';
import { createTunnel, type Tunnel } from './tunnel.ts';
import { failureCause, type Stage, toUpstreamFailure } from './upstream-failure.ts';
import { handshakeProblem } from './websocket-handshake.ts';

export class Upgrading implements Carried, AttemptOwner {
  readonly #context: CarrierContext;
  readonly #exchange: UpgradeExchange;
  readonly #forward: Forward;
  readonly #cluster: Cluster;
  readonly #startedAt: number;
  readonly #onClose = () => this.#clientLeft();
  /** Who half-closes before the switch does not wait for one. */
  readonly #onEnd = () => this.#exchange.socket.destroy();
  #outgoing: Outgoing | null = null;
  #target: Target | null = null;
  #attempts = 0;
  #controller: Dispatcher.DispatchController | null = null;
  #stage: Stage = 'connecting';
  #queueTimer: NodeJS.Timeout | null = null;
  #interim = 0;
  #upstreamMs: number | null = null;
  /** The response that is carried instead, when the application did not switch. */
  #plain: Carrying | null = null;
  #tunnel: Tunnel | null = null;
  /** Set while it is tied to its session. */
  #letGo: (() => void) | null = null;
  /** The session ended, and with it the tunnel. */
  #ended = false;
  #settled = false;

  constructor(context: CarrierContext, exchange: UpgradeExchange, forward: Forward, cluster: Cluster) {
    this.#context = context;
    this.#exchange = exchange;
    this.#forward = forward;
    this.#cluster = cluster;
    this.#startedAt = context.clock.monotonic();
    context.began();
    // The HTTP server has let go of this socket: an error without a listener would end the process.
    exchange.socket.on('error', () => undefined);
    exchange.socket.on('close', this.#onClose).on('end', this.#onEnd);
    // An answer that comes after a logout must not bring the session's cookie back (LO-049).
    if (forward.setCookies.length > 0) this.tie();
    if (exchange.socket.destroyed) this.#clientLeft();
    else if (exchange.socket.readableEnded) this.#onEnd();
  }

  tie(): void {
    const { session } = this.#forward;
    if (this.#plain !== null) this.#plain.tie();
    else if (session !== null && this.#letGo === null && !this.#settled)
      this.#letGo = tieToSession(this.#context, session, () => this.#endWithSession());
  }

  #endWithSession(): void {
    if (this.#plain !== null) return;
    if (this.#tunnel === null) {
      this.#fail(sessionEnded);
      this.#controller?.abort(sessionEnded);
      return;
    }
    this.#ended = true;
    this.#tunnel.end(1008);
  }

  /** Asks the application to switch protocols. */
  send({ headers, use }: Pick<Outgoing, 'headers' | 'use'>): void {
    if (this.#settled) return;
    this.#outgoing = { method: this.#exchange.head.method, headers, body: null, use };
    this.#sendTo(this.#cluster.pick(this.#exchange.head, null));
  }

  #sendTo(target: Target | null): void {
    if (target === null) {
      this.#fail(new SallyportError('ERR_UPSTREAM_OVERLOADED', 'every target is full', { retryAfter: 1 }));
      return;
    }
    const outgoing = this.#outgoing as Outgoing;
    this.#target = target;
    this.#stage = 'connecting';
    this.#attempts += 1;
    this.#waitForConnection();
    const options = this.#optionsFor(outgoing, target);
    if (options === null) return;
    target
      .fresh()
      .dispatch(options, outgoing.use === null ? this : new TokenAttempt(this, outgoing.use, target));
  }

  #optionsFor(outgoing: Outgoing, target: Target): Dispatcher.DispatchOptions | null {
    try {
      return this.#context.dispatchOptions(outgoing, target, this.#exchange.head, this.#cluster);
    } catch (error) {
      this.#fail(toUpstreamFailure(error, 'connecting'));
      return null;
    }
  }

  get repeatable(): boolean {
    return isRepeatable(this.#exchange.head.method);
  }

  get patience(): number {
    return this.#cluster.config.timeouts.responseHead;
  }

  sendAgain(target: Target, token: UpstreamToken): void {
    const outgoing = this.#outgoing;
    if (outgoing === null || outgoing.use === null || this.#settled) return;
    replaceToken(outgoing.headers, outgoing.use, token);
    this.#attempts = 0;
    this.#sendTo(target);
  }

  refuse(error: SallyportError): void {
    this.#fail(error);
  }

  /** Handshakes that hang take up the connections that there are: those behind them do not wait for long either. */
  #waitForConnection(): void {
    const { queue, connect } = this.#cluster.config.timeouts;
    this.#stopWaiting();
    this.#queueTimer = setTimeout(() => {
      const detail = 'queue';
      this.#fail(new SallyportError('ERR_UPSTREAM_OVERLOADED', 'the time is over', { detail }), detail);
    }, queue + connect).unref();
  }

  #stopWaiting(): void {
    if (this.#queueTimer !== null) clearTimeout(this.#queueTimer);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // Throwing takes the request out before a byte is written.
    if (this.#settled) throw new Error('the client left');
    this.#stopWaiting();
    this.#controller = controller;
    this.#stage = 'sent';
  }

  onResponseStarted(): void {
    this.#stage = 'answering';
  }

  onRequestUpgrade(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: ParsedHeaders,
    upstream: Duplex,
  ): void {
    this.#upstreamMs = this.#elapsed();
    const { head } = this.#exchange;
    const problem = this.#settled ? 'left' : handshakeProblem(head.headers, head.upgrade ?? '', headers);
    if (problem === null && status === 101) {
      this.#switch(headers, upstream);
      return;
    }
    upstream.on('error', () => undefined);
    upstream.destroy();
    this.#fail(
      new SallyportError('ERR_UPSTREAM_INVALID', 'not the protocol that was asked for', {
        detail: `handshake-${problem ?? 'status'}`,
      }),
    );
  }

  #switch(headers: ParsedHeaders, upstream: Duplex): void {
    const { socket, firstBytes, head } = this.#exchange;
    const framing = { contentLength: false, trailers: false };
    const built = this.#context.buildResponseHead(headers, this.#forward, head, framing);
    built.push('connection', 'Upgrade', 'upgrade', head.upgrade as string);
    const bytes = formatSwitch(built);
    if (bytes === null) {
      upstream.destroy();
      this.#fail(new SallyportError('ERR_UPSTREAM_INVALID', 'a field is none', { detail: 'field' }));
      return;
    }
    // An open connection is always tied, however short it may be: nobody asks about it again.
    this.tie();
    this.#settle();
    socket.write(bytes);
    if (firstBytes.length > 0) upstream.write(firstBytes);
    this.#openTunnel(upstream);
  }

  #openTunnel(upstream: Duplex): void {
    const { head, socket, firstBytes } = this.#exchange;
    let forget: (() => void) | null = null;
    const tunnel = createTunnel({
      client: socket,
      upstream,
      websocket: head.upgrade === 'websocket',
      idleTimeout: this.#cluster.config.timeouts.upgraded,
      onClosed: (bytes) => {
        this.#letGo?.();
        forget?.();
        this.#finish(101, firstBytes.length + bytes.in, bytes.out, this.#ended ? sessionEnded : null);
      },
    });
    this.#tunnel = tunnel;
    forget = this.#context.longLived(() => tunnel.end(1001));
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: ParsedHeaders): void {
    if (this.#settled) return;
    if (this.#plain === null) {
      if (status < 200) {
        this.#countInterim(controller);
        return;
      }
      this.#plain = this.#carryInstead(controller);
    }
    this.#plain.onResponseStart(controller, status, headers);
  }

  #countInterim(controller: Dispatcher.DispatchController): void {
    this.#interim += 1;
    const { responseHead } = this.#cluster.config.timeouts;
    const problem = interimProblem(this.#interim, this.#elapsed(), responseHead);
    if (problem !== null) controller.abort(problem);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#plain?.onResponseData(controller, chunk);
  }

  onResponseEnd(controller: Dispatcher.DispatchController, trailers: ParsedHeaders): void {
    this.#plain?.onResponseEnd(controller, trailers);
  }

  /** Never throws: undici would make it an uncaught error. */
  onResponseError(controller: Dispatcher.DispatchController | null, error: Error): void {
    if (this.#plain !== null) this.#plain.onResponseError(controller, error);
    else if (!this.#settled && this.#stage === 'connecting' && this.#tryNext()) return;
    else this.#fail(toUpstreamFailure(error, this.#stage), failureCause(error));
  }

  /** Another target, when this one could not even be reached. */
  #tryNext(): boolean {
    const target = this.#target as Target;
    this.#cluster.rest(target);
    if (this.#attempts >= this.#cluster.targets.length) return false;
    const next = this.#cluster.pick(this.#exchange.head, target);
    if (next !== null) this.#sendTo(next);
    return next !== null;
  }

  /** The application answered instead of switching: 401, 404, 426 and the like reach the client as they are. */
  #carryInstead(controller: Dispatcher.DispatchController): Carrying {
    const { head, request, socket } = this.#exchange;
    socket.off('close', this.#onClose).off('end', this.#onEnd);
    const response = createPlainResponse(request, socket as Socket);
    const exchange: Exchange = {
      head,
      request,
      response,
      fail: (error, upstreamMs) => this.#exchange.fail(error, upstreamMs),
      finish: (outcome) => this.#exchange.finish(outcome),
    };
    const plain = new Carrying(this.#context, exchange, this.#forward, this.#cluster);
    plain.onRequestStart(controller);
    plain.onResponseStarted();
    if (this.#letGo !== null) {
      this.#letGo();
      plain.tie();
    }
    this.#context.ended();
    return plain;
  }

  #clientLeft(): void {
    if (this.#settled) return;
    this.#settle();
    this.#letGo?.();
    this.#controller?.abort(new Error('the client left'));
    this.#finish(499, 0, 0, null);
  }

  #settle(): void {
    this.#settled = true;
    // The tie is not let go of here: it passes over to the tunnel.
    this.#stopWaiting();
    this.#exchange.socket.off('close', this.#onClose).off('end', this.#onEnd);
  }

  #fail(error: SallyportError, cause: string = failureCause(error)): void {
    if (this.#settled) return;
    this.#settle();
    this.#letGo?.();
    if (error.status >= 500)
      this.#context.failed(this.#exchange.head.id, this.#cluster.name, { code: error.code, cause });
    this.#context.ended();
    this.#exchange.fail(error, this.#upstreamMs);
  }

  #finish(status: number, bytesIn: number, bytesOut: number, error: SallyportError | null): void {
    this.#context.ended();
    const aborted = status === 499 || error !== null;
    this.#exchange.finish({ status, upstreamMs: this.#upstreamMs, bytesIn, bytesOut, error, aborted });
  }

  #elapsed(): number {
    return this.#context.clock.monotonic() - this.#startedAt;
  }
}
