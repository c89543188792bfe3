/** From what Node parsed to the head that is decided on. */
import type { IncomingMessage } from 'node:http';
import type { Client, RequestHead } from '../core/request-head.ts';
import { parseCanonicalUrl } from './canonical-url.ts';
import type { Connection } from './connection.ts';
import { type Framing, readFraming } from './framing.ts';
import type { RefusalWord } from './refusals.ts';

export interface Message {
  readonly head: RequestHead;
  readonly framing: Framing;
  /** What follows it on the connection cannot be relied on: the connection ends with the answer. */
  readonly isLast: boolean;
}

/** The message, `options` for `OPTIONS *` (answered by the door itself), or why it is refused. */
export function readMessage(
  connection: Connection,
  request: IncomingMessage,
  isUpgrade: boolean,
): Message | 'options' | RefusalWord {
  const { door } = connection;
  const framing = readFraming(request, door.framingRules, connection.trusted);
  if (framing.refusal !== null) return framing.refusal;
  if (request.url === '*' && request.method === 'OPTIONS') return 'options';
  const { serverName } = connection;
  if (serverName !== null && hostName(framing.host) !== serverName) return 'server-name';
  const url = parseCanonicalUrl(request.url as string);
  if (typeof url === 'string') return url;
  const client = connection.trusted ? readClient(connection, framing) : connection.peer;
  if (client === null) return 'client-certificate';
  const declinesUpgrade = !isUpgrade && asksForUpgrade(request, framing);
  if (declinesUpgrade && isInvalidUpgrade(connection, request, framing)) return 'upgrade-invalid';
  const upgrade = isUpgrade ? framing.upgrade : null;
  if (upgrade !== null) (framing.headers as string[]).push('upgrade', upgrade);
  const head: RequestHead = {
    id: door.nextId(),
    method: request.method as string,
    url,
    host: framing.host,
    headers: framing.headers,
    client,
    upgrade,
  };
  // Node's parser loses what came in one piece with a declined upgrade. A client that expects 100 without having a
  // body is about to send something else (0.CL desync, HP-055).
  const isLast = declinesUpgrade || (framing.expectContinue && !framing.chunked && !framing.contentLength);
  return { head, framing, isLast };
}

/** Who is behind a trusted proxy; null when what it says of the certificate cannot be understood. */
function readClient({ door, peer }: Connection, framing: Framing): Client | null {
  const { forwardedFor, forwardedProto, clientCertificate } = framing;
  let certificateThumbprint: string | null = null;
  if (clientCertificate !== null) {
    certificateThumbprint = door.readCertificate(clientCertificate);
    if (certificateThumbprint === null) return null;
  }
  return door.clientAddress.behind(peer, { forwardedFor, forwardedProto, certificateThumbprint });
}

/** Without port and final dot. */
function hostName(host: string): string {
  return host.replace(/:\d+$/, '').replace(/\.$/, '');
}

function asksForUpgrade(request: IncomingMessage, framing: Framing): boolean {
  if (framing.upgrade === null) return false;
  return /(?:^|,)[ \t]*upgrade[ \t]*(?:,|$)/i.test(request.headers.connection ?? '');
}

/**
 * A request for a protocol we know, but with another method or a body, would be an upgrade to some servers and none to
 * others (HP-103). For other protocols it is only a request.
 */
function isInvalidUpgrade(connection: Connection, request: IncomingMessage, framing: Framing): boolean {
  const protocols: readonly string[] = connection.door.config.upgrades;
  if (!protocols.includes(framing.upgrade as string)) return false;
  return request.method !== 'GET' || framing.chunked || framing.contentLength !== null;
}
