/** A plain `node:http` server in place of the doors: makes a request head of what came and lets the carrier carry it. */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { systemClock } from '../../src/core/clock.ts';
import type { Forward } from '../../src/core/decision.ts';
import type { SallyportError } from '../../src/core/errors.ts';
import type { Emit, EventName, Events } from '../../src/core/events.ts';
import type { RequestHead } from '../../src/core/request-head.ts';
import type { Session, SessionEndReason } from '../../src/core/session.ts';
import { discardRest } from '../../src/doors/discard-rest.ts';
import type { Carried, Carrier, Exchange, Outcome } from '../../src/upstreams/carrier.ts';
import { clusterSchema } from '../../src/upstreams/cluster-config.ts';
import { type CarrierDeps, createCarrier } from '../../src/upstreams/create-carrier.ts';
import { createRoute } from './heads.ts';

export interface CarrierDoorOptions {
  readonly targets: readonly string[];
  /** The rest of the cluster, as a person writes it. */
  readonly cluster?: Readonly<Record<string, unknown>>;
  readonly deps?: Partial<CarrierDeps>;
  /** What was decided about a request; by default a public route without a session. */
  readonly forward?: (head: RequestHead) => Partial<Forward>;
  /** Milliseconds that deciding takes; at once when absent. */
  readonly decideAfter?: number;
}

export interface CarrierDoor {
  readonly port: number;
  readonly url: string;
  readonly server: Server;
  readonly carrier: Carrier;
  /** What was handed over, in order. */
  readonly carried: readonly Carried[];
  /** How exchanges ended, in order. */
  readonly outcomes: readonly Outcome[];
  readonly failures: readonly SallyportError[];
  readonly events: readonly { readonly name: EventName; readonly event: Events[EventName] }[];
  /** Requests that came in. */
  received(): number;
  /** Sessions that are held now. */
  held(): number;
  /** Ends every held session. */
  endSessions(reason?: SessionEndReason): void;
  close(): Promise<void>;
}

/** A session of alice with these claims. */
export function createSession(claims: Record<string, unknown> = {}): Session {
  return {
    key: 'key',
    logId: 'log-id',
    identity: {
      provider: 'main',
      issuer: 'https://login.test',
      subject: 'alice',
      claims: Object.assign(Object.create(null), { sub: 'alice' }, claims),
    },
    tokens: {
      accessToken: 'access-token-of-alice',
      accessTokenExpiresAt: Number.MAX_SAFE_INTEGER,
      refreshToken: null,
      idToken: 'id-token-of-alice',
      scope: 'openid',
    },
    createdAt: 0,
    lastSeenAt: 0,
    expiresAt: Number.MAX_SAFE_INTEGER,
    absoluteExpiresAt: Number.MAX_SAFE_INTEGER,
  };
}

export async function createCarrierDoor(options: CarrierDoorOptions): Promise<CarrierDoor> {
  let received = 0;
  const carried: Carried[] = [];
  const outcomes: Outcome[] = [];
  const failures: SallyportError[] = [];
  const events: { name: EventName; event: Events[EventName] }[] = [];
  const holds = new Set<(reason: SessionEndReason) => void>();
  const emit: Emit = (name, event) => void events.push({ name, event });
  const cluster = clusterSchema.parse({ targets: options.targets, ...options.cluster });
  const carrier = createCarrier(
    { app: cluster },
    {
      publicUrl: new URL('https://app.test'),
      isOwnCookie: (name) => /^(?:__host-)?sallyport(?:[.-].*)?$/i.test(name),
      identityHeaders: ['x-user', 'x-email', 'x-groups'],
      hold(_session, onEnd) {
        holds.add(onEnd);
        return () => holds.delete(onEnd);
      },
      bodyLimit: 1024 ** 3,
      emit,
      clock: systemClock,
      ...options.deps,
    },
  );
  const forwardOf = (head: RequestHead): Forward => ({
    kind: 'forward',
    route: createRoute({ path: '/**', access: 'public' }),
    params: {},
    session: null,
    caller: null,
    upstreamToken: null,
    setCookies: [],
    ...options.forward?.(head),
  });

  const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    const head = headOf(request, null);
    const exchange: Exchange = {
      head,
      request,
      response,
      fail(error) {
        failures.push(error);
        response.writeHead(error.status, { 'content-type': 'text/plain' });
        response.end(error.code);
        discard(request);
      },
      finish(outcome) {
        outcomes.push(outcome);
        discard(request);
      },
    };
    received += 1;
    const carry = () => void carried.push(carrier.carry(exchange, forwardOf(head)));
    if (options.decideAfter === undefined) carry();
    else setTimeout(carry, options.decideAfter);
  });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, firstBytes: Buffer) => {
    const head = headOf(request, (request.headers.upgrade ?? '').toLowerCase());
    const upgrading = carrier.carryUpgrade(
      {
        head,
        request,
        socket,
        firstBytes,
        fail(error) {
          failures.push(error);
          socket.end(`HTTP/1.1 ${error.status} Failed\r\nConnection: close\r\n\r\n`);
        },
        finish: (outcome) => void outcomes.push(outcome),
      },
      forwardOf(head),
    );
    carried.push(upgrading);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    server,
    carrier,
    carried,
    outcomes,
    failures,
    events,
    received: () => received,
    held: () => holds.size,
    endSessions(reason = 'logout') {
      for (const onEnd of [...holds]) onEnd(reason);
    },
    async close() {
      server.closeAllConnections();
      await carrier.close(0);
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function discard(request: IncomingMessage): void {
  if (request.complete || request.destroyed) return;
  discardRest(request, (isAtEnd) => {
    if (!isAtEnd) request.destroy();
  });
}

function headOf(request: IncomingMessage, upgrade: string | null): RequestHead {
  const target = request.url as string;
  const mark = target.indexOf('?');
  const headers = request.rawHeaders.map((text, index) => (index % 2 === 0 ? text.toLowerCase() : text));
  return {
    id: 'request-id-1',
    method: request.method as string,
    url: {
      path: mark === -1 ? target : target.slice(0, mark),
      search: mark === -1 ? '' : target.slice(mark),
    },
    host: request.headers.host ?? '',
    headers,
    client: { address: '192.0.2.7', scheme: 'https', certificateThumbprint: null },
    upgrade,
  };
}
