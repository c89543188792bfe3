/**
 * The door of the public listener: `node:http` with what its defaults leave open closed. Every message is checked, made
 * into one canonical head, decided, and answered or handed to the carrier; what is refused is never looked at again.
 */
import { createServer, type IncomingMessage, type Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { systemRandom } from '../core/clock.ts';
import type { HostPort } from '../core/scalars.ts';
import { ActiveExchanges } from './active-exchanges.ts';
import { createHostCheck } from './allowed-hosts.ts';
import { createClientAddress } from './client-address.ts';
import { Connection, type Connections } from './connection.ts';
import type { Door, ServerDoorDeps } from './door.ts';
import { DoorRequest } from './door-request.ts';
import { drain } from './drain.ts';
import { HttpExchange } from './http-exchange.ts';
import { compileNetworks, type ListenConfig } from './listen-config.ts';
import { explainListenError } from './listen-error.ts';
import { readMessage } from './message.ts';
import type { RefusalWord } from './refusals.ts';
import { answerOptions, refuseRequest, refuseUpgrade } from './refuse.ts';
import { createRequestIds } from './request-ids.ts';
import { sweep } from './sweeper.ts';
import { isUpgrade, SocketExchange } from './upgrade.ts';

export interface ServerDoor {
  /** Resolves once connections are accepted; rejects with a message for the operator. */
  listen(): Promise<{ readonly host: string; readonly port: number }>;
  /** Stops accepting and finishes what runs; true when all was finished within `timeouts.drain`. */
  close(): Promise<boolean>;
  inFlight(): number;
}

/** Milliseconds; with the age at which exchanges are tied to their sessions it makes less than two seconds. */
const sweepEvery = 500;

/** A response that knows its exchange, so that no closure per request is needed to find it. */
class DoorResponse extends ServerResponse<DoorRequest> {
  exchange: HttpExchange | null = null;
}

export function createServerDoor(config: ListenConfig, deps: ServerDoorDeps): ServerDoor {
  const door = createDoor(config, deps);
  const connections: Connections = new WeakMap();
  const server = createHttpServer(door, connections);
  const interval = Math.min(
    sweepEvery,
    Math.max(20, Math.min(config.timeouts.body, config.timeouts.stall) / 4),
  );
  let sweeper: NodeJS.Timeout | null = null;
  let closed: Promise<boolean> | null = null;
  return {
    async listen() {
      await listenOn(server, { ...config.address, reusePort: deps.reusePort === true });
      let before = deps.clock.monotonic();
      sweeper = setInterval(() => {
        const now = deps.clock.monotonic();
        sweep(door, now - before);
        before = now;
      }, interval).unref();
      const { address, port } = server.address() as AddressInfo;
      return { host: address, port };
    },
    close() {
      closed ??= drain(door, server).finally(() => clearInterval(sweeper ?? undefined));
      return closed;
    },
    inFlight: () => door.active.size,
  };
}

function createDoor(config: ListenConfig, deps: ServerDoorDeps): Door {
  return {
    config,
    deps,
    framingRules: {
      checkHost: createHostCheck(deps.publicUrl, config.hosts),
      headers: config.limits.headers,
      url: config.limits.url,
    },
    clientAddress: createClientAddress(compileNetworks(config.trustedProxies)),
    nextId: deps.requestIds ?? createRequestIds(systemRandom),
    active: new ActiveExchanges(),
    draining: false,
  };
}

function createHttpServer(
  door: Door,
  connections: Connections,
): Server<typeof DoorRequest, typeof DoorResponse> {
  const { limits, timeouts } = door.config;
  const connectionOf = (request: IncomingMessage) => connections.get(request.socket) as Connection;
  const server = createServer({
    IncomingMessage: DoorRequest,
    ServerResponse: DoorResponse,
    // Said although it is the default: with it nearly every message of the smuggling catalogue is accepted (HP-040).
    insecureHTTPParser: false,
    maxHeaderSize: limits.head,
    requireHostHeader: false,
    // A request without a body needs no stream: nothing reads it, and the end of the response tells of its end.
    optimizeEmptyRequests: true,
    headersTimeout: timeouts.head,
    // An upload may take hours: its pauses and its pace are watched instead.
    requestTimeout: 0,
    keepAliveTimeout: timeouts.keepAlive,
    connectionsCheckingInterval: Math.min(1000, Math.max(20, timeouts.head / 4)),
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: 60_000,
    shouldUpgradeCallback: (request) => isUpgrade(request, connectionOf(request)),
  });
  server.maxConnections = limits.connections;
  server.on('connection', (socket) => connections.set(socket, new Connection(door, socket)));
  const onRequest = (request: IncomingMessage, response: DoorResponse) =>
    receive(connectionOf(request), request, response);
  server.on('request', onRequest);
  server.on('checkContinue', onRequest);
  server.on('checkExpectation', onRequest);
  server.on('upgrade', (request, _socket, firstBytes) =>
    receiveUpgrade(connectionOf(request), request, firstBytes),
  );
  server.on('connect', (request: IncomingMessage) =>
    refuseUpgrade(connectionOf(request), request, 'method-refused'),
  );
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const connection = connections.get(socket);
    if (connection === undefined || !socket.writable || error.code === 'ECONNRESET') socket.destroy();
    else connection.refuseBytes(refusalOf(error));
  });
  return server;
}

/** Why the parser gave up. */
function refusalOf(error: NodeJS.ErrnoException): RefusalWord {
  if (error.code === 'HPE_HEADER_OVERFLOW') return 'head-too-large';
  if (error.code === 'HPE_CHUNK_EXTENSIONS_OVERFLOW') return 'chunk-extension';
  return error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 'head-timeout' : 'malformed';
}

function receive(connection: Connection, request: IncomingMessage, response: DoorResponse): void {
  // Behind a refused message nobody knows where the next one begins.
  if (connection.closing) return;
  const { limits } = connection.door.config;
  connection.requests += 1;
  const message = readMessage(connection, request, false);
  if (message === 'options') {
    answerOptions(connection, request, response);
  } else if (typeof message === 'string') {
    refuseRequest(connection, { request, response }, message);
  } else if (connection.exchanges.length >= limits.pipelined) {
    refuseRequest(connection, { request, response }, 'too-many-pipelined');
  } else {
    const exchange = new HttpExchange(connection, message.head, {
      request,
      response,
      framing: message.framing,
    });
    response.exchange = exchange;
    if (message.isLast || connection.requests >= limits.requestsPerConnection) exchange.closeAfter();
    response.on('finish', onResponseFinish);
    // What came with the head in one piece is parsed first: a body that is malformed from the start must not be
    // announced to anybody, and a small one is there when an early answer is made. (Ticks run between two chunks.)
    if (exchange.hasBody) setImmediate(startExchange, exchange);
    else exchange.start();
  }
}

function onResponseFinish(this: DoorResponse): void {
  this.exchange?.written();
}

function startExchange(exchange: HttpExchange): void {
  exchange.start();
}

function receiveUpgrade(connection: Connection, request: IncomingMessage, firstBytes: Buffer): void {
  connection.closing = true;
  const message = readMessage(connection, request, true);
  if (typeof message === 'string') {
    refuseUpgrade(connection, request, message === 'options' ? 'target-form' : message);
    return;
  }
  new SocketExchange(connection, message.head, { request, firstBytes }).start();
}

function listenOn(
  server: Server<typeof DoorRequest, typeof DoorResponse>,
  address: HostPort & { readonly reusePort: boolean },
) {
  return new Promise<void>((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException) => reject(new Error(explainListenError(error, address)));
    server.once('error', onError);
    server.listen(address, () => {
      server.off('error', onError);
      // A connection that could not be accepted (out of file descriptors) is no reason to stop (DL-040).
      server.on('error', () => {});
      resolve();
    });
  });
}

export type { ServerDoorDeps } from './door.ts';
