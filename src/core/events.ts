/**
 * What happened, as typed facts in the past tense. Every step emits; `observe/` subscribes. No field ever holds a
 * token, a code, a cookie, a query or another secret. The reference page is made from `eventTable`.
 */
import type { ErrorCode } from './errors.ts';
import type { SessionEndReason } from './session.ts';

export interface Events {
  'request.finished': {
    readonly requestId: string;
    readonly method: string;
    /** Canonical path without the query; null when the request was refused before it had one. */
    readonly path: string | null;
    readonly route: string | null;
    /** `forward`, or the reason of the answer. Bounded. */
    readonly decision: string;
    readonly status: number;
    /** `Session.logId`, or null. */
    readonly session: string | null;
    /** `ApiCaller.name`, or null. */
    readonly caller: string | null;
    readonly client: string;
    readonly durationMs: number;
    /** Time until the response head of the application came; null when nothing was forwarded. */
    readonly upstreamMs: number | null;
    readonly bytesIn: number;
    readonly bytesOut: number;
    /** Set when an operational failure made the answer, or broke it off. */
    readonly error: ErrorCode | null;
    /** The client went away, or the connection was broken off, before the answer was complete. */
    readonly aborted: boolean;
  };
  'login.started': { readonly requestId: string; readonly provider: string };
  'login.succeeded': {
    readonly requestId: string;
    readonly provider: string;
    readonly subject: string;
    readonly session: string;
    readonly client: string;
  };
  'login.failed': {
    readonly requestId: string;
    readonly provider: string | null;
    readonly code: ErrorCode;
    /** Which check failed, as a stable word. */
    readonly detail: string | null;
    readonly client: string;
  };
  'session.refreshed': { readonly provider: string; readonly session: string; readonly durationMs: number };
  'session.refresh-failed': {
    readonly provider: string;
    readonly session: string;
    /** `invalid-grant` ended the session; everything else left it as it was. */
    readonly reason: string;
  };
  'session.ended': {
    readonly session: string;
    readonly reason: SessionEndReason;
  };
  'sessions.ended': {
    readonly reason: SessionEndReason;
    /** Null when sessions of several providers may be among them. */
    readonly provider: string | null;
    /** Null when nobody can tell: sessions in cookies. */
    readonly count: number | null;
  };
  'logout.received': {
    readonly channel: 'back' | 'front';
    readonly provider: string | null;
    readonly outcome: 'accepted' | 'refused' | 'failed';
    /** Which check refused it, as a stable word. */
    readonly detail: string | null;
    readonly client: string;
  };
  'record.discarded': { readonly reason: string };
  'key.old-used': {
    readonly ring: 'cookies' | 'tokens';
    /** Id of the key, as `sallyport keys list` shows it. */
    readonly key: string;
  };
  'keys.reloaded': {
    readonly ring: 'cookies' | 'tokens';
    /** Ids, the one that seals first. */
    readonly keys: readonly string[];
  };
  'keys.reload-failed': { readonly ring: 'cookies' | 'tokens'; readonly reason: string };
  'token.revoked': { readonly provider: string; readonly outcome: 'revoked' | 'unsupported' | 'failed' };
  'provider.called': {
    readonly provider: string;
    readonly call:
      | 'discovery'
      | 'jwks'
      | 'par'
      | 'token'
      | 'refresh'
      | 'userinfo'
      | 'revocation'
      | 'introspection'
      | 'client-credentials'
      | 'exchange';
    readonly outcome: 'ok' | 'refused' | 'failed' | 'timeout';
    readonly durationMs: number;
  };
  'provider.metadata-refused': {
    readonly provider: string;
    /** Which member of the metadata, and what to do. */
    readonly reason: string;
  };
  /** The provider refuses the gate itself, and with it everybody whose token it is asked about. At most once a minute. */
  'provider.client-refused': { readonly provider: string; readonly call: 'introspection' };
  'key.skipped': { readonly provider: string; readonly reason: string };
  'store.failed': { readonly operation: string; readonly reason: string };
  /** Changes by other processes may be missed from now on. */
  'store.lost': { readonly reason: string };
  'store.regained': { readonly durationMs: number };
  'upstream.failed': {
    readonly requestId: string;
    readonly cluster: string;
    readonly code: ErrorCode;
    /** The library's error code, bounded; never an address. */
    readonly cause: string;
  };
  /** A bug, from `describeCrash`: where, never what it was about. */
  'request.crashed': {
    readonly requestId: string | null;
    /** Class of the error, with its code when it has one. */
    readonly error: string;
    /** Stack frames without messages: a message may quote what was being handled. */
    readonly stack: string;
  };
  /** A bearer token or an API key was looked at and is not good. */
  'credential.refused': {
    readonly requestId: string;
    readonly kind: 'bearer' | 'api-key';
    /** Name of the api; null for a key. */
    readonly api: string | null;
    /** Which check refused it, as a stable word. */
    readonly detail: string;
    readonly client: string;
  };
  /** A token was verified, and not just remembered. */
  'token.verified': { readonly api: string; readonly how: 'signature' | 'introspection' };
  /** The application is not one of the token's audiences (`clusters.*.audiences`): it got none. */
  'token.withheld': { readonly requestId: string; readonly route: string; readonly cluster: string };
  'header.omitted': {
    readonly requestId: string;
    readonly route: string;
    /** Name of the configured header. */
    readonly header: string;
    readonly reason: 'too-long';
  };
  /** `address` is that of plain http, `tls` that of the TLS listener, each null without it. */
  'process.started': {
    readonly version: string;
    readonly address: string | null;
    readonly tls: string | null;
    readonly admin: string | null;
  };
  'process.draining': { readonly inFlight: number };
  'process.stopped': { readonly drained: boolean };
  'worker.started': { readonly worker: number };
  /** A worker process has ended without having been told to. */
  'worker.ended': {
    readonly worker: number;
    /** Null when a signal ended it. */
    readonly exitCode: number | null;
    readonly signal: string | null;
    /** Until another one is started; null when it has been already. */
    readonly replacedInMs: number | null;
  };
  'config.warned': { readonly message: string };
}

export type EventName = keyof Events;

export interface EventDefinition {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  /** Audit events say who did what to whose access. */
  readonly audit: boolean;
  readonly help: string;
}

export const eventTable: { readonly [Name in EventName]: EventDefinition } = {
  'request.finished': { level: 'info', audit: false, help: 'A request was answered: the access log.' },
  'login.started': { level: 'debug', audit: true, help: 'A browser was sent to the provider.' },
  'login.succeeded': { level: 'info', audit: true, help: 'A person signed in and a session began.' },
  'login.failed': {
    level: 'warn',
    audit: true,
    help: 'A sign-in ended without a session; `detail` names the check.',
  },
  'session.refreshed': { level: 'debug', audit: false, help: 'The tokens of a session were renewed.' },
  'session.refresh-failed': {
    level: 'warn',
    audit: true,
    help: 'A renewal failed. `invalid-grant` ended the session.',
  },
  'session.ended': { level: 'info', audit: true, help: 'A session ended, and why.' },
  'sessions.ended': {
    level: 'info',
    audit: true,
    help: 'Sessions were ended together: by a logout at the provider, by an operator, or by the person.',
  },
  'logout.received': {
    level: 'info',
    audit: true,
    help: 'The provider told of a logout; `detail` names the check that refused it.',
  },
  'record.discarded': {
    level: 'warn',
    audit: false,
    help: 'A record in the store is no session of this gate: it was removed.',
  },
  'key.old-used': {
    level: 'debug',
    audit: false,
    help: 'Something was opened with a key that is not the first of its ring. When this ends, the key can go.',
  },
  'keys.reloaded': {
    level: 'info',
    audit: true,
    help: 'A key file has changed and its keys are in use.',
  },
  'keys.reload-failed': {
    level: 'error',
    audit: false,
    help: 'A key file has changed and cannot be used; the keys of before stay in use.',
  },
  'token.revoked': {
    level: 'debug',
    audit: true,
    help: 'A token was revoked at the provider, or could not be.',
  },
  'provider.called': {
    level: 'debug',
    audit: false,
    help: 'A call to the provider, its outcome and its duration.',
  },
  'provider.metadata-refused': {
    level: 'error',
    audit: false,
    help: 'The metadata of a provider cannot be accepted, so nobody can sign in there; `reason` says what to change.',
  },
  'provider.client-refused': {
    level: 'error',
    audit: false,
    help: 'The provider refuses the gate itself, so no opaque token can be checked: look at `clientId` and at how the client authenticates.',
  },
  'key.skipped': {
    level: 'warn',
    audit: false,
    help: 'A key of the provider is not usable and was left out.',
  },
  'store.failed': {
    level: 'error',
    audit: false,
    help: 'The session store failed; requests with a session get 503.',
  },
  'store.lost': {
    level: 'warn',
    audit: false,
    help: 'The store no longer tells of changes: sessions are read again with each request until it does.',
  },
  'store.regained': { level: 'info', audit: false, help: 'The store tells of changes again.' },
  'upstream.failed': {
    level: 'warn',
    audit: false,
    help: 'A request could not be carried to the application.',
  },
  'request.crashed': {
    level: 'error',
    audit: false,
    help: 'A bug: the request got `ERR_INTERNAL`. Please report it with `stack`.',
  },
  'credential.refused': {
    level: 'debug',
    audit: true,
    help: 'A bearer token or an API key was refused; `detail` names the check.',
  },
  'token.verified': {
    level: 'debug',
    audit: false,
    help: 'A bearer token was verified, by its signature or at its issuer. A remembered one is not verified again.',
  },
  'token.withheld': {
    level: 'warn',
    audit: false,
    help: 'A token was not sent: the application is not among its audiences (`clusters.*.audiences`), or it is bound to a key of the caller (DPoP), and of use to nobody else.',
  },
  'header.omitted': {
    level: 'warn',
    audit: false,
    help: 'A request header made from claims was left out because its value is too long.',
  },
  'process.started': { level: 'info', audit: false, help: 'The gate accepts connections.' },
  'process.draining': {
    level: 'info',
    audit: false,
    help: 'The gate no longer accepts and finishes what runs.',
  },
  'process.stopped': {
    level: 'info',
    audit: false,
    help: 'The gate has stopped; `drained` tells whether all was finished.',
  },
  'worker.started': { level: 'info', audit: false, help: 'A worker process accepts connections.' },
  'worker.ended': {
    level: 'warn',
    audit: false,
    help: 'A worker process has ended without having been told to; it is replaced.',
  },
  'config.warned': {
    level: 'warn',
    audit: false,
    help: 'Something in the configuration is legal but deserves a look.',
  },
};

/** Where events go. Never throws. */
export type Emit = <Name extends EventName>(name: Name, event: Events[Name]) => void;

export type Subscriber = Emit;

/** One `Emit` for many subscribers; one that throws does not keep the others from hearing it. */
export function createEmit(subscribers: readonly Subscriber[]): Emit {
  return (name, event) => {
    for (const subscriber of subscribers) {
      try {
        subscriber(name, event);
      } catch {
        // Observing must never change what is observed (FL-075).
      }
    }
  };
}
