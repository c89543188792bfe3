/** A lock between processes on one machine: a file that only one of them can make. */
import { closeSync, openSync, rmSync } from 'node:fs';

/** A function that gives the lock back, or null when somebody has it. Throws the errors of the file system. */
export function lockFile(path: string): (() => void) | null {
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return null;
    throw error;
  }
  return () => rmSync(path, { force: true });
}
