/**
 * Writes what has happened to a session back to the store. Always by compare-and-swap: a late writer can neither bring
 * back tokens that were replaced nor a session that was ended.
 */
import { SallyportError } from '../core/errors.ts';
import type { TokenSet } from '../core/identity.ts';
import type { KeyRing } from '../keys/key-ring.ts';
import type { Store, StoredRecord } from '../stores/store.ts';
import { type Limits, recordExpiresAt } from './limits.ts';
import type { LiveSession } from './live-session.ts';
import { openRecord, sealRecord } from './session-record.ts';

export interface SessionWriter {
  /** `gone`: the record is no more, the session was ended elsewhere. Throws `ERR_STORE_UNAVAILABLE`. */
  save(live: LiveSession): Promise<'saved' | 'gone'>;
  /** Takes over what another writer put there. Throws `ERR_STORE_UNAVAILABLE`. */
  reread(live: LiveSession): Promise<'same-tokens' | 'other-tokens' | 'gone'>;
}

export interface SessionWriterDeps {
  readonly store: Store;
  readonly keyRing: KeyRing;
  readonly limits: Limits;
}

const attempts = 5;

export function createSessionWriter(deps: SessionWriterDeps): SessionWriter {
  const { store, keyRing, limits } = deps;

  const write = async (live: LiveSession): Promise<'saved' | 'gone'> => {
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      if (live.ended !== null) return 'gone';
      const record = { ...live.record, lastSeenAt: live.lastSeenAt };
      const sealed = sealRecord(record, keyRing, live.cookie);
      const until = recordExpiresAt(record, limits);
      const version = await store.compareAndSwap(live.key, live.saved.version, {
        value: sealed,
        expiresAt: until,
      });
      if (version !== null) {
        live.saved = { version, record };
        return 'saved';
      }
      if ((await reread(live)) === 'gone') return 'gone';
    }
    throw new SallyportError('ERR_STORE_UNAVAILABLE', 'a session is written from too many places at once', {
      detail: 'contention',
      retryAfter: 1,
    });
  };

  const reread = async (live: LiveSession): Promise<'same-tokens' | 'other-tokens' | 'gone'> => {
    const stored = await store.get(live.key);
    if (stored === null) return 'gone';
    if (stored.version === live.saved.version) return 'same-tokens';
    return adopt(live, stored, keyRing);
  };

  return {
    reread,
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

/** Tokens in the record that are not those we knew there are of somebody else's refresh, and newer than ours. */
function adopt(
  live: LiveSession,
  stored: StoredRecord,
  keyRing: KeyRing,
): 'same-tokens' | 'other-tokens' | 'gone' {
  const opened = openRecord(stored.value, keyRing, live.cookie);
  if (opened.kind !== 'opened') return 'gone';
  const { record } = opened;
  const same = sameTokens(record.tokens, live.saved.record.tokens);
  live.saved = { version: stored.version, record };
  live.lastSeenAt = Math.max(live.lastSeenAt, record.lastSeenAt);
  if (!same) {
    live.record = record;
    live.refreshError = null;
  }
  return same ? 'same-tokens' : 'other-tokens';
}

function sameTokens(a: TokenSet, b: TokenSet): boolean {
  return a.refreshToken === b.refreshToken && a.accessToken === b.accessToken;
}
