/** The client's half of the WebSocket handshake (RFC 6455 section 4.1), checked on the application's answer. */
import { createHash } from 'node:crypto';
import { type HeaderList, headerValue, headerValues } from '../core/headers.ts';
import type { ParsedHeaders } from './response-head.ts';

const guid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/**
 * Why a 101 is not the answer to this request, as a stable word, or null when it is (HP-106): a switch to a protocol
 * that was not asked for would tunnel bytes that nobody agreed on.
 */
export function handshakeProblem(
  request: HeaderList,
  protocol: string,
  response: ParsedHeaders,
): string | null {
  if (!sameToken(response.upgrade, protocol)) return 'upgrade';
  if (!tokens(response.connection).includes('upgrade')) return 'connection';
  if (protocol !== 'websocket') return null;
  if (response['sec-websocket-accept'] !== acceptFor(headerValue(request, 'sec-websocket-key') ?? '')) {
    return 'accept';
  }
  const chosen = response['sec-websocket-protocol'];
  if (chosen !== undefined && !offered(request, 'sec-websocket-protocol', chosen, false))
    return 'subprotocol';
  const extensions = response['sec-websocket-extensions'];
  if (extensions !== undefined && !offered(request, 'sec-websocket-extensions', extensions, true)) {
    return 'extension';
  }
  return null;
}

export function acceptFor(key: string): string {
  return createHash('sha1')
    .update(key.trim() + guid)
    .digest('base64');
}

type FieldValue = string | readonly string[] | undefined;

function sameToken(value: FieldValue, token: string): boolean {
  return typeof value === 'string' && value.trim().toLowerCase() === token.toLowerCase();
}

function tokens(value: FieldValue): readonly string[] {
  if (value === undefined) return [];
  const text = typeof value === 'string' ? value : value.join(',');
  return text
    .toLowerCase()
    .split(',')
    .map((token) => token.trim());
}

/** One subprotocol, or any number of extensions, each of them among what the client sent. */
function offered(request: HeaderList, name: string, chosen: FieldValue, many: boolean): boolean {
  const names = (text: string) => text.split(',').map((part) => (part.split(';')[0] as string).trim());
  const ours = names(headerValues(request, name).join(','));
  const theirs = names(typeof chosen === 'string' ? chosen : (chosen ?? []).join(','));
  return (many || theirs.length === 1) && theirs.every((one) => one !== '' && ours.includes(one));
}
