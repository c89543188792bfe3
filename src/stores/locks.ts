/**
 * Locks over any store: a record that one process adds, renews while it works, and deletes. A process that dies leaves
 * a lock that expires; one that was away too long finds its lock lost, and its fencing token too old.
 *
 * While the store is away nobody can renew, and locks expire whose holders live. When it is back, nobody new gets a lock
 * for a while: those holders come first, to write down what they have.
 */
import type { Clock } from '../core/clock.ts';
import type { Entry, Store } from './store.ts';

export interface Lock {
  readonly kind: 'acquired';
  /** Fencing token: greater than that of everybody who had this lock before. */
  readonly fence: number;
  /** False once it was let go, or could not be renewed in time: somebody else may have the lock now. */
  isHeld(): boolean;
  /** Lets go. Never rejects: a lock that cannot be deleted expires. */
  release(): Promise<void>;
  /**
   * Keeps everybody out until `until` (Unix time in milliseconds), without holding on; who comes finds `note`. Never
   * rejects.
   */
  leave(note: string, until: number): Promise<void>;
}

/** Somebody else has it, or may have had it while the store was away. */
export interface Taken {
  readonly kind: 'taken';
  /** What was left with `leave`; null while somebody works. */
  readonly note: string | null;
  /** Unix time in milliseconds at which it is free unless it is renewed. */
  readonly until: number;
}

export interface Locks {
  /** One try. Fails with `ERR_STORE_UNAVAILABLE`. */
  acquire(name: string): Promise<Lock | Taken>;
  /** Somebody else found the store away; what fails here is known. */
  storeIsAway(): void;
  /** Stops renewing; the locks that are held expire. */
  close(): void;
}

export interface LocksDeps {
  readonly store: Store;
  readonly clock: Clock;
  /** Milliseconds; renewed at a third of it. 3000 when absent. */
  readonly lease?: number;
  /** Milliseconds for the holders of before, once the store is back: for a process to find it, and to write. */
  readonly settling?: number;
}

const lockPrefix = 'l:';
/** No note is left for longer, in milliseconds; clocks of nodes may differ by so much. */
const longestNote = 600_000;
const clockTolerance = 60_000;
/** Of a lease so much is not counted on: clocks are not equally quick, and stores count whole milliseconds. */
const trusted = (lease: number): number => lease - lease / 100 - 2;
const free: Taken = { kind: 'taken', note: null, until: 0 };

export function createLocks({ store, clock, lease = 3000, settling = 2500 }: LocksDeps): Locks {
  const held = new Set<() => void>();
  /** Monotonic time before which no lock is given out. */
  let givenFrom = Number.NEGATIVE_INFINITY;
  /** Monotonic time since when the store fails; null while it answers. */
  let awaySince: number | null = null;
  const fails = (since: number): void => {
    awaySince ??= since;
  };
  /** Holders renew at a third of the lease: an outage that is shorter costs none of them its lock. */
  const answers = (): void => {
    if (awaySince === null) return;
    if (clock.monotonic() - awaySince >= lease / 3) givenFrom = clock.monotonic() + settling;
    awaySince = null;
  };

  const acquire = async (name: string): Promise<Lock | Taken> => {
    const asked = clock.monotonic();
    try {
      return await take(lockPrefix + name);
    } catch (error) {
      fails(asked);
      throw error;
    }
  };

  const take = async (key: string): Promise<Lock | Taken> => {
    if (awaySince !== null) {
      await store.get(key);
      answers();
    }
    const asked = clock.monotonic();
    if (asked >= givenFrom) {
      const version = await store.addIfAbsent(key, entryOf('', clock.now() + lease));
      if (version !== null) return hold(key, { version, asked });
    }
    const found = await store.get(key);
    if (found === null) return free;
    const note = Buffer.from(found.value).toString('utf8');
    // Written before the wall clock went back: whoever wrote it has long been gone (FL-050).
    const longest = (note === '' ? lease : longestNote) + clockTolerance;
    if (found.expiresAt - clock.now() > longest && asked >= givenFrom) {
      const over = await store.compareAndSwap(key, found.version, entryOf('', clock.now() + lease));
      return over === null ? free : hold(key, { version: over, asked });
    }
    return { kind: 'taken', note: note === '' ? null : note, until: found.expiresAt };
  };

  const hold = (key: string, taken: { readonly version: number; readonly asked: number }): Lock => {
    let { version } = taken;
    // Counted from before the store was asked, so that we never think longer than the store does that it is ours.
    let heldUntil = taken.asked + trusted(lease);
    let renewing: Promise<void> = Promise.resolve();
    let finished = false;

    const renew = async (): Promise<void> => {
      const asked = clock.monotonic();
      try {
        const next = await store.compareAndSwap(key, version, entryOf('', clock.now() + lease));
        if (next === null) {
          heldUntil = Number.NEGATIVE_INFINITY;
          stop();
        } else {
          version = next;
          heldUntil = asked + trusted(lease);
        }
      } catch {
        // The next round tries again; `heldUntil` says how long that may go on.
        fails(asked);
      }
    };
    const timer = setInterval(() => {
      renewing = renewing.then(renew);
    }, lease / 3);
    timer.unref();
    const stop = (): void => {
      clearInterval(timer);
      held.delete(stop);
    };
    held.add(stop);

    /** After the last renewal has come back, since it changes the version. */
    const finish = async (work: () => unknown): Promise<void> => {
      stop();
      finished = true;
      await renewing;
      try {
        await work();
      } catch {
        // It expires.
      }
    };

    return {
      kind: 'acquired',
      fence: taken.version,
      isHeld: () => !finished && clock.monotonic() < heldUntil,
      release: () => finish(() => store.delete(key, version)),
      leave: (note, until) => finish(() => store.compareAndSwap(key, version, entryOf(note, until))),
    };
  };

  return {
    acquire,
    storeIsAway: () => fails(Number.NEGATIVE_INFINITY),
    close() {
      for (const stop of [...held]) stop();
    },
  };
}

function entryOf(note: string, expiresAt: number): Entry {
  return { value: Buffer.from(note, 'utf8'), expiresAt };
}
