/**
 * Operational failures: one table from which the error page, the problem+json (RFC 9457) and the reference page are
 * made. Refusals are values and not here; bugs throw plain errors and become `ERR_INTERNAL` at the door.
 */

export interface ErrorDefinition {
  /** HTTP status of the answer. */
  readonly status: number;
  /** Short and for everybody. */
  readonly title: string;
  /** For the operator: what it means and what to do. Goes to the reference page, never to a client. */
  readonly help: string;
}

export const errorTable = {
  ERR_INTERNAL: {
    status: 500,
    title: 'Something went wrong',
    help: 'A bug. The log line with the same request id has the stack; please report it.',
  },
  ERR_BAD_REQUEST: {
    status: 400,
    title: 'The request cannot be understood',
    help: 'The request is malformed or ambiguous and was refused before it was matched to a route.',
  },
  ERR_BODY_TOO_LARGE: {
    status: 413,
    title: 'The request is too large',
    help: 'The body is over the limit of the listener or the route (`listen.limits.body`, `bodyLimit`).',
  },
  ERR_BODY_UNSUPPORTED: {
    status: 415,
    title: 'The form of the request is not supported',
    help: 'Own endpoints take `application/x-www-form-urlencoded` only.',
  },
  ERR_REQUEST_TIMEOUT: {
    status: 408,
    title: 'The request took too long to arrive',
    help: 'The client did not finish its request within `listen.timeouts`.',
  },
  ERR_MISDIRECTED: {
    status: 421,
    title: 'This address is not served here',
    help: 'The `Host` header names neither the host of `publicUrl` nor one of `listen.hosts`.',
  },
  ERR_URI_TOO_LONG: {
    status: 414,
    title: 'The address is too long',
    help: 'The request target is over `listen.limits.url`.',
  },
  ERR_HEAD_TOO_LARGE: {
    status: 431,
    title: 'The request carries too much: clear the cookies of this site and try again',
    help: 'The request head is over `listen.limits.head` or `listen.limits.headers`; most often too many cookies.',
  },
  ERR_METHOD_REFUSED: {
    status: 405,
    title: 'The method is not allowed',
    help: 'TRACE, TRACK and CONNECT are never carried.',
  },
  ERR_EXPECTATION: {
    status: 417,
    title: 'The expectation cannot be met',
    help: 'The `Expect` header asks for something other than `100-continue`.',
  },
  ERR_TRANSFER_CODING: {
    status: 501,
    title: 'The transfer coding is not supported',
    help: 'Only the single transfer coding `chunked` is accepted.',
  },
  ERR_HTTP_VERSION: {
    status: 505,
    title: 'The version of HTTP is not supported',
    help: 'The listener speaks HTTP/1.1 and HTTP/1.0.',
  },
  ERR_STORE_UNAVAILABLE: {
    status: 503,
    title: 'Sessions are not available right now',
    help: 'The session store did not answer. Sessions are kept; look at the store and at the disk.',
  },
  ERR_KEYS_UNAVAILABLE: {
    status: 503,
    title: 'Sessions are not available right now',
    help: 'The key that seals sessions cannot be read or made at start; the message names the file and what to do.',
  },
  ERR_PROVIDER_UNAVAILABLE: {
    status: 503,
    title: 'Sign-in is not available right now',
    help: 'The OpenID provider did not answer, or answered with a server error. Sessions with a live token go on.',
  },
  ERR_PROVIDER_METADATA: {
    status: 503,
    title: 'Sign-in is not available right now',
    help: 'The metadata of the provider was refused; the log says which member and why.',
  },
  ERR_PROVIDER_CLIENT: {
    status: 503,
    title: 'Sign-in is not set up correctly',
    help: 'The provider refused the gate itself (`invalid_client`, `unauthorized_client`): check `clientId`, `clientSecret`, `clientKey` and `clientCertificate`.',
  },
  ERR_LOGIN_DENIED: {
    status: 403,
    title: 'You were not signed in',
    help: 'The provider answered `access_denied` or a similar error to the authorization request.',
  },
  ERR_LOGIN_FAILED: {
    status: 400,
    title: 'Signing in did not work',
    help: 'The answer of the provider did not pass the checks; the audit event names the check. `session-too-large`: claims and tokens do not fit into the cookies of `session.store: cookie`; ask the provider for fewer scopes and claims, or keep sessions in a store.',
  },
  ERR_LOGIN_EXPIRED: {
    status: 400,
    title: 'This sign-in is no longer valid',
    help: 'The callback came twice, late, from another browser, or the browser did not send its login cookie.',
  },
  ERR_LOGIN_LOOP: {
    status: 400,
    title: 'Signing in goes round in circles',
    help: 'Three sign-ins in a row did not lead to a session: the browser drops the cookie, or the store loses sessions. Check `publicUrl`, https and `session.cookie`.',
  },
  ERR_SESSION_ENDED: {
    status: 401,
    title: 'You are signed out',
    help: 'The session ended while the request was under way (logout, a limit, an operator), so the request ended with it. An answer that had begun was broken off.',
  },
  ERR_LOGOUT_TOKEN: {
    status: 400,
    title: 'The logout was refused',
    help: 'A logout that the provider sent did not pass the checks; the audit event names the check. No session was ended.',
  },
  ERR_CLIENT_CERTIFICATE: {
    status: 400,
    title: 'The client certificate cannot be understood',
    help: 'The header in which a trusted proxy hands on the certificate of the client came twice, or holds no certificate.',
  },
  ERR_API_KEYS_BUSY: {
    status: 503,
    title: 'The service is busy, please try again',
    help: 'More API keys wait to be checked for the first time than the process takes on. It remembers each; repeat the request after `Retry-After`.',
  },
  ERR_UPSTREAM_TOKEN_DENIED: {
    status: 403,
    title: 'You may not use this application',
    help: 'The provider refused to issue a token for the application (`invalid_grant`, `invalid_target`, `invalid_scope`, `access_denied`). The request was not sent.',
  },
  ERR_UPSTREAM_TOKEN: {
    status: 502,
    title: 'The application cannot be called right now',
    help: 'The provider gave no usable answer to the request for a token for the application (`upstreamToken`); the log names the check. The request was not sent.',
  },
  ERR_UPSTREAM_UNREACHABLE: {
    status: 502,
    title: 'The application cannot be reached',
    help: 'No connection to a target of the cluster: refused, name not found, TLS not valid, or closed before an answer.',
  },
  ERR_UPSTREAM_INVALID: {
    status: 502,
    title: 'The application gave an invalid answer',
    help: 'The answer of the target was not valid HTTP, or larger than the limits of a response head.',
  },
  ERR_UPSTREAM_TIMEOUT: {
    status: 504,
    title: 'The application did not answer in time',
    help: 'No response head within the `timeouts` of the cluster.',
  },
  ERR_UPSTREAM_OVERLOADED: {
    status: 503,
    title: 'The application is busy',
    help: 'All connections of the cluster are in use and its queue is full (`connections`, `queue`).',
  },
  ERR_UPSTREAM_LOOP: {
    status: 508,
    title: 'The request goes round in circles',
    help: 'The request came through this gate several times (`Via`): a target of the cluster leads back to it.',
  },
  ERR_DRAINING: {
    status: 503,
    title: 'The gate is restarting',
    help: 'The request came while the process was shutting down.',
  },
} as const satisfies Record<string, ErrorDefinition>;

export type ErrorCode = keyof typeof errorTable;

/** A failure in operation with a stable code. The message is for the log and must hold no secret. */
export class SallyportError extends Error {
  override readonly name = 'SallyportError';
  readonly code: ErrorCode;
  /** What exactly failed, as a stable word for the audit log (`nonce-mismatch`); null when the code says it all. */
  readonly detail: string | null;
  /** Seconds for `Retry-After`, or null. */
  readonly retryAfter: number | null;

  constructor(
    code: ErrorCode,
    message: string,
    options: { detail?: string; retryAfter?: number; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.detail = options.detail ?? null;
    this.retryAfter = options.retryAfter ?? null;
  }

  get status(): number {
    return errorTable[this.code].status;
  }
}

/** The failure to answer with: the error itself, or `ERR_INTERNAL` around anything that is not operational. */
export function toSallyportError(error: unknown): SallyportError {
  if (error instanceof SallyportError) return error;
  return new SallyportError('ERR_INTERNAL', 'unexpected error', { cause: error });
}
