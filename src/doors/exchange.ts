/**
 * From a request head to its end: decide, then answer or hand over, then tell once how it went. What differs between
 * a plain request and an upgrade is left to the two kinds of it.
 */
import type { IncomingMessage } from 'node:http';
import { describeCrash } from '../core/crash.ts';
import { type Decision, type Forward, noCookies, type Respond, type SetCookies } from '../core/decision.ts';
import { SallyportError, toSallyportError } from '../core/errors.ts';
import type { ReadBody, RequestHead } from '../core/request-head.ts';
import type { Carried, Outcome } from '../upstreams/carrier.ts';
import type { Connection } from './connection.ts';
import type { Door } from './door.ts';
import { answerFailure } from './failures.ts';

/** The client went away before there was an answer: known to logs as 499. */
const clientGone = 499;

export abstract class GateExchange {
  readonly door: Door;
  readonly connection: Connection;
  readonly head: RequestHead;
  readonly request: IncomingMessage;
  readonly startedAt: number;
  /** Set once the request is handed to the carrier, which then owns its end. */
  forward: Forward | null = null;
  /** What the carrier made of it. */
  carried: Carried | null = null;
  /** Why the door broke it off, if it did. */
  broken: SallyportError | null = null;
  /** Its place among those that run; -1 when it is not among them. */
  activeIndex = -1;
  /** Whether its end has been told. */
  settled = false;
  /** Whether its connection has nothing more to do with it. */
  released = false;
  /** For the sweeper: what had moved when it last looked, and how long it has not. */
  bytesRead = 0;
  bytesFlushed = 0;
  readStalledMs = 0;
  writeStalledMs = 0;
  receivingMs = 0;
  received = 0;

  constructor(connection: Connection, head: RequestHead, request: IncomingMessage) {
    this.door = connection.door;
    this.connection = connection;
    this.head = head;
    this.request = request;
    this.startedAt = this.door.deps.clock.monotonic();
    this.door.active.add(this);
    connection.exchanges.push(this);
  }

  /** Whether the gate waits for more of this request's body. */
  abstract get isReceiving(): boolean;
  protected abstract get readBody(): ReadBody;
  /** Null when it was answered instead. */
  protected abstract carry(forward: Forward): Carried | null;
  protected abstract write(answer: Respond): void;
  /** Ends the connection; says why if nothing of an answer has been written. */
  abstract breakOff(error: SallyportError): void;

  start(): void {
    if (this.released || this.broken !== null) return;
    try {
      const decision = this.door.deps.decide(this.head, this.readBody);
      if (decision instanceof Promise) {
        decision.then(
          (known) => this.proceed(known),
          (error) => this.failWith(error),
        );
      } else {
        this.proceed(decision);
      }
    } catch (error) {
      this.failWith(error);
    }
  }

  /** From the carrier: nothing of an answer has been written. */
  fail(error: SallyportError, upstreamMs: number | null): void {
    this.answer(answerFailure(this.door, this.head, error), error, upstreamMs);
  }

  /** From the carrier: it is over. */
  finish(outcome: Outcome): void {
    this.settle(outcome, 'forward', this.broken ?? outcome.error);
  }

  /** The connection is gone. */
  disconnected(): void {
    this.release();
    if (this.forward === null)
      this.settle(ownOutcome(this.broken?.status ?? clientGone, 0, true), 'aborted', this.broken);
  }

  /** The connection has nothing more to do with it. */
  release(): void {
    if (this.released) return;
    this.released = true;
    this.connection.release(this);
    if (this.settled) this.door.active.delete(this);
  }

  private proceed(decision: Decision): void {
    if (this.settled || this.released || this.broken !== null) return;
    try {
      if (decision.kind === 'respond') {
        this.answer(decision, null, null);
      } else {
        this.forward = decision;
        this.carried = this.carry(decision);
      }
    } catch (error) {
      this.failWith(error);
    }
  }

  protected failWith(thrown: unknown): void {
    if (this.settled || this.released || this.broken !== null) return;
    const error = toSallyportError(thrown);
    if (!(thrown instanceof SallyportError)) {
      this.door.deps.emit('request.crashed', { requestId: this.head.id, ...describeCrash(thrown) });
    }
    this.fail(error, null);
  }

  private answer(answer: Respond, error: SallyportError | null, upstreamMs: number | null): void {
    if (this.settled) return;
    const cookies = cookiesOf(this.forward, error);
    const whole =
      cookies.length === 0 ? answer : { ...answer, setCookies: [...cookies, ...answer.setCookies] };
    const outcome = ownOutcome(answer.status, Buffer.byteLength(answer.body), false);
    const reason = this.forward === null ? (error?.detail ?? answer.reason) : 'forward';
    this.write(whole);
    this.settle({ ...outcome, upstreamMs }, reason, error, answer);
  }

  private settle(outcome: Outcome, decision: string, error: SallyportError | null, answer?: Respond): void {
    if (this.settled) return;
    this.settled = true;
    // What carried it goes at once: kept until the exchange goes, it would outlive the collections of young objects.
    this.carried = null;
    if (this.released) this.door.active.delete(this);
    const { head, door } = this;
    const { route, session, caller } = this.forward ?? answer ?? nobody;
    door.deps.emit('request.finished', {
      requestId: head.id,
      method: head.method,
      path: head.url.path,
      route: route?.name ?? null,
      decision,
      status: this.broken?.status ?? outcome.status,
      session: session?.logId ?? null,
      caller: caller?.name ?? null,
      client: head.client.address,
      durationMs: door.deps.clock.monotonic() - this.startedAt,
      upstreamMs: outcome.upstreamMs,
      bytesIn: outcome.bytesIn,
      bytesOut: outcome.bytesOut,
      error: error?.code ?? null,
      aborted: outcome.aborted || this.broken !== null,
    });
  }
}

/** A session that was rotated on the way here must reach the browser whatever became of the request, unless it is over. */
function cookiesOf(forward: Forward | null, error: SallyportError | null): SetCookies {
  return forward === null || error?.code === 'ERR_SESSION_ENDED' ? noCookies : forward.setCookies;
}

function ownOutcome(status: number, bytesOut: number, aborted: boolean): Outcome {
  return { status, upstreamMs: null, bytesIn: 0, bytesOut, error: null, aborted };
}

const nobody = { route: null, session: null, caller: null } as const;
