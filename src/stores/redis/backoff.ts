/** How long to wait before the next try: twice as long each time, with chance in it so that a fleet does not come back at once. */
import type { RandomBytes } from '../../core/clock.ts';

const first = 50;
/** So that a server that is back is found soon, before others go on without what this process has to write (`locks.ts`). */
const longest = 1000;

/** Milliseconds before try number `attempt`, counted from 1: between half of the step and the step. */
export function backoff(attempt: number, random: RandomBytes): number {
  const step = Math.min(longest, first * 2 ** Math.min(attempt - 1, 10));
  return (step * (1 + random(2).readUInt16BE() / 0x10000)) / 2;
}
