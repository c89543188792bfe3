/** Reads a file that a secret refers to: a regular one, of a size that secrets have. */
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

export type SecretFile =
  | {
      readonly ok: true;
      /** Without the line break at the end. Never empty. */
      readonly text: string;
      /** Permission bits. */
      readonly mode: number;
    }
  | {
      readonly ok: false;
      /** A sentence about the file that names it by its path; nothing of what it holds. */
      readonly reason: string;
      /** Whether there is no such file. */
      readonly missing: boolean;
    };

export type SecretBytes =
  | { readonly ok: true; readonly bytes: Buffer }
  | Extract<SecretFile, { readonly ok: false }>;

/** No secret is longer; a reference to a log file must not fill the memory, and one to a device never ends. */
const largestFile = 64 * 1024;

/** Of one moment: what is looked at is what is read. A pipe that nobody writes to does not block the start. */
const readOnly = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/** For the start, and for commands. */
export function readSecretFile(path: string): SecretFile {
  return readAtStart(path, (bytes, mode) => contentOf(path, { text: bytes.toString('utf8'), mode }));
}

/** The same for a file of bytes, as they stand. Never empty. */
export function readSecretBytes(path: string): SecretBytes {
  return readAtStart(path, (bytes) =>
    bytes.length === 0 ? failed(`the file ${path} is empty`) : { ok: true, bytes },
  );
}

type Failed = Extract<SecretFile, { readonly ok: false }>;

function readAtStart<T>(path: string, take: (bytes: Buffer, mode: number) => T): T | Failed {
  try {
    const descriptor = openSync(path, readOnly);
    try {
      const stat = fstatSync(descriptor);
      const refusal = refuse(path, stat);
      return refusal ?? take(readFileSync(descriptor), stat.mode);
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    return unreadable(path, error);
  }
}

/** For looking again while requests are served: a file system that hangs holds up nothing else. */
export async function rereadSecretFile(path: string): Promise<SecretFile> {
  let handle: FileHandle | null = null;
  try {
    handle = await open(path, readOnly);
    const stat = await handle.stat();
    const refusal = refuse(path, stat);
    return refusal ?? contentOf(path, { text: await handle.readFile('utf8'), mode: stat.mode });
  } catch (error) {
    return unreadable(path, error);
  } finally {
    await handle?.close().catch(() => {});
  }
}

function refuse(path: string, stat: { isFile(): boolean; readonly size: number }): Failed | null {
  if (!stat.isFile()) return failed(`the file ${path} is no regular file`);
  return stat.size > largestFile ? failed(`the file ${path} is larger than 64 KiB`) : null;
}

function contentOf(path: string, file: { readonly text: string; readonly mode: number }): SecretFile {
  const text = file.text.replace(/\r?\n$/, '');
  return text === '' ? failed(`the file ${path} is empty`) : { ok: true, text, mode: file.mode & 0o777 };
}

function unreadable(path: string, error: unknown): Failed {
  const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
  return { ...failed(`the file ${path} cannot be read (${code})`), missing: code === 'ENOENT' };
}

function failed(reason: string): Failed {
  return { ok: false, reason, missing: false };
}
