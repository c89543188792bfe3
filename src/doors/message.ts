/** From what Node parsed to the head that is decided on. */
import type { IncomingMessage } from 'node:http';
import type { RequestHead } from '../core/request-head.ts';
import { parseCanonicalUrl } from './canonical-url.ts';
import type { Connection } from './connection.ts';
import { type Framing, readFraming } from './framing.ts';
import type { RefusalWord } from './refusals.ts';

export interface Message {
  readonly head: RequestHead;
  readonly framing: Framing;
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
  const url = parseCanonicalUrl(request.url as string);
  if (typeof url === 'string') return url;
  const upgrade = isUpgrade ? framing.upgrade : checkPlain(connection, request, framing);
  if (upgrade === 'invalid') return 'upgrade-invalid';
  if (upgrade !== null) (framing.headers as string[]).push('upgrade', upgrade);
  const head: RequestHead = {
    id: door.nextId(),
    method: request.method as string,
    url,
    host: framing.host,
    headers: framing.headers,
    client: connection.trusted
      ? door.clientAddress.behind(connection.peer.address, framing.forwardedFor, framing.forwardedProto)
      : connection.peer,
    upgrade,
  };
  return { head, framing };
}

/**
 * A plain request has no protocol to change to. One that asks for a protocol we know, but with another method or a
 * body, would be an upgrade to some servers and none to others (HP-103).
 */
function checkPlain(connection: Connection, request: IncomingMessage, framing: Framing): 'invalid' | null {
  const protocols: readonly string[] = connection.door.config.upgrades;
  if (framing.upgrade === null || !protocols.includes(framing.upgrade)) return null;
  const asksForIt = /(?:^|,)[ \t]*upgrade[ \t]*(?:,|$)/i.test(request.headers.connection ?? '');
  const isUsual = request.method === 'GET' && !framing.chunked && framing.contentLength === null;
  return asksForIt && !isUsual ? 'invalid' : null;
}
