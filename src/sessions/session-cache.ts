/**
 * The sessions that are open in this process, bounded. A hit costs one lookup by the 256-bit id and one comparison of
 * the secret in constant time: no decoding, no digest, no allocation but the id. Evicts what was not used lately.
 */
import type { LiveSession } from './live-session.ts';
import { cookieLength, partLength } from './session-cookie.ts';

export interface SessionCache {
  /** The open session that this cookie value belongs to, or null. */
  find(value: string): LiveSession | null;
  findByKey(key: string): LiveSession | null;
  add(live: LiveSession): void;
  remove(live: LiveSession): void;
}

export interface SessionCacheOptions {
  readonly size: number;
  /** Sessions that must stay: they hold what the store does not. */
  readonly isPinned: (live: LiveSession) => boolean;
}

/** So many are looked at to make room; when all of them must stay, the cache grows past its size. */
const looks = 32;

export function createSessionCache({ size, isPinned }: SessionCacheOptions): SessionCache {
  const byId = new Map<string, LiveSession>();
  const byKey = new Map<string, LiveSession>();

  const remove = (live: LiveSession): void => {
    if (byId.get(live.cookie.id) !== live) return;
    byId.delete(live.cookie.id);
    byKey.delete(live.key);
  };

  /** Second chance: what was used since the last look goes to the end of the line. */
  const makeRoom = (): void => {
    for (let look = 0; look < looks && byId.size >= size; look += 1) {
      const oldest = byId.values().next().value;
      if (oldest === undefined) return;
      const stays = oldest.used || isPinned(oldest);
      oldest.used = false;
      byId.delete(oldest.cookie.id);
      if (stays) byId.set(oldest.cookie.id, oldest);
      else byKey.delete(oldest.key);
    }
    evictAnyUnpinned();
  };

  /** All of those looked at were in use: the oldest that may go, goes. */
  const evictAnyUnpinned = (): void => {
    if (byId.size < size) return;
    let look = 0;
    for (const live of byId.values()) {
      if (!isPinned(live)) {
        remove(live);
        return;
      }
      look += 1;
      if (look === looks) return;
    }
  };

  return {
    find(value) {
      if (value.length !== cookieLength) return null;
      const live = byId.get(value.slice(0, partLength));
      if (live === undefined || !hasSecret(value, live.cookie.secret)) return null;
      live.used = true;
      return live;
    },
    findByKey: (key) => byKey.get(key) ?? null,
    add(live) {
      makeRoom();
      byId.set(live.cookie.id, live);
      byKey.set(live.key, live);
    },
    remove,
  };
}

/** Looks at every character whether or not an earlier one differs: the time says nothing about the secret. */
function hasSecret(value: string, secret: string): boolean {
  let difference = value.charCodeAt(partLength) ^ 46;
  for (let i = 0; i < partLength; i += 1) {
    difference |= value.charCodeAt(partLength + 1 + i) ^ secret.charCodeAt(i);
  }
  return difference === 0;
}
