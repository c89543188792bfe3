/**
 * The sessions that this process has opened, bounded, found by the cookies they came with. A hit costs one lookup by
 * the name of the writing and one comparison of all that was sent, so that one piece of somebody else's finds nothing:
 * no decoding, no digest, no decryption. Two writings of a session are known at a time.
 */
import type { LiveSession } from '../live-session.ts';
import type { CookieSession } from './cookie-session.ts';
import { type Pieces, writeLength } from './pieces.ts';

export interface Hit {
  readonly session: CookieSession;
  readonly pieces: Pieces;
}

export interface CookieSessionCache {
  /** The session that exactly these values were opened to, or null. */
  find(values: readonly string[]): Hit | null;
  get(key: string): CookieSession | null;
  findByKey(key: string): LiveSession | null;
  add(session: CookieSession): void;
  /** Finds the session by these cookies again, which are its latest or those before. */
  recognise(session: CookieSession, pieces: Pieces): void;
  /** Takes newer cookies for the latest ones. */
  advance(session: CookieSession, pieces: Pieces): void;
  remove(live: LiveSession): void;
  /** Every session must be opened again by what it comes with; what is known of it stays. */
  forgetCookies(): void;
  sessions(): Iterable<CookieSession>;
}

export interface CookieSessionCacheOptions {
  readonly size: number;
  /** Sessions that must stay: something is open, or what is known here is known nowhere else. */
  readonly isPinned: (session: CookieSession) => boolean;
}

/** So many are looked at to make room; when all of them must stay, the cache grows past its size. */
const looks = 32;

export function createCookieSessionCache(options: CookieSessionCacheOptions): CookieSessionCache {
  const { size, isPinned } = options;
  const byWrite = new Map<string, Hit>();
  const byKey = new Map<string, CookieSession>();

  const forget = (pieces: Pieces | null, session: CookieSession): void => {
    if (pieces !== null && byWrite.get(pieces.write)?.session === session) byWrite.delete(pieces.write);
  };

  const remove = (session: CookieSession): void => {
    if (byKey.get(session.live.key) !== session) return;
    byKey.delete(session.live.key);
    forget(session.latest, session);
    forget(session.earlier, session);
    // What has ended is not brought back by an answer that is still under way, and what was dropped is set anew.
    session.setCookies.length = 0;
  };

  /** Second chance: what was used since the last look goes to the end of the line. */
  const makeRoom = (): void => {
    for (let look = 0; look < looks && byKey.size >= size; look += 1) {
      const oldest = byKey.values().next().value;
      if (oldest === undefined) return;
      const lastLook = look === looks - 1;
      const stays = isPinned(oldest) || (oldest.live.used && !lastLook);
      oldest.live.used = false;
      if (!stays) remove(oldest);
      else {
        byKey.delete(oldest.live.key);
        byKey.set(oldest.live.key, oldest);
      }
    }
  };

  const recognise = (session: CookieSession, pieces: Pieces): void => {
    if (byKey.get(session.live.key) === session) byWrite.set(pieces.write, { session, pieces });
  };

  return {
    recognise,
    find(values) {
      const hit = byWrite.get((values[0] as string).slice(0, writeLength));
      if (hit === undefined || !same(hit.pieces.values, values)) return null;
      hit.session.live.used = true;
      return hit;
    },
    get: (key) => byKey.get(key) ?? null,
    findByKey: (key) => byKey.get(key)?.live ?? null,
    add(session) {
      makeRoom();
      byKey.set(session.live.key, session);
      byWrite.set(session.latest.write, { session, pieces: session.latest });
    },
    advance(session, pieces) {
      forget(session.earlier, session);
      session.earlier = session.latest;
      session.latest = pieces;
      session.pieces = Math.max(session.pieces, pieces.count);
      recognise(session, pieces);
    },
    remove(live) {
      const session = byKey.get(live.key);
      if (session?.live === live) remove(session);
    },
    forgetCookies: () => byWrite.clear(),
    *sessions() {
      for (const session of [...byKey.values()]) yield session;
    },
  };
}

/** Who gets here has named a writing, which is 64 bits that nobody can guess: the time tells an outsider nothing. */
function same(a: readonly string[], b: readonly string[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i += 1) {
    if (a[i] !== b[i]) return false;
  }
  return true;
}
