/** A worker process as its supervisor sees it: something to ask, that may leave and that ends at some time. */
import type { ChildProcess } from 'node:child_process';
import type { MetricsSnapshot } from '../observe/metrics.ts';
import { type Asker, createAsker } from './channel.ts';
import type { Told } from './protocol.ts';

export interface Worker {
  readonly pid: number;
  readonly ask: Asker['ask'];
  /** Resolves when it no longer accepts, or has ended. */
  readonly left: Promise<void>;
  readonly ended: Promise<WorkerEnd>;
  /** Ends it at once. */
  kill(): void;
}

export interface WorkerEnd {
  /** Null when a signal ended it. */
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** Everything that ran was finished. */
  readonly drained: boolean;
  /** Its last word on its metrics; null when it could say none. */
  readonly metrics: MetricsSnapshot | null;
}

/** What `createWorker` needs of a child process that was forked with a channel. */
export type Child = Pick<ChildProcess, 'pid' | 'send' | 'kill' | 'on' | 'once'>;

export function createWorker(child: Child): Worker {
  const left = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<WorkerEnd>();
  // A channel that is closed is told of by the end of the process; the callback keeps it from being an error as well.
  const asker = createAsker((message) => void child.send(message, () => {}));
  let last: Extract<Told, { kind: 'stopped' }> | null = null;
  const end = (exitCode: number | null, signal: string | null) => {
    asker.end();
    left.resolve();
    ended.resolve({ exitCode, signal, drained: last?.drained ?? false, metrics: last?.metrics ?? null });
  };
  child.on('message', (message: unknown) => {
    const told = message as Told;
    if (told.kind === 'answer') asker.take(told);
    else if (told.kind === 'draining') left.resolve();
    else last = told;
  });
  // `close` comes when the last message has been read as well.
  child.once('close', end);
  // It could not be started, for lack of processes or memory.
  child.on('error', () => {
    if (child.pid === undefined) end(null, null);
  });
  return {
    pid: child.pid ?? 0,
    ask: asker.ask,
    left: left.promise,
    ended: ended.promise,
    kill: () => void child.kill('SIGKILL'),
  };
}
