/** A session as the rest of the product sees it: an immutable snapshot that is judged and forwarded as one. */
import type { Identity, TokenSet } from './identity.ts';

/** Why a session ended; a stable word for logs, metrics and the audit. */
export type SessionEndReason =
  | 'logout'
  | 'idle'
  | 'absolute'
  | 'refresh-rejected'
  | 'replaced'
  | 'unreadable'
  /** The provider told of a logout: directly, or through the browser. */
  | 'backchannel-logout'
  | 'frontchannel-logout'
  /** The person ended it from another session. */
  | 'person'
  | 'operator'
  /** The person has more sessions than `session.maxPerPerson`. */
  | 'limit'
  /** Another process ended it, and told why. */
  | 'elsewhere';

export interface Session {
  /** Store key: a digest of the id in the cookie, so it opens nothing. */
  readonly key: string;
  /** A short digest of `key` for logs. */
  readonly logId: string;
  readonly identity: Identity;
  readonly tokens: TokenSet;
  /** Unix times in milliseconds. */
  readonly createdAt: number;
  readonly lastSeenAt: number;
  /** When the session ends unless it is used before: the earlier of idle and absolute limit. */
  readonly expiresAt: number;
  /** When it ends however much it is used. */
  readonly absoluteExpiresAt: number;
}
