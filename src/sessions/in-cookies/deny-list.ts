/**
 * Which sessions are over, as all nodes know it: denials in a store, followed by `store.watch`, so that a session that
 * is known here costs no round trip and ends within a second when it is denied elsewhere. While changes may be missed
 * every verdict is read with every request, and a store that fails is a failure and never a pass.
 */
import type { Clock } from '../../core/clock.ts';
import { SallyportError } from '../../core/errors.ts';
import type { SessionEndReason } from '../../core/session.ts';
import type { Store, StoredRecord } from '../../stores/store.ts';
import {
  addDenial,
  type Deniable,
  type Denial,
  denialKeyFor,
  denialKeyOf,
  denialKeys,
  denialPrefix,
  denies,
  formatDenials,
  idOfDenialKey,
  parseDenials,
} from './denial.ts';

/** A verdict, and how long it may be used. */
export interface Verdict {
  readonly denial: Denial | null;
  /** To be given to `isCurrent`. */
  readonly epoch: number;
}

export interface DenyList {
  /** Whether a verdict of that epoch still holds without asking the store. */
  isCurrent(epoch: number): boolean;
  /**
   * All entries of a session, asked for at once. What changes meanwhile is told to `onDenied`: the session has to be
   * known by then. Fails with `ERR_STORE_UNAVAILABLE`.
   */
  judge(session: Deniable): Promise<Verdict>;
  /** Denies one session by the digest of its id. Fails with `ERR_STORE_UNAVAILABLE`. */
  denyOne(id: string, denial: Denial): Promise<void>;
  /** Denies whatever fits. Fails with `ERR_STORE_UNAVAILABLE`. */
  denyAll(denial: Denial): Promise<void>;
}

export interface DenyListDeps {
  readonly store: Store;
  readonly clock: Clock;
  /** Milliseconds that a session lives at most. */
  readonly absolute: number;
  /** Somebody denied this one session, or, with null, whatever the denials fit. */
  readonly onDenied: (id: string | null, denials: readonly Denial[]) => void;
  /** Verdicts that were held are worth nothing any more: what stays open has to be judged again. */
  readonly onUncertain: () => void;
}

/** Milliseconds that a denial outlives the sessions it is for: logins that were under way, clocks that differ. */
const margin = 15 * 60_000;
const attempts = 8;
/** An epoch that is never current. */
export const neverJudged = -1;

export function createDenyList(deps: DenyListDeps): DenyList {
  const { store, clock } = deps;
  let following = true;
  let epoch = 0;

  const uncertain = (): void => {
    epoch += 1;
    deps.onUncertain();
  };

  const follow = async (key: string): Promise<void> => {
    try {
      const found = await store.get(key);
      if (found === null) return;
      const denials = parseDenials(found.value);
      // It means those whose entry it is: they find out when they are judged.
      if (denials === null) uncertain();
      else deps.onDenied(idOfDenialKey(key), denials);
    } catch {
      // What it says is not known: nothing that was known counts until it has been read again.
      uncertain();
    }
  };

  store.watch(denialPrefix, {
    changed: (key) => void follow(key),
    lost() {
      following = false;
      uncertain();
    },
    regained() {
      following = true;
      uncertain();
    },
  });

  const add = async (key: string, denial: Denial): Promise<void> => {
    const expiresAt = clock.now() + deps.absolute + margin;
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      const found = await store.get(key);
      const denials = addDenial(found === null ? [] : denialsIn(found, clock.now()), denial);
      const entry = { value: formatDenials(denials), expiresAt };
      const written =
        found === null
          ? await store.addIfAbsent(key, entry)
          : await store.compareAndSwap(key, found.version, entry);
      if (written !== null) return;
    }
    throw new SallyportError('ERR_STORE_UNAVAILABLE', 'a denial is written from too many places at once', {
      detail: 'contention',
      retryAfter: 1,
    });
  };

  return {
    isCurrent: (judged) => following && judged === epoch,
    async judge(session) {
      const began = epoch;
      // All in one tick: one round trip.
      const found = await Promise.all(denialKeys(session).map((key) => store.get(key)));
      const now = clock.now();
      const denial = found
        .flatMap((record) => (record === null ? [] : denialsIn(record, now)))
        .find((candidate) => denies(candidate, session));
      const settled = following && began === epoch;
      return { denial: denial ?? null, epoch: settled ? epoch : neverJudged };
    },
    denyOne: (id, denial) => add(denialKeyOf(id), denial),
    denyAll: (denial) => add(denialKeyFor(denial), denial),
  };
}

function denialsIn(record: StoredRecord, now: number): readonly Denial[] {
  return parseDenials(record.value) ?? [denyAnyway(now)];
}

/** What somebody put under the key of a denial and cannot be read, denies what the key is for. */
function denyAnyway(now: number): Denial {
  const reason: SessionEndReason = 'elsewhere';
  const all = { provider: null, subject: null, sid: null, except: null, issuedAt: null };
  return { ...all, before: Number.MAX_SAFE_INTEGER, reason, at: now };
}
