/** Keeps a number of workers serving: starts them, replaces those that leave or die, and ends them all. */
import type { Clock, RandomBytes } from '../core/clock.ts';
import type { Emit } from '../core/events.ts';
import { createBackOff } from './back-off.ts';
import type { Worker, WorkerEnd } from './worker.ts';

export interface WorkerPoolDeps {
  /** Starts a process. */
  readonly start: () => Worker;
  /** Resolves when it could accept connections. When it cannot, it ends. */
  readonly prepare: (worker: Worker) => Promise<unknown>;
  /** Asked before any worker listens; what it rejects with, the start rejects with. */
  readonly mayListen: () => Promise<void>;
  /** Resolves when it accepts connections. When it cannot, it ends. */
  readonly listen: (worker: Worker) => Promise<unknown>;
  /** Told of each worker that has ended, before it is forgotten. */
  readonly onEnd: (worker: Worker, end: WorkerEnd) => void;
  readonly emit: Emit;
  readonly clock: Clock;
  readonly random: RandomBytes;
}

export interface WorkerPool {
  /**
   * Resolves when all of them accept. The first one is brought alone: it makes what is shared (key, database), and
   * what keeps it from starting is told once. Rejects with `WorkerFailure` when one ends before that.
   */
  start(count: number): Promise<void>;
  /** Those that accept connections. */
  serving(): readonly Worker[];
  /** Every process that has not ended. */
  all(): readonly Worker[];
  /** Tells all to finish what runs; none is replaced any more. What still runs after `deadlineMs` is ended. */
  drain(deadlineMs: number): {
    /** How much runs, as far as they say so at once. */
    readonly inFlight: Promise<number>;
    /** Resolves when all have ended; true when all was finished. */
    readonly drained: Promise<boolean>;
  };
  /** Ends all at once. */
  kill(): void;
}

/** A worker ended before it served. */
export class WorkerFailure extends Error {
  readonly end: WorkerEnd;

  constructor(end: WorkerEnd) {
    super(
      end.signal === null
        ? `a worker ended with exit code ${end.exitCode} before it served`
        : `a worker was ended by ${end.signal} before it served`,
    );
    this.end = end;
  }
}

/** How long a worker may take to say that it drains (milliseconds). */
const drainAnswer = 1000;

export function createWorkerPool(deps: WorkerPoolDeps): WorkerPool {
  const all = new Set<Worker>();
  const serving = new Set<Worker>();
  const timers = new Set<NodeJS.Timeout>();
  let stopping = false;

  /** Starts a worker. `served` resolves when it accepts, and rejects when it ends before. */
  const launch = (): { worker: Worker; served: Promise<void> } => {
    const worker = deps.start();
    all.add(worker);
    const failed = worker.ended.then((end) => Promise.reject(new WorkerFailure(end)));
    const orFailed = (step: Promise<unknown>) => Promise.race([step.catch(() => failed), failed]);
    const bring = async (): Promise<void> => {
      await orFailed(deps.prepare(worker));
      await deps.mayListen();
      await orFailed(deps.listen(worker));
      serving.add(worker);
      deps.emit('worker.started', { worker: worker.pid });
    };
    const served = bring();
    void worker.left.then(() => serving.delete(worker));
    void worker.ended.then((end) => {
      all.delete(worker);
      deps.onEnd(worker, end);
    });
    return { worker, served };
  };

  /** Keeps one place filled, from this worker on. */
  const keep = (first: Worker, delayAfter: (livedMs: number) => number): void => {
    const startedAt = deps.clock.monotonic();
    let replacedInMs: number | null = null;
    void first.left.then(() => {
      if (stopping) return;
      const delay = delayAfter(deps.clock.monotonic() - startedAt);
      replacedInMs = delay;
      after(delay, () => {
        replacedInMs = null;
        const { worker, served } = launch();
        served.catch(() => {});
        keep(worker, delayAfter);
      });
    });
    void first.ended.then(({ exitCode, signal }) => {
      if (!stopping) deps.emit('worker.ended', { worker: first.pid, exitCode, signal, replacedInMs });
    });
  };

  const after = (delay: number, action: () => void): void => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      if (!stopping) action();
    }, delay);
    timers.add(timer);
  };

  const killAll = () => {
    for (const worker of all) worker.kill();
  };

  const bringOne = async (): Promise<Worker> => {
    const { worker, served } = launch();
    await served;
    return worker;
  };

  return {
    async start(count) {
      const first = await bringOne();
      const others = await Promise.all(Array.from({ length: count - 1 }, bringOne));
      for (const worker of [first, ...others]) keep(worker, createBackOff(deps.random));
    },
    serving: () => [...serving],
    all: () => [...all],
    drain(deadlineMs) {
      stopping = true;
      for (const timer of timers) clearTimeout(timer);
      const workers = [...all];
      const late = setTimeout(killAll, deadlineMs);
      const ends = Promise.all(workers.map(({ ended }) => ended)).finally(() => clearTimeout(late));
      return {
        inFlight: Promise.all(workers.map(askToDrain)).then((each) => each.reduce((a, b) => a + b, 0)),
        drained: ends.then((each) => each.every(({ drained }) => drained)),
      };
    },
    kill: killAll,
  };
}

/** Whether or not it answers in time, it drains. */
async function askToDrain(worker: Worker): Promise<number> {
  try {
    return (await worker.ask('drain', null, drainAnswer)).inFlight;
  } catch {
    return 0;
  }
}
