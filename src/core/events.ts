/**
 * What happened, as typed facts in the past tense. Every step emits; `observe/` subscribes. No field ever holds a
 * token, a code, a cookie, a query or another secret. What each is for: `event-table.ts`.
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
