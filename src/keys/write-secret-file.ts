/** Writes files that hold keys: durable, never half there, and for their user alone. */
import {
  closeSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  linkSync,
  openSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import type { RandomBytes } from '../core/clock.ts';

/**
 * Makes the file with mode 0600. It appears under its name once, with all of the text behind it, and never over one
 * that is there already: false then. Throws the errors of the file system.
 */
export function createSecretFile(path: string, text: string, random: RandomBytes): boolean {
  const draft = draftOf(path, random);
  try {
    writeDurably(draft, text, null);
    linkSync(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
  flushFolder(dirname(path));
  return true;
}

/**
 * Puts another text into the place of the file, with the same mode and owner: who reads it meanwhile gets the old one
 * or the new one, whole. Throws the errors of the file system; the file is as it was then.
 */
export function replaceSecretFile(path: string, text: string, random: RandomBytes): void {
  const draft = draftOf(path, random);
  try {
    writeDurably(draft, text, statSync(path));
    renameSync(draft, path);
  } finally {
    rmSync(draft, { force: true });
  }
  flushFolder(dirname(path));
}

/** In the same folder, so that it can take the place of the file at once. */
const draftOf = (path: string, random: RandomBytes) => `${path}.${random(8).toString('hex')}`;

function writeDurably(path: string, text: string, like: Stats | null): void {
  const descriptor = openSync(path, 'wx', 0o600);
  try {
    if (like !== null && process.platform !== 'win32') {
      fchownSync(descriptor, like.uid, like.gid);
      fchmodSync(descriptor, like.mode & 0o777);
    }
    writeSync(descriptor, text);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** The name is on the disk only when its folder is. */
function flushFolder(path: string): void {
  if (process.platform === 'win32') return;
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
