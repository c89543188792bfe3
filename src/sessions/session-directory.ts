/**
 * Sessions as operators, providers and the person themselves see them from outside: who, since when, from where, never
 * a token. Nothing here needs the browser's cookie. Made by `createSessionDirectory`.
 */
import type { SessionEndReason } from '../core/session.ts';

export interface SessionSummary {
  /** A digest of the id in the cookie (43 characters of base64url): names the session and opens nothing. */
  readonly id: string;
  /** As in logs: a short digest of `id`. */
  readonly logId: string;
  /** Name of the provider in the configuration. */
  readonly provider: string;
  readonly issuer: string;
  readonly subject: string;
  /** `sid` of the ID token (OpenID Connect Back-Channel Logout 1.0 section 2.1), or null. */
  readonly sid: string | null;
  /** What people call this person: `preferred_username`, `email` or `name`, the first there is; or null. */
  readonly name: string | null;
  /** Unix times in milliseconds. `lastSeenAt` may be a minute old. */
  readonly createdAt: number;
  readonly lastSeenAt: number;
  readonly expiresAt: number;
  /** Where it was begun: the client's address, and its `User-Agent`, shortened, or null. */
  readonly address: string;
  readonly userAgent: string | null;
}

/** All of what is given has to fit. Nothing given: every session. */
export interface SessionFilter {
  readonly id?: string;
  /** Name of the provider in the configuration. */
  readonly provider?: string;
  readonly subject?: string;
  readonly sid?: string;
}

export interface SessionPage {
  readonly sessions: readonly SessionSummary[];
  /** Where the next page begins; null: this was the last one. */
  readonly cursor: string | null;
}

export interface EndOptions {
  readonly reason: SessionEndReason;
  /** `id` of a session that stays. */
  readonly except?: string;
}

export interface SessionDirectory {
  /**
   * `all`: everything below works. `end`: sessions live in browsers; they can be ended through a deny-list and not be
   * listed. `none`: neither.
   */
  readonly abilities: 'all' | 'end' | 'none';
  /**
   * Live sessions, a page at a time. By provider with subject or sid it costs what it finds, else it looks through all.
   * Fails with `ERR_STORE_UNAVAILABLE`. Throws when `abilities` is not `all`: a misuse.
   */
  list(
    filter: SessionFilter,
    page?: { readonly cursor: string | null; readonly limit: number },
  ): Promise<SessionPage>;
  /** By `id`, or by `logId`, for which it looks through all. */
  find(id: string): Promise<SessionSummary | null>;
  /**
   * Ends the sessions that fit, here and on every node. Answers how many; null when nobody can tell. Fails with
   * `ERR_STORE_UNAVAILABLE`: then some of them may have ended. Throws when `abilities` is `none`: a misuse.
   */
  end(filter: SessionFilter, options: EndOptions): Promise<number | null>;
  /**
   * As `end` for a logout that the provider has told of. In addition it is remembered for as long as a login takes, so
   * that a login under way when it came does not outlive it (LO-024). `issuedAt`: `iat` of the logout token (seconds).
   */
  endByProvider(
    logout: {
      readonly provider: string;
      readonly subject: string | null;
      readonly sid: string | null;
      readonly issuedAt: number;
    },
    reason: 'backchannel-logout' | 'frontchannel-logout',
  ): Promise<number | null>;
  /**
   * Remembers a one-time word (the `jti` of a logout token) until then (Unix time in milliseconds). False: it was there.
   * Fails with `ERR_STORE_UNAVAILABLE` (LO-019). Throws when `abilities` is `none`.
   */
  useOnce(word: string, until: number): Promise<boolean>;
}
