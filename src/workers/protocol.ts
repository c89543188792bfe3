/**
 * What the supervisor and its workers say to each other, over the channel that `fork` opens between them: questions of
 * the supervisor with their answers, and what a worker tells unasked. Everything is plain JSON.
 */
import type { Readiness } from '../admin/admin-server.ts';
import type { ErrorCode } from '../core/errors.ts';
import type { HostPort } from '../core/scalars.ts';
import type { MetricsSnapshot } from '../observe/metrics.ts';
import type {
  EndOptions,
  SessionDirectory,
  SessionFilter,
  SessionPage,
  SessionSummary,
} from '../sessions/session-directory.ts';

/** The configuration as the supervisor has read it: a worker that is started later runs the same. */
export interface ConfigSource {
  /** Null: the environment alone says everything. */
  readonly file: { readonly path: string; readonly text: string } | null;
  /** Where to listen; no port is 0. */
  readonly addresses: ListenAddresses;
}

/** Of the public listeners, each null without it. */
export interface ListenAddresses {
  readonly address: HostPort | null;
  readonly tls: HostPort | null;
}

/** Each question: what goes along with it, and what the answer is. */
export interface Questions {
  /** Load the configuration, open the store, make everything ready but the listener. */
  readonly prepare: { readonly body: ConfigSource; readonly answer: Prepared };
  readonly listen: { readonly body: null; readonly answer: unknown };
  readonly metrics: { readonly body: null; readonly answer: MetricsSnapshot };
  readonly readiness: { readonly body: null; readonly answer: Readiness };
  /** Stop accepting, finish what runs, end. Answered at once. */
  readonly drain: { readonly body: null; readonly answer: { readonly inFlight: number } };
  readonly 'sessions.list': {
    readonly body: {
      readonly filter: SessionFilter;
      readonly page: { readonly cursor: string | null; readonly limit: number } | null;
    };
    readonly answer: SessionPage;
  };
  readonly 'sessions.find': { readonly body: string; readonly answer: SessionSummary | null };
  readonly 'sessions.end': {
    readonly body: { readonly filter: SessionFilter; readonly options: EndOptions };
    readonly answer: number | null;
  };
}

export type QuestionName = keyof Questions;

export interface Prepared {
  /** Of the session directory. */
  readonly abilities: SessionDirectory['abilities'];
}

/** What a failed answer says of its error. A message goes along only with failures that operators may read. */
export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly retryAfter: number | null;
}

/** From the supervisor. */
export interface Asked {
  readonly kind: 'ask';
  readonly id: number;
  readonly name: QuestionName;
  readonly body: unknown;
}

/** From a worker. */
export type Told =
  | { readonly kind: 'answer'; readonly id: number; readonly ok: true; readonly value: unknown }
  | { readonly kind: 'answer'; readonly id: number; readonly ok: false; readonly failure: Failure }
  /** It no longer accepts, because it was told so or after a failure. */
  | { readonly kind: 'draining' }
  /** The last word: whether all was finished, and what its counters came to. */
  | { readonly kind: 'stopped'; readonly drained: boolean; readonly metrics: MetricsSnapshot };
