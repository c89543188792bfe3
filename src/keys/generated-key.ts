/** The key that the gate makes for itself when none is configured: `<dataDir>/session.key`, readable by its user only. */
import {
  closeSync,
  fstatSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import type { RandomBytes } from '../core/clock.ts';
import { SallyportError } from '../core/errors.ts';
import { keyLength } from './create-key-ring.ts';
import { parseKey } from './key-config.ts';

export interface GeneratedKey {
  readonly key: Buffer;
  /** Something an operator should hear about the file, or null. */
  readonly warning: string | null;
}

/** More than any key file has; what is longer is not one. */
const longestFile = 1024;

/**
 * Loads the key of `dataDir`, or makes it. Of several processes that start at once all get the same key.
 * Throws `ERR_KEYS_UNAVAILABLE`, with a message that says what to do.
 */
export function loadGeneratedKey(dataDir: string, deps: { readonly random: RandomBytes }): GeneratedKey {
  const path = join(dataDir, 'session.key');
  const found = readKeyFile(path);
  if (found !== null) return found;
  createKeyFile(dataDir, path, deps.random);
  const created = readKeyFile(path);
  if (created === null) throw unavailable(`the key file ${path} vanished while it was being made`, null);
  return created;
}

function readKeyFile(path: string): GeneratedKey | null {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw unavailable(
      `the key file ${path} cannot be read (${codeOf(error)}): make it readable for the user that runs the gate`,
      error,
    );
  }
  try {
    return { key: readKey(descriptor, path), warning: warningAbout(descriptor, path) };
  } finally {
    closeSync(descriptor);
  }
}

function readKey(descriptor: number, path: string): Buffer {
  const buffer = Buffer.alloc(longestFile);
  let length: number;
  try {
    length = readSync(descriptor, buffer, 0, longestFile, 0);
  } catch (error) {
    throw unavailable(`the key file ${path} cannot be read (${codeOf(error)})`, error);
  }
  const key = parseKey(buffer.toString('latin1', 0, length));
  if (key !== null) return key;
  throw unavailable(
    `the key file ${path} does not hold a key of 32 bytes in base64 (it has ${length} bytes): restore it from a backup, ` +
      'or delete it to get a new key, which signs everybody out',
    null,
  );
}

function warningAbout(descriptor: number, path: string): string | null {
  const mode = fstatSync(descriptor).mode & 0o777;
  if (process.platform === 'win32' || (mode & 0o077) === 0) return null;
  return `the key file ${path} is open to other users (mode ${mode.toString(8)}): run chmod 600 on it`;
}

/**
 * Written and flushed under another name, then linked into place: the name appears once, with all of the key behind
 * it, and never over a key that is there already.
 */
function createKeyFile(dataDir: string, path: string, random: RandomBytes): void {
  const draft = `${path}.${random(8).toString('hex')}`;
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    writeDurably(draft, `${random(keyLength).toString('base64')}\n`);
    try {
      linkSync(draft, path);
    } finally {
      rmSync(draft, { force: true });
    }
    flushFolder(dataDir);
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return;
    throw unavailable(
      `the key file ${path} cannot be made (${codeOf(error)}): make the folder writable, or configure session.keys`,
      error,
    );
  }
}

function writeDurably(path: string, text: string): void {
  const descriptor = openSync(path, 'wx', 0o600);
  try {
    writeSync(descriptor, text);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function flushFolder(path: string): void {
  if (process.platform === 'win32') return;
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown';
}

function unavailable(message: string, cause: unknown): SallyportError {
  return new SallyportError('ERR_KEYS_UNAVAILABLE', message, cause === null ? {} : { cause });
}
