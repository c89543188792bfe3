/** The session directory for the admin listener: the worker that answers first is asked, as all share one store. */
import { SallyportError } from '../core/errors.ts';
import type { SessionDirectory } from '../sessions/session-directory.ts';
import type { Asker } from './channel.ts';
import type { Worker } from './worker.ts';
import type { WorkerPool } from './worker-pool.ts';

/** To look through the sessions, or to end many of them (milliseconds). */
const deadline = 30_000;
/** For a sign of life (milliseconds): one worker that hangs must not keep an operator from ending sessions. */
const signDeadline = 1000;

export type PoolSessions = Pick<SessionDirectory, 'abilities' | 'list' | 'find' | 'end'>;

/** `abilities` is asked for when it is read: the first worker has to be there to know them. */
export function createPoolSessions(
  pool: Pick<WorkerPool, 'serving'>,
  abilities: () => SessionDirectory['abilities'],
): PoolSessions {
  const ask: Asker['ask'] = async (name, body) => {
    try {
      const worker = await Promise.any(pool.serving().map(whenAlive));
      return await worker.ask(name, body, deadline);
    } catch (error) {
      throw error instanceof SallyportError ? error : unavailable(error);
    }
  };
  return {
    get abilities() {
      return abilities();
    },
    list: (filter, page) => ask('sessions.list', { filter, page: page ?? null }, deadline),
    find: (id) => ask('sessions.find', id, deadline),
    end: (filter, options) => ask('sessions.end', { filter, options }, deadline),
  };
}

async function whenAlive(worker: Worker): Promise<Worker> {
  await worker.ask('readiness', null, signDeadline);
  return worker;
}

function unavailable(cause: unknown): SallyportError {
  return new SallyportError('ERR_STORE_UNAVAILABLE', 'no worker could be asked', { cause });
}
