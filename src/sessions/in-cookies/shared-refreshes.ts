/**
 * Tokens that one node has renewed, for the others: the browser may come to them with the cookies of before. In the
 * store of the deny-list, for some minutes, sealed under `rings.tokens` and the id of the session, which no store knows.
 */
import type { Clock } from '../../core/clock.ts';
import type { MaybePromise } from '../../core/maybe-promise.ts';
import type { KeyRing } from '../../keys/key-ring.ts';
import type { Store, StoredRecord } from '../../stores/store.ts';
import { decodeSession, encodeSession, type SealedSession } from './sealed-session.ts';

export interface SharedRefreshes {
  /** Fails with `ERR_STORE_UNAVAILABLE`. */
  publish(key: string, session: SealedSession): Promise<void>;
  /** The newest state that somebody published, or null. Fails with `ERR_STORE_UNAVAILABLE`. */
  read(key: string, id: string): MaybePromise<SealedSession | null>;
}

/** Milliseconds in which a browser comes back with the new cookies, or is gone for a while. */
export const keptFor = 10 * 60_000;
const prefix = 'n:';
/** More than any session that fits into cookies. */
const largest = 64 * 1024;

export function createSharedRefreshes(deps: {
  readonly store: Store;
  readonly keyRing: KeyRing;
  readonly clock: Clock;
}): SharedRefreshes {
  const { store, keyRing, clock } = deps;

  const open = (stored: StoredRecord | null, id: string): SealedSession | null => {
    if (stored === null || stored.value.length > largest) return null;
    const opened = keyRing.open('session-record', stored.value, Buffer.from(id, 'base64url'));
    const session = opened === null ? null : decodeSession(opened.plaintext);
    return session === null || typeof session === 'string' ? null : session;
  };

  return {
    async publish(key, session) {
      const value = keyRing.seal(
        'session-record',
        encodeSession(session),
        Buffer.from(session.id, 'base64url'),
      );
      const expiresAt = Math.min(clock.now() + keptFor, session.endsAt);
      await store.set(prefix + key, { value, expiresAt });
    },
    read(key, id) {
      const stored = store.get(prefix + key);
      return stored instanceof Promise ? stored.then((record) => open(record, id)) : open(stored, id);
    },
  };
}
