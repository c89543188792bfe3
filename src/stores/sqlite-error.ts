/** The one place where failures of SQLite and of its file are translated, by their code (https://sqlite.org/rescode.html). */
import { SallyportError } from '../core/errors.ts';

interface Translation {
  /** A stable word. */
  readonly detail: string;
  /** What happened and what to do, after the path. */
  readonly message: string;
}

const byPrimaryCode: ReadonlyMap<number, Translation> = new Map([
  [3, { detail: 'permission', message: 'may not be opened: give the user that runs the gate access to it' }],
  [5, { detail: 'busy', message: 'is locked by another process for too long' }],
  [6, { detail: 'busy', message: 'is locked by another statement' }],
  [8, { detail: 'read-only', message: 'cannot be written: make the file and its folder writable' }],
  [10, { detail: 'io', message: 'cannot be read or written: look at the disk' }],
  [
    11,
    {
      detail: 'corrupt',
      message:
        'is damaged: restore it from a backup, or move it away to begin anew, which signs everybody out',
    },
  ],
  [13, { detail: 'full', message: 'cannot grow: the disk, or the limit on its size, is full' }],
  [
    14,
    {
      detail: 'cannot-open',
      message: 'cannot be opened: look at its folder, its owner and the access to it',
    },
  ],
  [
    26,
    {
      detail: 'not-a-database',
      message: 'is not a SQLite database: move it away, or set another path; the gate does not overwrite it',
    },
  ],
]);

const byFileCode: ReadonlyMap<string, Translation> = new Map([
  ['EACCES', { detail: 'permission', message: 'may not be opened: give the user that runs the gate access' }],
  ['EPERM', { detail: 'permission', message: 'may not be opened: give the user that runs the gate access' }],
  ['EROFS', { detail: 'read-only', message: 'is on a file system that cannot be written' }],
  ['ENOSPC', { detail: 'full', message: 'cannot be made: the disk is full' }],
  [
    'ENOTDIR',
    { detail: 'cannot-open', message: 'cannot be made: a part of its path is a file, not a folder' },
  ],
  [
    'EEXIST',
    { detail: 'cannot-open', message: 'cannot be made: a part of its path is a file, not a folder' },
  ],
  ['EISDIR', { detail: 'cannot-open', message: 'is a folder, not a file' }],
]);

/** `ERR_STORE_UNAVAILABLE` with a stable `detail` and a message for the operator. */
export function storeUnavailable(path: string, error: unknown): SallyportError {
  if (error instanceof SallyportError) return error;
  const { detail, message } = translate(error);
  return storeFailure(path, detail, message, error);
}

/** The same for what the store itself found wrong with the file. */
export function storeFailure(path: string, detail: string, message: string, cause?: unknown): SallyportError {
  return new SallyportError('ERR_STORE_UNAVAILABLE', `the session store ${path} ${message}`, {
    detail,
    retryAfter: 5,
    cause,
  });
}

/** True when another process held the lock: trying again helps. */
export function isBusy(error: unknown): boolean {
  return primaryCode(error) === 5;
}

function translate(error: unknown): Translation {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
  const known = byPrimaryCode.get(primaryCode(error) ?? -1) ?? byFileCode.get(code);
  if (known !== undefined) return known;
  if (code === 'ERR_INVALID_STATE') return { detail: 'closed', message: 'is closed' };
  return { detail: 'failed', message: `failed (${code})` };
}

/** Extended codes carry the primary one in their low byte. */
function primaryCode(error: unknown): number | null {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return null;
  return error.errcode & 0xff;
}
