/**
 * What a long-running process does about signals and about failures that nobody caught.
 *
 * A rejection that nobody handled belongs to one request: it is logged and the rest goes on being served. After an
 * exception that nobody caught the state of the process is not known: it is logged, and the gate drains and ends with
 * an exit code, so that a supervisor starts it afresh.
 */
import { exitCodes, type Terminal } from './command.ts';

export interface ProcessGuard {
  /** The exit code to end with, once something says that it is time. */
  readonly stopped: Promise<number>;
  release(): void;
}

/** Exit code of a process that a signal ended: 128 and the number of the signal. */
const signalCodes = { SIGINT: 130, SIGTERM: 143 } as const;

export function guardProcess(terminal: Terminal): ProcessGuard {
  const { promise, resolve } = Promise.withResolvers<number>();
  let stopping = false;
  const stop = (exitCode: number) => {
    stopping = true;
    resolve(exitCode);
  };
  const onSignal = (signal: keyof typeof signalCodes) => {
    if (stopping) process.exit(signalCodes[signal]);
    stop(exitCodes.ok);
  };
  const onRejection = (reason: unknown) => terminal.err(faultLine('unhandled rejection', reason));
  const onException = (error: unknown) => {
    terminal.err(faultLine('uncaught exception', error));
    if (!stopping) stop(exitCodes.problem);
  };
  const listeners = [
    ['SIGINT', onSignal],
    ['SIGTERM', onSignal],
    ['unhandledRejection', onRejection],
    ['uncaughtException', onException],
  ] as const;
  for (const [name, listener] of listeners) process.on(name, listener as () => void);
  return {
    stopped: promise,
    release() {
      for (const [name, listener] of listeners) process.off(name, listener as () => void);
    },
  };
}

/** One line of JSON for the log: where it happened, without the message, which may quote what was handled. */
export function faultLine(message: string, reason: unknown): string {
  const isError = reason instanceof Error;
  const frames = isError ? (reason.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line)) : [];
  const code: unknown = isError && 'code' in reason ? reason.code : undefined;
  return `${JSON.stringify({
    level: 'error',
    time: new Date().toISOString(),
    code: 'ERR_INTERNAL',
    msg: message,
    error: isError ? reason.name : typeof reason,
    ...(typeof code === 'string' ? { cause: code } : {}),
    stack: frames.slice(0, 20).map((line) => line.trim()),
  })}\n`;
}
