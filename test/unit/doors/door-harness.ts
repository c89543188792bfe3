/** A server door in front of a carrier that records instead of carrying: what got past the door, and what did not. */
import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { systemClock } from '../../../src/core/clock.ts';
import type { Decision, Forward, Respond } from '../../../src/core/decision.ts';
import { errorTable } from '../../../src/core/errors.ts';
import type { Events } from '../../../src/core/events.ts';
import type { Route } from '../../../src/core/route.ts';
import { listenSchema } from '../../../src/doors/listen-config.ts';
import { createServerDoor, type ServerDoor, type ServerDoorDeps } from '../../../src/doors/server.ts';
import type { Carrier, Exchange, UpgradeExchange } from '../../../src/upstreams/carrier.ts';
import { createRoute } from '../../support/heads.ts';
import { type RawResult, type RawSendOptions, rawSend } from '../../support/raw.ts';

export const route: Route = createRoute({ path: '/**', name: 'all', access: 'public' });

export const forward: Forward = {
  kind: 'forward',
  route,
  params: {},
  session: null,
  caller: null,
  upstreamToken: null,
  setCookies: [],
};

export function respond(status: number, more: Partial<Respond> = {}): Respond {
  return {
    kind: 'respond',
    status,
    headers: ['content-type', 'text/plain'],
    body: `status ${status}\n`,
    setCookies: [],
    reason: 'test',
    route: null,
    session: null,
    caller: null,
    ...more,
  };
}

export interface Carried {
  readonly exchange: Exchange | UpgradeExchange;
  readonly forward: Forward;
  readonly method: string;
  readonly target: string;
  body: string;
}

type Finished = Events['request.finished'];

export interface Harness {
  readonly door: ServerDoor;
  /** Of plain http; 0 without it. */
  readonly port: number;
  /** Of the TLS listener; 0 without it. */
  readonly tlsPort: number;
  /** Heads that were decided on, as `METHOD target`. */
  readonly decided: string[];
  /** What was handed to the carrier, in order. */
  readonly carried: Carried[];
  readonly finished: Finished[];
  readonly events: { readonly name: string; readonly event: unknown }[];
  send(bytes: string, options?: RawSendOptions): Promise<RawResult>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface HarnessOptions {
  readonly listen?: object;
  readonly publicUrl?: string;
  readonly decide?: ServerDoorDeps['decide'];
  /** Instead of reading the body and answering 200 with it. */
  readonly carry?: (exchange: Exchange, forward: Forward) => void;
  readonly carryUpgrade?: (exchange: UpgradeExchange, forward: Forward) => void;
  readonly closeCarrier?: () => Promise<void>;
  readonly failure?: ServerDoorDeps['failure'];
}

/** Starts a door for `http://app.test` on a free port. */
export async function startDoor(options: HarnessOptions = {}): Promise<Harness> {
  const decided: string[] = [];
  const carried: Carried[] = [];
  const events: { name: string; event: unknown }[] = [];
  const finished: Finished[] = [];
  const record = (exchange: Exchange | UpgradeExchange, decision: Forward): Carried => {
    const { head } = exchange;
    const entry: Carried = {
      exchange,
      forward: decision,
      method: head.method,
      target: head.url.path + head.url.search,
      body: '',
    };
    carried.push(entry);
    return entry;
  };
  const carrier: Carrier = {
    carry(exchange, decision) {
      const entry = record(exchange, decision);
      if (options.carry !== undefined) options.carry(exchange, decision);
      else readAndAnswer(exchange, entry);
      return { tie() {} };
    },
    carryUpgrade(exchange, decision) {
      record(exchange, decision);
      options.carryUpgrade?.(exchange, decision);
      return { tie() {} };
    },
    inFlight: () => 0,
    close: options.closeCarrier ?? (() => Promise.resolve()),
  };
  const door = createServerDoor(listenSchema.parse({ address: '127.0.0.1:0', ...options.listen }), {
    publicUrl: new URL(options.publicUrl ?? 'http://app.test'),
    decide(head, readBody): Decision | Promise<Decision> {
      decided.push(`${head.method} ${head.url.path}${head.url.search}`);
      return options.decide === undefined ? forward : options.decide(head, readBody);
    },
    failure:
      options.failure ??
      ((_head, error) => respond(error.status, { body: `${errorTable[error.code].title}\n` })),
    carrier,
    emit(name, event) {
      events.push({ name, event });
      if (name === 'request.finished') finished.push(event as Finished);
    },
    clock: systemClock,
  });
  const { address, tls } = await door.listen().catch(async (error: unknown) => {
    await door.close();
    throw error;
  });
  const port = address?.port ?? 0;
  return {
    door,
    port,
    tlsPort: tls?.port ?? 0,
    decided,
    carried,
    finished,
    events,
    send: (bytes, sendOptions) => rawSend(port, bytes, sendOptions),
    async [Symbol.asyncDispose]() {
      await door.close();
    },
  };
}

function readAndAnswer(exchange: Exchange, entry: Carried): void {
  const { request, response } = exchange;
  request.on('data', (chunk: Buffer) => {
    entry.body += chunk.toString('latin1');
  });
  request.on('error', () => undefined);
  onEndOrClose(request, (isComplete) => {
    const outcome = { upstreamMs: 1, bytesIn: entry.body.length, error: null };
    if (!isComplete) {
      exchange.finish({ ...outcome, status: 499, bytesOut: 0, aborted: true });
      return;
    }
    const body = `${entry.method} ${entry.target} [${entry.body}]`;
    response.writeHead(200, ['content-type', 'text/plain', 'content-length', String(body.length)]);
    response.end(body);
    exchange.finish({ ...outcome, status: 200, bytesOut: body.length, aborted: false });
  });
}

function onEndOrClose(request: IncomingMessage, done: (isComplete: boolean) => void): void {
  // A request without a body has no stream that could end.
  if (request.readableEnded) {
    done(true);
    return;
  }
  let isOver = false;
  const once = (isComplete: boolean) => {
    if (isOver) return;
    isOver = true;
    done(isComplete);
  };
  request.on('end', () => once(true));
  request.on('close', () => once(request.complete));
}

/** A request as lines: the first is the request line, the rest header fields. */
export function message(...lines: readonly string[]): string {
  return `${lines.join('\r\n')}\r\n\r\n`;
}

export const get = (target: string, ...headers: readonly string[]): string =>
  message(`GET ${target} HTTP/1.1`, 'Host: app.test', ...headers);

/** What no test may ever see behind the door. */
export const smuggled: string = get('/smuggled');

export interface RefusedCase {
  readonly id: string;
  readonly title: string;
  readonly bytes: string;
  /** Exactly this status; without it any 4xx, 501 or 505. */
  readonly status?: number;
}

/**
 * X400 of the catalogue: the message is answered with an error and the connection closed; neither the message nor what
 * follows it on the connection is decided or carried, and the next connection is served.
 */
export async function assertRefused(harness: Harness, { bytes, status }: RefusedCase): Promise<void> {
  const decidedBefore = harness.decided.length;
  const carriedBefore = harness.carried.length;
  const result = await harness.send(bytes + smuggled);
  assert.equal(result.closed, true, `the connection stays open: ${result.text}`);
  const [first, ...more] = result.responses;
  assert.ok(first !== undefined, 'no answer');
  assert.equal(more.length, 0, `answered more than once: ${result.text}`);
  assert.equal(first.header('connection'), 'close');
  if (status !== undefined) assert.equal(first.status, status);
  assert.ok((first.status >= 400 && first.status < 500) || [501, 505].includes(first.status), result.text);
  assert.deepEqual(harness.decided.slice(decidedBefore), []);
  assert.deepEqual(harness.carried.slice(carriedBefore), []);
  const next = await harness.send(get('/next'), { responses: 1 });
  assert.equal(next.responses[0]?.status, 200);
}
