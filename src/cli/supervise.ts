/** The gate in several processes: starts the workers from the entry that stands beside this file. */
import { type ChildProcess, fork } from 'node:child_process';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { LoadResult } from '../config/load.ts';
import { createSupervisor } from '../workers/supervisor.ts';
import { WorkerFailure } from '../workers/worker-pool.ts';
import { exitCodes, type Terminal } from './command.ts';
import type { TextSource } from './find-source.ts';
import { guardProcess } from './guard-process.ts';
import { describeStartFailure } from './start-failure.ts';
import { readVersion } from './version.ts';

export type Loaded = Extract<LoadResult, { ok: true }>;

export interface Several extends Loaded {
  /** What the configuration was read from; null: the environment alone. */
  readonly source: TextSource | null;
  readonly workers: number;
}

/** Answers the exit code. */
export async function supervise(several: Several, terminal: Terminal): Promise<number> {
  const guard = guardProcess(terminal);
  const supervisor = createSupervisor(several.config, {
    workers: several.workers,
    version: readVersion(),
    warnings: several.warnings,
    file: several.source,
    fork: forkWorker,
  });
  // At a second signal, or whatever else ends this process without a drain that it could wait for.
  process.once('exit', supervisor.kill);
  try {
    try {
      await supervisor.listen();
      return await guard.stopped;
    } finally {
      await supervisor.close();
    }
  } catch (error) {
    if (!wasToldByWorker(error)) terminal.err(`sallyport: ${describeStartFailure(error)}\n`);
    return exitCodes.problem;
  } finally {
    process.off('exit', supervisor.kill);
    guard.release();
  }
}

/** A worker that ends with this code has said why on standard error. */
function wasToldByWorker(error: unknown): boolean {
  return error instanceof WorkerFailure && error.end.exitCode === exitCodes.problem;
}

/** Secrets are in neither its arguments nor anywhere else that others see: the configuration goes over the channel. */
function forkWorker(): ChildProcess {
  const entry = new URL(`./worker-main${extname(import.meta.url)}`, import.meta.url);
  return fork(fileURLToPath(entry), [], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
}
