/** What a gate holds on to: its memory without garbage, which varies by tens of megabytes from one moment to the next. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { residentBytes } from './processes.ts';

/** For the environment of a gate whose memory is to be measured so. */
export const collectable = {
  NODE_OPTIONS: `--expose-gc --import=${join(import.meta.dirname, 'collect-on-signal.ts')}`,
} as const;

/** Milliseconds from the signal until pages are given back. */
const collecting = 500;

/** Resident bytes of a process that was started with `collectable`, after a collection. */
export async function heldBytes(pid: number): Promise<number> {
  // Twice: what is finalized by the first is freed by the second.
  for (let i = 0; i < 2; i += 1) {
    process.kill(pid, 'SIGUSR2');
    await sleep(collecting);
  }
  return residentBytes(pid);
}
