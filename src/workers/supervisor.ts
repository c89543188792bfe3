/**
 * A gate of several processes on one port: this process starts the workers and replaces them, and serves the operators'
 * listener. Nothing of a request passes through it.
 */
import { createAdminServer } from '../admin/admin-server.ts';
import type { Warning } from '../config/problem.ts';
import type { Config } from '../config/schema.ts';
import { systemClock, systemRandom } from '../core/clock.ts';
import { createEmit, type Emit } from '../core/events.ts';
import { formatAddress } from '../core/format-address.ts';
import type { HostPort } from '../core/scalars.ts';
import { createEventLog } from '../observe/event-log.ts';
import { createLogger, type Logger } from '../observe/logger.ts';
import { createMetrics, type Metrics } from '../observe/metrics.ts';
import { createPoolMetrics } from './pool-metrics.ts';
import { readPoolReadiness } from './pool-readiness.ts';
import { createPoolSessions } from './pool-sessions.ts';
import type { ConfigSource, ListenAddresses, Prepared } from './protocol.ts';
import { reservePorts } from './reserve-port.ts';
import { type Child, createWorker, type Worker } from './worker.ts';
import { createWorkerPool } from './worker-pool.ts';

export interface SupervisorOptions {
  /** How many processes serve; 2 or more. */
  readonly workers: number;
  readonly version: string;
  readonly warnings: readonly Warning[];
  /** Where the configuration comes from, for the workers. */
  readonly file: ConfigSource['file'];
  /** Starts a worker process with a channel. */
  readonly fork: () => Child;
}

export interface Supervisor {
  /** Resolves when all workers accept. Rejects when one cannot, or an address cannot be had; then `close`. */
  listen(): Promise<void>;
  /** Lets the workers finish what runs. True when all was finished. */
  close(): Promise<boolean>;
  /** Ends the workers at once; for the end of this process. */
  kill(): void;
}

/** What workers may take beyond `listen.timeouts.drain` to let go of everything (milliseconds). */
const closingTime = 5000;
/** How long the last log lines may take to be written (milliseconds). */
const logDeadline = 2000;

export function createSupervisor(config: Config, options: SupervisorOptions): Supervisor {
  const { logger, metrics, emit } = createObservers(config, options);
  const state: State = {
    addresses: { address: config.listen.address, tls: config.listen.tls?.address ?? null },
    draining: false,
    abilities: 'none',
  };
  let reserved = false;
  const prepare = async (worker: Worker): Promise<void> => {
    const source: ConfigSource = { file: options.file, addresses: state.addresses };
    state.abilities = (await worker.ask('prepare', source, null)).abilities;
  };
  /** As late as possible: from then until the first worker listens somebody else could take the address. */
  const reserveOnce = async (): Promise<void> => {
    if (!reserved) await reservePorts(state.addresses);
    reserved = true;
  };
  const pool = createWorkerPool({
    start: () => createWorker(options.fork()),
    prepare,
    mayListen: reserveOnce,
    listen: (worker) => worker.ask('listen', null, null),
    onEnd: (worker, end) => poolMetrics.onEnd(worker, end),
    emit,
    clock: systemClock,
    random: systemRandom,
  });
  const poolMetrics = createPoolMetrics(metrics, pool);
  const readiness = async () => {
    const { ready, checks } = await readPoolReadiness(pool, options.workers);
    return state.draining ? { ready: false, checks: { ...checks, state: 'draining' } } : { ready, checks };
  };
  const admin =
    config.admin === undefined
      ? null
      : createAdminServer(config.admin, {
          metrics: poolMetrics,
          readiness,
          sessions: { directory: createPoolSessions(pool, () => state.abilities), clock: systemClock },
        });
  return {
    async listen() {
      for (const { path, message } of options.warnings)
        emit('config.warned', { message: `${path} ${message}` });
      const adminAddress = (await admin?.listen()) ?? null;
      const { address, tls } = state.addresses;
      if (address?.port === 0 || tls?.port === 0) state.addresses = await reservePorts(state.addresses);
      await pool.start(options.workers);
      emit('process.started', {
        version: options.version,
        address: formatOptional(state.addresses.address),
        tls: formatOptional(state.addresses.tls),
        admin: formatOptional(adminAddress),
      });
    },
    async close() {
      state.draining = true;
      const { inFlight, drained } = pool.drain(config.listen.timeouts.drain + closingTime);
      emit('process.draining', { inFlight: await inFlight });
      const allDrained = await drained;
      await admin?.close();
      emit('process.stopped', { drained: allDrained });
      await logger.close(logDeadline);
      return allDrained;
    },
    kill: pool.kill,
  };
}

const formatOptional = (address: HostPort | null) => (address === null ? null : formatAddress(address));

interface State {
  /** The ports are the real ones once the workers are started. */
  addresses: ListenAddresses;
  draining: boolean;
  abilities: Prepared['abilities'];
}

function createObservers(config: Config, { version }: SupervisorOptions): Observers {
  const logger = createLogger(config.log);
  const metrics = createMetrics({
    version,
    sessions: () => null,
    inFlight: () => 0,
    linesDropped: logger.dropped,
    serves: false,
  });
  return { logger, metrics, emit: createEmit([metrics.subscriber, createEventLog(logger)]) };
}

interface Observers {
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly emit: Emit;
}
