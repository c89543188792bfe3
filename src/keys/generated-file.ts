/** A key file that the gate makes for itself: in its data folder, readable by its user only. */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { RandomBytes } from '../core/clock.ts';
import { SallyportError } from '../core/errors.ts';
import { readSecretFile } from './read-secret-file.ts';
import { createSecretFile } from './write-secret-file.ts';

/** What is in such a file, and what to say when it cannot be had. */
export interface GeneratedContent<T> {
  /** The reason quotes nothing of the text. */
  readonly parse: (
    text: string,
  ) => { readonly ok: true; readonly value: T } | { readonly ok: false; readonly reason: string };
  /** The text of a new one. */
  readonly make: () => string;
  /** The other way out when the file cannot be read, after `or`. */
  readonly otherwise: string;
  /** A sentence that says how to mend what is in it. */
  readonly repair: string;
  /** The option that makes the file unnecessary. */
  readonly option: string;
}

export interface GeneratedFile<T> {
  readonly value: T;
  /** Something an operator should hear about the file, or null. */
  readonly warning: string | null;
}

/**
 * Loads the key file at `path`, or makes it. Of several processes that start at once all get the same key.
 * Throws `ERR_KEYS_UNAVAILABLE`, with a message that says what to do.
 */
export function loadGeneratedFile<T>(
  path: string,
  content: GeneratedContent<T>,
  random: RandomBytes,
): GeneratedFile<T> {
  const found = read(path, content);
  if (found !== null) return found;
  make(path, content, random);
  const made = read(path, content);
  if (made === null) throw unavailable(`the key file ${path} vanished while it was being made`);
  return made;
}

function read<T>(path: string, content: GeneratedContent<T>): GeneratedFile<T> | null {
  const file = readSecretFile(path);
  if (!file.ok) {
    if (file.missing) return null;
    throw unavailable(
      `${file.reason}: make it readable for the user that runs the gate, or ${content.otherwise}`,
    );
  }
  const parsed = content.parse(file.text);
  if (parsed.ok) return { value: parsed.value, warning: warningAbout(path, file.mode) };
  throw unavailable(`the key file ${path}: ${parsed.reason}. ${content.repair}`);
}

function warningAbout(path: string, mode: number): string | null {
  if (process.platform === 'win32' || (mode & 0o077) === 0) return null;
  return `the key file ${path} is open to other users (mode ${mode.toString(8)}): run chmod 600 on it`;
}

function make<T>(path: string, content: GeneratedContent<T>, random: RandomBytes): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    createSecretFile(path, content.make(), random);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    throw unavailable(
      `the key file ${path} cannot be made (${code}): make the folder writable, or configure ${content.option}`,
      error,
    );
  }
}

function unavailable(message: string, cause?: unknown): SallyportError {
  return new SallyportError('ERR_KEYS_UNAVAILABLE', message, cause === undefined ? {} : { cause });
}
