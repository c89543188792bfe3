/** One of several gates on one port: does what its supervisor asks until it is told to end, fails or is left alone. */
import { loadConfig } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import type { Gate, GateOperations } from '../index.ts';
import type { Answers } from '../workers/channel.ts';
import type { ConfigSource, Prepared } from '../workers/protocol.ts';
import { answerSupervisor, type Supervised } from '../workers/worker-side.ts';
import { exitCodes, type Terminal } from './command.ts';
import { describeInvalid } from './find-config.ts';
import { guardProcess } from './guard-process.ts';
import { describeStartFailure } from './start-failure.ts';
import { tuneHeap } from './tune-heap.ts';
import { readVersion } from './version.ts';

/** Answers the exit code. This process has a channel to its parent. */
export async function runWorker(terminal: Terminal): Promise<number> {
  const guard = guardProcess(terminal);
  const told = Promise.withResolvers<number>();
  const life = createLife(terminal, told.resolve);
  const supervised = answerSupervisor(process, life.answers);
  const orphaned = supervised.orphaned.then(() => exitCodes.ok);
  const exitCode = await Promise.race([told.promise, guard.stopped, orphaned]);
  await supervised.tell({ kind: 'draining' });
  await finish(life.gate(), supervised);
  guard.release();
  return exitCode;
}

async function finish(gate: Gate | null, supervised: Supervised): Promise<void> {
  if (gate !== null) {
    const drained = await gate.close();
    await supervised.tell({ kind: 'stopped', drained, metrics: await gate.operations.metrics.snapshot() });
  }
  supervised.close();
}

interface Life {
  readonly answers: Answers;
  gate(): Gate | null;
}

/** `end` is called with the exit code when the supervisor says so or the start has failed. */
function createLife(terminal: Terminal, end: (exitCode: number) => void): Life {
  let gate: Gate | null = null;
  const operations = (): GateOperations => {
    if (gate === null) throw new Error('asked before it was prepared');
    return gate.operations;
  };
  /** What keeps a worker from starting stands on standard error; the supervisor only sees it end. */
  const orEnd = async <T>(step: () => Promise<T>): Promise<T> => {
    try {
      return await step();
    } catch (error) {
      terminal.err(
        error instanceof InvalidConfig ? error.message : `sallyport: ${describeStartFailure(error)}\n`,
      );
      end(exitCodes.problem);
      throw error;
    }
  };
  const prepare = async (source: ConfigSource): Promise<Prepared> => {
    gate = await makeGate(source, terminal);
    return { abilities: gate.operations.sessions.abilities };
  };
  return {
    gate: () => gate,
    answers: {
      prepare: (source) => orEnd(() => prepare(source)),
      listen: () => orEnd(async () => void (await gate?.listen())),
      drain() {
        end(exitCodes.ok);
        return { inFlight: gate?.operations.inFlight() ?? 0 };
      },
      metrics: () => operations().metrics.snapshot(),
      readiness: () => operations().readiness(),
      'sessions.list': ({ filter, page }) => operations().sessions.list(filter, page ?? undefined),
      'sessions.find': (id) => operations().sessions.find(id),
      'sessions.end': ({ filter, options }) => operations().sessions.end(filter, options),
    },
  };
}

class InvalidConfig extends Error {}

function listenAt(listen: Config['listen'], { address, tls }: ConfigSource['addresses']): Config['listen'] {
  if (listen.tls === undefined || tls === null) return { ...listen, address };
  return { ...listen, address, tls: { ...listen.tls, address: tls } };
}

async function makeGate({ file, addresses }: ConfigSource, terminal: Terminal): Promise<Gate> {
  const { env } = terminal;
  const result = loadConfig(file === null ? { env } : { file: file.path, text: file.text, env });
  if (!result.ok) throw new InvalidConfig(describeInvalid(file?.path ?? 'environment', result.problems));
  tuneHeap();
  const { createGate } = await import('../index.ts');
  const config = { ...result.config, listen: listenAt(result.config.listen, addresses) };
  return createGate(config, { version: readVersion(), worker: true });
}
