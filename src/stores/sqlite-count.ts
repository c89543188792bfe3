/**
 * Counting for the gauge: the index is read in stretches with pauses, so that no request waits for a million records,
 * and what took long is kept for a while.
 */
import { setImmediate as pause } from 'node:timers/promises';
import type { Clock } from '../core/clock.ts';
import type { MaybePromise } from '../core/maybe-promise.ts';
import type { Attempt } from './sqlite-attempt.ts';
import { endOfPrefix, type Statements } from './sqlite-statements.ts';

/** Records in one go: about half a millisecond. */
const stretch = 5000;
/** How long an answer counts that took more than one stretch (milliseconds). */
const keptFor = 10_000;

interface Part {
  readonly count: number;
  /** Where the next stretch begins; null: this was the last one. */
  readonly stop: number | null;
}

interface Counted {
  readonly count: MaybePromise<number>;
  readonly until: number;
}

export interface SqliteCountDeps {
  readonly statements: Statements;
  readonly attempt: Attempt;
  readonly clock: Clock;
}

export function createSqliteCount({ statements, attempt, clock }: SqliteCountDeps) {
  const kept = new Map<string, Counted>();

  /** Counts what expires after `from`. */
  const countFrom = (prefix: string, from: number): Part => {
    const found = statements.endOfStretch.get(from, stretch);
    const stop = found === undefined ? null : Number(found.expiresAt);
    const row = statements.countStretch.get(
      from,
      stop ?? Number.MAX_SAFE_INTEGER,
      prefix,
      endOfPrefix(prefix),
    );
    return { count: Number(row?.records), stop };
  };

  const countRest = async (prefix: string, first: Part): Promise<number> => {
    let { count, stop } = first;
    while (stop !== null) {
      await pause();
      const from = stop;
      const next = await attempt(() => countFrom(prefix, from));
      count += next.count;
      stop = next.stop;
    }
    return count;
  };

  const keep = (prefix: string, counting: Promise<number>): Promise<number> => {
    kept.set(prefix, { count: counting, until: Number.POSITIVE_INFINITY });
    counting.then(
      (count) => kept.set(prefix, { count, until: clock.monotonic() + keptFor }),
      () => kept.delete(prefix),
    );
    return counting;
  };

  return (prefix: string): MaybePromise<number> => {
    const known = kept.get(prefix);
    if (known !== undefined && known.until > clock.monotonic()) return known.count;
    const first = attempt(() => countFrom(prefix, clock.now()));
    if (first instanceof Promise)
      return keep(
        prefix,
        first.then((part) => countRest(prefix, part)),
      );
    return first.stop === null ? first.count : keep(prefix, countRest(prefix, first));
  };
}
