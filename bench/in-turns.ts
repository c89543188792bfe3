/**
 * Several under the same load in turns (A B C, C B A, …), judged by the median of the ratios of neighbours, which drift of
 * the machine hardly moves.
 */
import { median } from './median.ts';

export interface Turns {
  readonly rounds: number;
  /** Requests that each side answers before anything counts: compilers and pools get warm by work, not by time. */
  readonly warmUp: number;
}

/** Answers the measurements of each round, in the order of `sides`. */
export async function inTurns<Side, Measured extends { readonly requests: number }>(
  sides: readonly Side[],
  { rounds, warmUp }: Turns,
  measure: (side: Side) => Promise<Measured>,
): Promise<readonly (readonly Measured[])[]> {
  for (const side of sides) {
    for (let answered = 0; answered < warmUp; ) answered += (await measure(side)).requests;
  }
  const counted: (readonly Measured[])[] = [];
  for (let round = 0; round < rounds; round += 1) {
    // Who goes first alternates, or a drift would always count against the same side.
    const backwards = round % 2 === 1;
    const row: Measured[] = [];
    for (const side of backwards ? sides.toReversed() : sides) row.push(await measure(side));
    counted.push(backwards ? row.toReversed() : row);
  }
  return counted;
}

/** How the cost of a request differs between two sides. */
export interface CostChange {
  /** Per cent by which `to` is dearer; negative: cheaper. */
  readonly growth: number;
  /** `41.0 µs to 41.3 µs`. */
  readonly detail: string;
}

interface Cost {
  readonly cpuMicroseconds: number;
}

/** Sides by their place in each round. */
export function costChange(rounds: readonly (readonly Cost[])[], from: number, to: number): CostChange {
  const costs = (side: number) => rounds.map((row) => (row[side] as Cost).cpuMicroseconds);
  const [before, after] = [costs(from), costs(to)];
  const growth = median(after.map((cost, round) => cost / (before[round] as number))) * 100 - 100;
  return { growth, detail: `${median(before).toFixed(1)} µs to ${median(after).toFixed(1)} µs` };
}
