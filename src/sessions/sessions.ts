/** Sessions as the pipeline and the endpoints use them. Made by `createSessions`. */
import type { SessionAuthentication } from '../core/authentication.ts';
import type { SetCookies } from '../core/decision.ts';
import type { MaybePromise } from '../core/maybe-promise.ts';
import type { RequestHead } from '../core/request-head.ts';
import type { Session, SessionEndReason } from '../core/session.ts';
import type { SignedIn } from '../oidc/provider.ts';
import type { SessionDirectory } from './session-directory.ts';

export interface AuthenticateOptions {
  /** False leaves the idle limit alone. */
  readonly slide: boolean;
  /** False leaves the tokens as they are, expired or not: for who asks about the session alone. True when absent. */
  readonly renew?: boolean;
}

export interface Sessions {
  /**
   * Who the session cookie speaks for. Synchronous for a session that this process knows and that needs neither
   * sliding nor refresh. Throws `ERR_STORE_UNAVAILABLE`, or `ERR_PROVIDER_UNAVAILABLE` when the access token has
   * expired and could not be renewed.
   */
  authenticate(head: RequestHead, options?: AuthenticateOptions): MaybePromise<SessionAuthentication>;
  /**
   * Begins a session under a new id and ends the one that the browser came with (SC-001, SC-002). `startedAt` is when
   * the login was begun (Unix time in milliseconds, now when absent): a logout that the provider has told of since then
   * wins, and this fails with `ERR_LOGIN_EXPIRED` (LO-024).
   */
  begin(
    head: RequestHead,
    provider: string,
    signedIn: SignedIn,
    startedAt?: number,
  ): Promise<{ session: Session; setCookies: SetCookies }>;
  /** Ends a session: the record goes first, then everything that holds on to it. `setCookies` clears the browser. */
  end(session: Session, reason: SessionEndReason): Promise<SetCookies>;
  /**
   * The session with other tokens than this snapshot has, renewed now even though they have not expired: after an
   * application refused them. Null when there are no others to be had: no refresh token, an earlier try forbids another
   * one, they were renewed less than half a minute ago on whatever node, the session is over, or its tokens can only
   * travel in the answer to a request that asked for them (sessions in cookies). Never rejects.
   */
  renew(session: Session): Promise<Session | null>;
  /** Cookies that clear whatever session cookie the browser holds. */
  clearCookies(): SetCookies;
  /**
   * Ties something long-lived (a WebSocket, an event stream) to a session: `onEnd` is called once, soon after the
   * session ends for whatever reason, here or elsewhere; for one that has ended already, at once. Call the answer to
   * let go.
   */
  hold(session: Session, onEnd: (reason: SessionEndReason) => void): () => void;
  /** For the gauge. */
  count(): MaybePromise<number | null>;
  /** All sessions, for those who look at others and end them. */
  readonly directory: SessionDirectory;
  /**
   * Everything that was opened must be opened again before it is used: to be called when a key has left the ring
   * (`KeyRings.onRetired`). A session that no longer opens is refused, and what holds on to it ends (SC-015).
   */
  reverify(): void;
  /** Waits for refreshes under way, so that no rotated token is lost, and stops timers. */
  close(): Promise<void>;
}

/** A login between its start and its callback, kept in a sealed short-lived cookie of its own. */
export interface LoginTransaction {
  readonly provider: string;
  readonly state: string;
  readonly nonce: string;
  readonly codeVerifier: string;
  /** Where to go afterwards: a validated local path, or an allow-listed absolute URL. Validated again at use. */
  readonly returnTo: string;
  /** Unix time in milliseconds. */
  readonly startedAt: number;
  /** `SessionSummary.id` of the session that the browser showed then and may not show at the callback. */
  readonly replaces?: string;
}

export interface LoginTransactions {
  /** The cookie of a new transaction, and those that drop the oldest ones over the bound. */
  begin(head: RequestHead, transaction: LoginTransaction, sameSite: 'lax' | 'none'): SetCookies;
  /**
   * The transaction that `state` belongs to, given out once: a second call for the same one, here or on another
   * node, answers null, as does an expired one or one of another browser. `setCookies` clears it either way.
   */
  take(
    head: RequestHead,
    state: string,
  ): Promise<{ transaction: LoginTransaction | null; setCookies: SetCookies }>;
}
