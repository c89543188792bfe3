/**
 * Writes what has happened to a session back to the store, and takes over what others wrote there. Always by
 * compare-and-swap: a late writer can neither bring back tokens that were replaced nor a session that was ended.
 */
import { SallyportError } from '../core/errors.ts';
import type { TokenSet } from '../core/identity.ts';
import type { MaybePromise } from '../core/maybe-promise.ts';
import type { KeyRing } from '../keys/key-ring.ts';
import type { Store, StoredRecord } from '../stores/store.ts';
import type { Limits } from './limits.ts';
import type { LiveSession } from './live-session.ts';
import { sealEntry } from './session-entry.ts';
import { openRecord } from './session-record.ts';

export type Reread =
  /** Nothing new, or nothing but times. */
  | 'same-tokens'
  /** Somebody else renewed the tokens: `live.record` holds theirs now. */
  | 'other-tokens'
  /** Older than what is known here: the store lost a write, or answered from behind. Nothing was taken over. */
  | 'older'
  /** It does not open any more under the keys that are here. */
  | 'unreadable'
  /** The record is no more: the session was ended elsewhere. */
  | 'gone';

/** How a session is kept. Sessions in cookies have one of their own. */
export interface SessionWriter {
  /** Writes `live.record`. `gone`: the session was ended elsewhere. Throws `ERR_STORE_UNAVAILABLE`. */
  save(live: LiveSession): Promise<'saved' | 'gone'>;
  /**
   * Takes over what another writer put there, unless what is known here is newer. With `reopen` the record is opened
   * although its version is known: the keys may have changed. Throws `ERR_STORE_UNAVAILABLE`.
   */
  reread(live: LiveSession, reopen?: boolean): MaybePromise<Reread>;
}

export interface SessionWriterDeps {
  readonly store: Store;
  readonly keyRing: KeyRing;
  readonly limits: Limits;
}

const attempts = 5;

export function createSessionWriter(deps: SessionWriterDeps): SessionWriter {
  const { store, keyRing } = deps;

  const write = async (live: LiveSession): Promise<'saved' | 'gone'> => {
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      if (live.ended !== null) return 'gone';
      const record = { ...live.record, lastSeenAt: live.lastSeenAt };
      const entry = sealEntry(record, deps, live.cookie);
      if (entry === null) throw tooLarge();
      const version = await store.compareAndSwap(live.key, live.saved.version, entry);
      if (version !== null) {
        // What others wrote on top of it may have been read already.
        if (version > live.saved.version) live.saved = { version, record };
        live.stale = false;
        return 'saved';
      }
      if (!(await catchUp(live))) return 'gone';
    }
    throw contended();
  };

  /** The store has refused our version: what it holds now is what the next write has to be on top of. */
  const catchUp = async (live: LiveSession): Promise<boolean> => {
    const stored = await store.get(live.key);
    if (stored === null) return false;
    return adopt(live, stored, keyRing) !== 'unreadable';
  };

  const judge = (live: LiveSession, stored: StoredRecord | null, reopen: boolean): Reread => {
    if (stored === null) return 'gone';
    if (stored.version < live.saved.version) return 'older';
    if (stored.version === live.saved.version && !reopen) return 'same-tokens';
    return adopt(live, stored, keyRing);
  };

  return {
    reread(live, reopen = false) {
      const stored = store.get(live.key);
      if (stored instanceof Promise) return stored.then((record) => judge(live, record, reopen));
      return judge(live, stored, reopen);
    },
    save(live) {
      const saving = live.saving === null ? write(live) : live.saving.then(() => write(live));
      // The next write in line starts whatever became of this one.
      const settled = saving.catch(() => {});
      live.saving = settled;
      void settled.then(() => {
        if (live.saving === settled) live.saving = null;
      });
      return saving;
    },
  };
}

/** Takes over the version and the times in any case, and the tokens when they are of a later refresh than ours. */
function adopt(live: LiveSession, stored: StoredRecord, keyRing: KeyRing): Reread {
  const opened = openRecord(stored, keyRing, live.cookie);
  if (opened.kind !== 'opened') return 'unreadable';
  const { record } = opened;
  const theirs = isLater(live, { version: stored.version, fence: record.fence });
  const same = sameTokens(record.tokens, live.record.tokens);
  live.saved = { version: stored.version, record };
  live.stale = opened.stale;
  live.lastSeenAt = Math.max(live.lastSeenAt, record.lastSeenAt);
  if (same) return 'same-tokens';
  if (!theirs) return 'older';
  live.record = record;
  live.refreshError = null;
  return 'other-tokens';
}

/** The fencing token of the lock under which tokens were renewed says which are the latest (FL-005). */
function isLater(live: LiveSession, stored: { readonly version: number; readonly fence: number }): boolean {
  if (stored.fence !== live.record.fence) return stored.fence > live.record.fence;
  return stored.version > live.saved.version && !live.unsaved;
}

function sameTokens(a: TokenSet, b: TokenSet): boolean {
  return a.refreshToken === b.refreshToken && a.accessToken === b.accessToken;
}

function contended(): SallyportError {
  return new SallyportError('ERR_STORE_UNAVAILABLE', 'a session is written from too many places at once', {
    detail: 'contention',
    retryAfter: 1,
  });
}

function tooLarge(): SallyportError {
  return new SallyportError(
    'ERR_STORE_UNAVAILABLE',
    'claims and tokens have become too large for a session',
    {
      detail: 'session-too-large',
      retryAfter: 60,
    },
  );
}
