/** One listener for HTTP/1.1, plain or over TLS: from its sockets to the exchanges of the door. */
import { createServer, type IncomingMessage, type ServerOptions, ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Server as NetServer, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { Connection, type Connections } from './connection.ts';
import type { Door } from './door.ts';
import { DoorRequest } from './door-request.ts';
import { HttpExchange } from './http-exchange.ts';
import type { ListenConfig } from './listen-config.ts';
import { readMessage } from './message.ts';
import type { RefusalWord } from './refusals.ts';
import { answerOptions, refuseRequest, refuseUpgrade } from './refuse.ts';
import type { TlsListenConfig } from './tls-config.ts';
import { readHandshake, tlsOptions } from './tls-options.ts';
import { isUpgrade, SocketExchange } from './upgrade.ts';

/** What the servers of `node:http` and `node:https` have in common. */
export interface HttpListener extends NetServer {
  readonly isTls: boolean;
  closeIdleConnections(): void;
  closeAllConnections(): void;
}

/** A response that knows its exchange, so that no closure per request is needed to find it. */
class DoorResponse extends ServerResponse<DoorRequest> {
  exchange: HttpExchange | null = null;
}

/** Without `tls`, plain http. */
export function createHttpListener(door: Door, tls?: TlsListenConfig): HttpListener {
  const connections: Connections = new WeakMap();
  const connectionOf = (request: IncomingMessage) => connections.get(request.socket) as Connection;
  const options = serverOptions(door.config, (request) => isUpgrade(request, connectionOf(request)));
  const server: HttpListener =
    tls === undefined
      ? Object.assign(createServer(options), { isTls: false })
      : Object.assign(createTlsServer({ ...options, ...tlsOptions(tls) }), { isTls: true });
  if (tls === undefined) {
    server.on('connection', (socket: Socket) => connections.set(socket, new Connection(door, socket)));
  } else {
    server.on('secureConnection', (socket: TLSSocket) => {
      const handshake = readHandshake(tls, socket);
      const connection = new Connection(door, socket, handshake ?? undefined);
      connections.set(socket, connection);
      if (handshake !== null) return;
      // A request that came in one piece with the end of the handshake is parsed all the same.
      connection.closing = true;
      socket.destroy();
    });
  }
  serveRequests(server, connectionOf);
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    const connection = connections.get(socket);
    if (connection === undefined || !socket.writable || error.code === 'ECONNRESET') socket.destroy();
    else connection.refuseBytes(refusalOf(error));
  });
  return server;
}

function serverOptions(
  { limits, timeouts }: ListenConfig,
  shouldUpgrade: (request: IncomingMessage) => boolean,
) {
  return {
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
    shouldUpgradeCallback: shouldUpgrade,
  } satisfies ServerOptions<typeof DoorRequest, typeof DoorResponse>;
}

function serveRequests(server: HttpListener, connectionOf: (request: IncomingMessage) => Connection): void {
  const onRequest = (request: IncomingMessage, response: DoorResponse) =>
    receive(connectionOf(request), request, response);
  server.on('request', onRequest);
  server.on('checkContinue', onRequest);
  server.on('checkExpectation', onRequest);
  server.on('upgrade', (request: IncomingMessage, _socket: Duplex, firstBytes: Buffer) =>
    receiveUpgrade(connectionOf(request), request, firstBytes),
  );
  server.on('connect', (request: IncomingMessage) => {
    if (!request.socket.destroyed) refuseUpgrade(connectionOf(request), request, 'method-refused');
  });
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
