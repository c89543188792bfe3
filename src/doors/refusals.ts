/**
 * Every way in which the listener refuses a message before anything is decided. Made once: under attack a refusal must
 * not cost more than a request. The word (`detail`) is what the access log and the metrics show.
 */
import { type ErrorCode, SallyportError } from '../core/errors.ts';

const codes = {
  'target-form': 'ERR_BAD_REQUEST',
  'target-character': 'ERR_BAD_REQUEST',
  'target-encoding': 'ERR_BAD_REQUEST',
  'target-double-encoding': 'ERR_BAD_REQUEST',
  'target-path-parameter': 'ERR_BAD_REQUEST',
  'target-too-long': 'ERR_URI_TOO_LONG',
  'host-missing': 'ERR_BAD_REQUEST',
  'host-invalid': 'ERR_BAD_REQUEST',
  'host-unknown': 'ERR_MISDIRECTED',
  'server-name': 'ERR_MISDIRECTED',
  'client-certificate': 'ERR_CLIENT_CERTIFICATE',
  'header-repeated': 'ERR_BAD_REQUEST',
  'header-count': 'ERR_HEAD_TOO_LARGE',
  'head-too-large': 'ERR_HEAD_TOO_LARGE',
  'head-timeout': 'ERR_REQUEST_TIMEOUT',
  'body-timeout': 'ERR_REQUEST_TIMEOUT',
  'body-too-large': 'ERR_BODY_TOO_LARGE',
  'chunk-extension': 'ERR_BODY_TOO_LARGE',
  'length-invalid': 'ERR_BAD_REQUEST',
  'framing-ambiguous': 'ERR_BAD_REQUEST',
  'transfer-coding': 'ERR_TRANSFER_CODING',
  'http-version': 'ERR_HTTP_VERSION',
  'method-refused': 'ERR_METHOD_REFUSED',
  expectation: 'ERR_EXPECTATION',
  'upgrade-invalid': 'ERR_BAD_REQUEST',
  'too-many-pipelined': 'ERR_BAD_REQUEST',
  malformed: 'ERR_BAD_REQUEST',
  draining: 'ERR_DRAINING',
} as const satisfies Record<string, ErrorCode>;

export type RefusalWord = keyof typeof codes;

export const refusals = Object.freeze(
  Object.fromEntries(
    Object.entries(codes).map(([word, code]) => [
      word,
      new SallyportError(code, `the listener refused the request: ${word}`, { detail: word }),
    ]),
  ),
) as Readonly<Record<RefusalWord, SallyportError>>;
