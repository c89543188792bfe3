/**
 * The one place where failures of Redis are translated: by the first word of an error reply, by the class of the
 * library's error, by the code of the system's. What a server says beyond its first word may quote a key and goes nowhere.
 */
import { SallyportError } from '../../core/errors.ts';
import { clientLibrary } from './client-library.ts';
import type { Endpoint } from './redis-url.ts';

interface Translation {
  /** A stable word. */
  readonly detail: string;
  /** What happened and what to do, after the name of the server. */
  readonly message: string;
}

const authentication: Translation = {
  detail: 'authentication',
  message: 'refuses who asks: check `username` and `password`',
};
const readOnly: Translation = {
  detail: 'read-only',
  message: 'is a replica: the master is looked for again',
};
const moving: Translation = {
  detail: 'cluster-down',
  message: 'cannot serve this key now: the cluster is not whole',
};
const loading: Translation = { detail: 'loading', message: 'is still reading its data' };

const byReply: Readonly<Record<string, Translation>> = {
  NOAUTH: authentication,
  WRONGPASS: authentication,
  NOPERM: {
    detail: 'permission',
    message: 'does not let the user do this: give it the commands and the keys that the documentation names',
  },
  READONLY: readOnly,
  UNBLOCKED: readOnly,
  LOADING: loading,
  MASTERDOWN: loading,
  BUSY: { detail: 'busy', message: 'runs a script of somebody else that does not end' },
  // No word of eviction: with the tags it would take away what logouts find sessions by.
  OOM: { detail: 'full', message: 'is full: raise `maxmemory` of Redis' },
  MISCONF: { detail: 'disk', message: 'cannot write to its disk' },
  NOREPLICAS: { detail: 'no-replicas', message: 'has too few replicas to accept writes' },
  CLUSTERDOWN: moving,
  TRYAGAIN: moving,
  MOVED: moving,
  ASK: moving,
};

const closed: Translation = { detail: 'closed', message: 'closed the connection' };
const unreachable: Translation = {
  detail: 'unreachable',
  message: 'cannot be reached: check address and network',
};
const noName: Translation = { detail: 'name-not-found', message: 'has a name that cannot be resolved' };
const noSocket: Translation = {
  detail: 'refused',
  message: 'does not listen: is it running, is the address right',
};
const tls: Translation = {
  detail: 'tls',
  message: 'cannot be trusted, or does not trust us: check `tls` and the certificates',
};

const bySystemCode: Readonly<Record<string, Translation>> = {
  ECONNREFUSED: noSocket,
  ENOENT: noSocket,
  EACCES: { detail: 'permission', message: 'has a socket that this user may not open' },
  ECONNRESET: closed,
  EPIPE: closed,
  ETIMEDOUT: unreachable,
  EHOSTUNREACH: unreachable,
  ENETUNREACH: unreachable,
  EADDRNOTAVAIL: unreachable,
  ENOTFOUND: noName,
  EAI_AGAIN: noName,
};

/** Found by ourselves. */
const own = {
  timeout: { detail: 'timeout', message: 'did not answer in time' },
  'connect-timeout': { detail: 'connect-timeout', message: 'did not let us in in time' },
  overloaded: { detail: 'overloaded', message: 'owes too many answers' },
  closed: { detail: 'closed', message: 'is not connected' },
  'no-master': { detail: 'no-master', message: 'is not known to have a master' },
  'not-a-master': readOnly,
  unexpected: { detail: 'unexpected', message: 'answered with something else than what was asked' },
} as const satisfies Record<string, Translation>;

/** `ERR_STORE_UNAVAILABLE` for what a server or the library told. */
export function redisUnavailable(error: unknown, endpoint?: Endpoint): SallyportError {
  if (error instanceof SallyportError) return error;
  return unavailable(translate(error), endpoint);
}

/** `ERR_STORE_UNAVAILABLE` for what we found ourselves. */
export function redisFailure(what: keyof typeof own, endpoint?: Endpoint): SallyportError {
  return unavailable(own[what], endpoint);
}

/** First word of an error reply: `MOVED`, `NOSCRIPT`; null for everything else. */
export function replyCode(error: unknown): string | null {
  if (!(error instanceof clientLibrary().ErrorReply)) return null;
  return /^([A-Z]+)(?= |$)/.exec(error.message)?.[1] ?? 'ERR';
}

/** Where `MOVED 3999 10.0.0.1:6379` and `ASK …` send us; null for everything else. */
export function redirection(error: unknown): { readonly kind: 'MOVED' | 'ASK'; readonly to: string } | null {
  if (!(error instanceof clientLibrary().ErrorReply)) return null;
  const match = /^(MOVED|ASK) \d{1,5} (\S{1,300})$/.exec(error.message);
  return match === null ? null : { kind: match[1] as 'MOVED' | 'ASK', to: match[2] as string };
}

function unavailable({ detail, message }: Translation, endpoint: Endpoint | undefined): SallyportError {
  const where =
    endpoint === undefined || 'path' in endpoint ? 'Redis' : `Redis at ${endpoint.host}:${endpoint.port}`;
  return new SallyportError('ERR_STORE_UNAVAILABLE', `${where} ${message}`, { detail, retryAfter: 2 });
}

function translate(error: unknown): Translation {
  const reply = replyCode(error);
  if (reply !== null) return byReply[reply] ?? unknownReply(reply);
  if (error instanceof clientLibrary().ConnectionTimeoutError) return own['connect-timeout'];
  if (isClosed(error)) return closed;
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
  return bySystemCode[code] ?? (isTls(code) ? tls : { detail: 'failed', message: `failed (${code})` });
}

function isClosed(error: unknown): boolean {
  const library = clientLibrary();
  return [
    library.ClientClosedError,
    library.ClientOfflineError,
    library.DisconnectsClientError,
    library.SocketClosedUnexpectedlyError,
  ].some((known) => error instanceof known);
}

/** OpenSSL's own codes, and those with which Node reports why a certificate was not accepted. */
function isTls(code: string): boolean {
  return /^(?:ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|EPROTO$|HOSTNAME_MISMATCH$)/.test(
    code,
  );
}

function unknownReply(code: string): Translation {
  return {
    detail: 'refused-command',
    message: `refuses a command (${code}): Redis 6.2 or later, or Valkey, is needed`,
  };
}
