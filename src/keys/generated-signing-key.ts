/** The signing key that the gate makes for itself when none is configured: in its data folder, for its user only. */
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { RandomBytes } from '../core/clock.ts';
import { SallyportError } from '../core/errors.ts';
import { readSecretFile } from './read-secret-file.ts';
import { parseSigningKey, type SigningKey } from './signing-key.ts';
import { createSecretFile } from './write-secret-file.ts';

export interface GeneratedSigningKey {
  readonly key: SigningKey;
  /** Something an operator should hear about the file, or null. */
  readonly warning: string | null;
}

/**
 * Loads the key file at `path`, or makes it. Of several processes that start at once all get the same key.
 * Throws `ERR_KEYS_UNAVAILABLE`, with a message that says what to do.
 */
export function loadGeneratedSigningKey(
  path: string,
  deps: { readonly random: RandomBytes },
): GeneratedSigningKey {
  const found = read(path);
  if (found !== null) return found;
  make(path, deps.random);
  const made = read(path);
  if (made === null) throw unavailable(`the key file ${path} vanished while it was being made`);
  return made;
}

function read(path: string): GeneratedSigningKey | null {
  const file = readSecretFile(path);
  if (!file.ok) {
    if (file.missing) return null;
    throw unavailable(`${file.reason}: make it readable for the user that runs the gate, or delete it`);
  }
  const parsed = parseSigningKey(file.text);
  if (parsed.ok) return { key: parsed.key, warning: warningAbout(path, file.mode) };
  throw unavailable(`the key file ${path} ${parsed.reason}; deleted, it is made anew at the next start`);
}

function warningAbout(path: string, mode: number): string | null {
  if (process.platform === 'win32' || (mode & 0o077) === 0) return null;
  return `the key file ${path} is open to other users (mode ${mode.toString(8)}): run chmod 600 on it`;
}

function make(path: string, random: RandomBytes): void {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    createSecretFile(path, privateKey.export({ type: 'pkcs8', format: 'pem' }) as string, random);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    throw unavailable(
      `the key file ${path} cannot be made (${code}): make the folder writable, or configure assertions.keys`,
      error,
    );
  }
}

function unavailable(message: string, cause?: unknown): SallyportError {
  return new SallyportError('ERR_KEYS_UNAVAILABLE', message, cause === undefined ? {} : { cause });
}
