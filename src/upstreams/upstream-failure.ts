/**
 * The one place where failures of undici, of sockets and of TLS become ours: by code and by how far the exchange had
 * come, never by text (texts hold addresses and change).
 */
import { type ErrorCode, SallyportError } from '../core/errors.ts';

/** How far an exchange had come when it failed. */
export type Stage = 'connecting' | 'sent' | 'answering';

/** Failures that were caused by the request itself: undici refuses to send it. */
const badRequest: ReadonlySet<string> = new Set([
  'UND_ERR_INVALID_ARG',
  'UND_ERR_NOT_SUPPORTED',
  'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH',
]);

const timeouts: ReadonlySet<string> = new Set([
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
]);

const invalid: ReadonlySet<string> = new Set([
  'UND_ERR_HEADERS_OVERFLOW',
  'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
  'UND_ERR_RES_EXCEEDED_MAX_SIZE',
  // Status 099 trips an assertion of undici; a field or status that `writeHead` refuses was not HTTP either.
  'ERR_ASSERTION',
  'ERR_INVALID_CHAR',
  'ERR_INVALID_HTTP_TOKEN',
  'ERR_HTTP_INVALID_HEADER_VALUE',
  'ERR_HTTP_INVALID_STATUS_CODE',
  'ERR_HTTP_TRAILER_INVALID',
]);

const closing: ReadonlySet<string> = new Set(['UND_ERR_DESTROYED', 'UND_ERR_CLOSED']);

export function toUpstreamFailure(error: unknown, stage: Stage): SallyportError {
  if (error instanceof SallyportError) return error;
  const code = codeFor(failureCause(error), stage);
  return new SallyportError(code, 'the request could not be carried', { cause: error });
}

function codeFor(cause: string, stage: Stage): ErrorCode {
  if (badRequest.has(cause)) return 'ERR_BAD_REQUEST';
  if (timeouts.has(cause)) return 'ERR_UPSTREAM_TIMEOUT';
  if (invalid.has(cause) || cause.startsWith('HPE_')) return 'ERR_UPSTREAM_INVALID';
  if (closing.has(cause)) return 'ERR_DRAINING';
  if (!/^[A-Z]/.test(cause) || cause === 'NO_CODE') return 'ERR_INTERNAL';
  // What is left are codes of sockets, of name lookup and of TLS.
  return stage === 'answering' ? 'ERR_UPSTREAM_INVALID' : 'ERR_UPSTREAM_UNREACHABLE';
}

/** The library's code for the log: bounded, and never an address. */
export function failureCause(error: unknown): string {
  if (error instanceof SallyportError) return error.detail ?? error.code;
  const { code, name } = (error ?? {}) as { code?: unknown; name?: unknown };
  // The one error of undici that may come without a code: its parser could not read the answer.
  if (code === undefined && name === 'HTTPParserError') return 'HPE_INVALID';
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]{0,63}$/.test(code) ? code : 'NO_CODE';
}

/**
 * Whether the same request may be sent again: nothing of an answer had come, and the connection ended as one does that
 * the application closed just as it was used again (HP-096).
 */
export function isStaleConnection(error: unknown, stage: Stage): boolean {
  if (stage !== 'sent') return false;
  const cause = failureCause(error);
  return cause === 'UND_ERR_SOCKET' || cause === 'ECONNRESET' || cause === 'EPIPE';
}
