/** Why the gate could not start, in one sentence that says what to do, without a stack. */
import { SallyportError } from '../core/errors.ts';

export function describeStartFailure(error: unknown): string {
  for (const each of causes(error)) {
    const sentence = systemSentence(each);
    if (sentence !== null) return sentence;
  }
  if (error instanceof SallyportError) return `cannot start: ${oneLine(error.message)} (${error.code})`;
  return `cannot start: ${error instanceof Error ? oneLine(error.message) : 'unexpected error'}`;
}

interface SystemError extends Error {
  readonly code?: string;
  readonly syscall?: string;
  readonly address?: string;
  readonly port?: number;
  readonly path?: string;
  /** SQLite's own result code. */
  readonly errcode?: number;
}

/** The error and what caused it, outermost first. */
function* causes(error: unknown): Generator<SystemError> {
  for (let at = error, depth = 0; at instanceof Error && depth < 8; at = at.cause, depth++)
    yield at as SystemError;
}

const pathReasons: Readonly<Record<string, string>> = {
  EACCES: 'this user may not read or write it',
  EPERM: 'this user may not read or write it',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the quota is used up',
  ENOTDIR: 'a part of the path is not a directory',
  EISDIR: 'it is a directory',
  ENOENT: 'it does not exist',
};

function systemSentence(error: SystemError): string | null {
  if (error.syscall === 'listen' || error.syscall === 'bind') return listenSentence(error);
  const reason = pathReasons[error.code ?? ''];
  if (reason !== undefined && error.path !== undefined) return `cannot use ${error.path}: ${reason}`;
  return error.errcode === undefined ? null : databaseSentence(error.errcode);
}

function listenSentence({ code, address, port }: SystemError): string {
  const at = `${address?.includes(':') ? `[${address}]` : address}:${port}`;
  if (code === 'EADDRINUSE')
    return `cannot listen on ${at}: another process already does; choose another address or end that process`;
  if (code === 'EACCES') return `cannot listen on ${at}: this user may not use the port`;
  if (code === 'EADDRNOTAVAIL') return `cannot listen on ${at}: this machine does not have the address`;
  return `cannot listen on ${at} (${code})`;
}

/** https://www.sqlite.org/rescode.html: the low byte is the primary result code. */
function databaseSentence(errcode: number): string | null {
  const sentences: Readonly<Record<number, string>> = {
    8: 'the session database in dataDir cannot be written',
    10: 'the disk fails under the session database in dataDir',
    11: 'the session database in dataDir is damaged: move it away and start again; everybody signs in anew',
    13: 'the session database in dataDir cannot grow: the disk is full',
    14: 'the session database in dataDir cannot be opened',
    26: 'the session database in dataDir is not a database: move it away and start again; everybody signs in anew',
  };
  return sentences[errcode & 0xff] ?? null;
}

const oneLine = (message: string) => message.replace(/\s+/g, ' ').slice(0, 500);
