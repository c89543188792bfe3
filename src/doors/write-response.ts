/** An answer of the gate's own as header lines: what is added to every one, once. */
import { STATUS_CODES } from 'node:http';
import type { Respond } from '../core/decision.ts';

/** Whether a status has no content at all (RFC 9110 section 6.4.1), so that it has no length either. */
function isBodyless(status: number): boolean {
  return status === 204 || status === 304 || status < 200;
}

/** Flat list for `writeHead`: the answer's own fields, each cookie on its own line, id and length. */
export function answerHeaders(answer: Respond, requestId: string): string[] {
  const headers = [...answer.headers, 'x-request-id', requestId];
  for (const cookie of answer.setCookies) headers.push('set-cookie', cookie);
  if (!isBodyless(answer.status)) headers.push('content-length', String(Buffer.byteLength(answer.body)));
  return headers;
}

/** The whole answer as bytes, for a socket that has no response object; it is the last on its connection. */
export function formatRawAnswer(answer: Respond, requestId: string, date: Date): Buffer {
  const lines = [`HTTP/1.1 ${answer.status} ${STATUS_CODES[answer.status] ?? ''}`];
  const headers = answerHeaders(answer, requestId);
  for (let i = 0; i < headers.length; i += 2) lines.push(`${headers[i]}: ${headers[i + 1]}`);
  lines.push(`date: ${date.toUTCString()}`, 'connection: close');
  const body = isBodyless(answer.status) ? '' : answer.body;
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), Buffer.from(body)]);
}
