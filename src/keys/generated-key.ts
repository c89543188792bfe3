/**
 * The key file that the gate makes for itself when none is configured: in its data folder, readable by its user only.
 * From then on it is a key file like every other.
 */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { RandomBytes } from '../core/clock.ts';
import { SallyportError } from '../core/errors.ts';
import { Secret } from '../core/secret.ts';
import { keyLength } from './create-key-ring.ts';
import type { KeySource } from './key-config.ts';
import { parseKeys } from './parse-keys.ts';
import { readSecretFile } from './read-secret-file.ts';
import { createSecretFile } from './write-secret-file.ts';

export interface GeneratedKey {
  readonly source: KeySource;
  /** Something an operator should hear about the file, or null. */
  readonly warning: string | null;
}

/** A key as a key file holds it: in base64. */
export function generateKey(random: RandomBytes): string {
  return random(keyLength).toString('base64');
}

/**
 * Loads the key file at `path`, or makes it. Of several processes that start at once all get the same key.
 * Throws `ERR_KEYS_UNAVAILABLE`, with a message that says what to do.
 */
export function loadGeneratedKey(path: string, deps: { readonly random: RandomBytes }): GeneratedKey {
  const found = read(path);
  if (found !== null) return found;
  make(path, deps.random);
  const made = read(path);
  if (made === null) throw unavailable(`the key file ${path} vanished while it was being made`);
  return made;
}

function read(path: string): GeneratedKey | null {
  const file = readSecretFile(path);
  if (!file.ok) {
    if (file.missing) return null;
    throw unavailable(
      `${file.reason}: make it readable for the user that runs the gate, or restore it from a backup`,
    );
  }
  const parsed = parseKeys(file.text);
  if (parsed.ok)
    return { source: { file: path, text: new Secret(file.text) }, warning: warningAbout(path, file.mode) };
  throw unavailable(
    `the key file ${path}: ${parsed.reason}. Restore it from a backup, or delete it to get a new key, which signs ` +
      'everybody out',
  );
}

function warningAbout(path: string, mode: number): string | null {
  if (process.platform === 'win32' || (mode & 0o077) === 0) return null;
  return `the key file ${path} is open to other users (mode ${mode.toString(8)}): run chmod 600 on it`;
}

function make(path: string, random: RandomBytes): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    createSecretFile(path, `${generateKey(random)}\n`, random);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    throw unavailable(
      `the key file ${path} cannot be made (${code}): make the folder writable, or configure session.keys`,
      error,
    );
  }
}

function unavailable(message: string, cause?: unknown): SallyportError {
  return new SallyportError('ERR_KEYS_UNAVAILABLE', message, cause === undefined ? {} : { cause });
}
