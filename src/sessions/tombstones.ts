/**
 * Remembers, for as long as a login takes, that the provider told of a logout: a sign-in that was under way then must
 * not outlive it (LO-024). A logout is noted before its sessions are ended, a session is written before the notes are
 * looked at: whoever comes second sees the other.
 */
import type { Clock } from '../core/clock.ts';
import { SallyportError } from '../core/errors.ts';
import type { Store } from '../stores/store.ts';

export interface Tombstones {
  /** Notes a logout for everything with this tag. `issuedAt`: Unix time in seconds, by the provider's clock. */
  lay(tag: string, issuedAt: number): Promise<void>;
  /**
   * Whether a logout that was noted covers this sign-in: it came after the login had begun (Unix time in milliseconds),
   * and was issued no earlier than the ID token (Unix time in seconds; null when it does not say). When the ID token is
   * older for certain, the clocks of two nodes may disagree about the first part.
   */
  covers(
    tags: readonly string[],
    login: { readonly startedAt: number; readonly issuedAt: number | null },
  ): Promise<boolean>;
}

const prefix = 'x:';
/** Clocks of nodes may differ by so much, in milliseconds. */
const clockTolerance = 60_000;
const attempts = 10;

export function createTombstones(
  { store, clock }: { readonly store: Store; readonly clock: Clock },
  /** Milliseconds. */
  lifetime: number,
): Tombstones {
  const read = async (tag: string): Promise<Tombstone | null> => {
    const found = await store.get(prefix + tag);
    return found === null ? null : parse(found.value);
  };

  return {
    async lay(tag, issuedAt) {
      const key = prefix + tag;
      for (let attempt = 0; attempt < attempts; attempt += 1) {
        const found = await store.get(key);
        const now = clock.now();
        const note = later({ issuedAt, receivedAt: now }, found === null ? null : parse(found.value));
        const entry = { value: format(note), expiresAt: now + lifetime };
        const written =
          found === null
            ? await store.addIfAbsent(key, entry)
            : await store.compareAndSwap(key, found.version, entry);
        if (written !== null) return;
      }
      throw contended();
    },

    async covers(tags, { startedAt, issuedAt }) {
      const found = await Promise.all(tags.map(read));
      return found.some((stone) => {
        if (stone === null) return false;
        const older = issuedAt !== null && issuedAt < stone.issuedAt;
        if (older) return startedAt <= stone.receivedAt + clockTolerance;
        return startedAt <= stone.receivedAt && (issuedAt === null || issuedAt === stone.issuedAt);
      });
    },
  };
}

interface Tombstone {
  readonly issuedAt: number;
  readonly receivedAt: number;
}

function format({ issuedAt, receivedAt }: Tombstone): Buffer {
  return Buffer.from(`${issuedAt} ${receivedAt}`, 'latin1');
}

/** Two logouts may arrive in the other order, or on two nodes at once; what either covers stays covered. */
function later(note: Tombstone, earlier: Tombstone | null): Tombstone {
  return {
    issuedAt: Math.max(note.issuedAt, earlier?.issuedAt ?? 0),
    receivedAt: Math.max(note.receivedAt, earlier?.receivedAt ?? 0),
  };
}

function contended(): SallyportError {
  return new SallyportError('ERR_STORE_UNAVAILABLE', 'too many logouts of one person at once', {
    detail: 'contention',
    retryAfter: 1,
  });
}

/** What cannot be read covers everything: it is there because there was a logout. */
function parse(value: Uint8Array): Tombstone {
  const match = /^(\d{1,15}(?:\.\d{1,9})?) (\d{1,15}(?:\.\d{1,9})?)$/.exec(
    Buffer.from(value).toString('latin1'),
  );
  if (match === null) return { issuedAt: Number.POSITIVE_INFINITY, receivedAt: Number.POSITIVE_INFINITY };
  return { issuedAt: Number(match[1]), receivedAt: Number(match[2]) };
}
