/** Answers to messages that never became a request head: one page, one event, and the connection closed. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Respond } from '../core/decision.ts';
import { noCookies } from '../core/decision.ts';
import type { Connection } from './connection.ts';
import { answerFailure } from './failures.ts';
import { type RefusalWord, refusals } from './refusals.ts';
import { answerHeaders, formatRawAnswer } from './write-response.ts';

/** Refuses in the order of the answers before it; nothing behind it on the connection is looked at. */
export function refuseRequest(
  connection: Connection,
  message: { readonly request: IncomingMessage; readonly response: ServerResponse },
  word: RefusalWord,
): void {
  const { request, response } = message;
  const id = connection.door.nextId();
  const answer = answerFailure(connection.door, null, refusals[word]);
  connection.closing = true;
  response.shouldKeepAlive = false;
  response.writeHead(answer.status, answerHeaders(answer, id));
  response.end(answer.body);
  emitRefused(connection, { id, request, answer, word });
}

/** Refuses a message that came as a raw connection. */
export function refuseUpgrade(connection: Connection, request: IncomingMessage, word: RefusalWord): void {
  const { socket, door } = connection;
  const id = door.nextId();
  const answer = answerFailure(door, null, refusals[word]);
  connection.closing = true;
  socket.on('error', () => socket.destroy());
  socket.end(formatRawAnswer(answer, id, new Date(door.deps.clock.now())), () => socket.destroy());
  emitRefused(connection, { id, request, answer, word });
}

/** `OPTIONS *` asks about the server itself (RFC 9110 section 9.3.7). */
export function answerOptions(
  connection: Connection,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const id = connection.door.nextId();
  const answer: Respond = {
    kind: 'respond',
    status: 204,
    headers: ['allow', 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'],
    body: '',
    setCookies: noCookies,
    reason: 'options',
    route: null,
    session: null,
    caller: null,
  };
  const { 'content-length': length, 'transfer-encoding': coding } = request.headers;
  if (length !== undefined || coding !== undefined) {
    // A body that nobody reads is a body that nobody watches: it could come for hours (DL-003).
    connection.closing = true;
    response.shouldKeepAlive = false;
  }
  response.writeHead(answer.status, answerHeaders(answer, id));
  response.end();
  emitRefused(connection, { id, request, answer, word: null });
}

interface Refused {
  readonly id: string;
  readonly request: IncomingMessage;
  readonly answer: Respond;
  readonly word: RefusalWord | null;
}

function emitRefused(connection: Connection, { id, request, answer, word }: Refused): void {
  connection.door.deps.emit('request.finished', {
    requestId: id,
    method: request.method ?? '-',
    path: null,
    route: null,
    decision: word ?? answer.reason,
    status: answer.status,
    session: null,
    caller: null,
    client: connection.peer.address,
    durationMs: 0,
    upstreamMs: null,
    bytesIn: 0,
    bytesOut: Buffer.byteLength(answer.body),
    error: word === null ? null : refusals[word].code,
    aborted: false,
  });
}
