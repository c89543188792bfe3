/** `sallyport serve`: runs the gate until it is told to stop, in this process or in several that it looks after. */
import { availableParallelism } from 'node:os';
import type { Config } from '../config/schema.ts';
import { type Command, exitCodes, type Terminal } from './command.ts';
import { describeInvalid, noConfig } from './find-config.ts';
import { findSource, sourceCommand } from './find-source.ts';
import { guardProcess } from './guard-process.ts';
import { describeStartFailure } from './start-failure.ts';
import { type Loaded, supervise } from './supervise.ts';
import { tuneHeap } from './tune-heap.ts';
import { readVersion } from './version.ts';

export const serveCommand: Command = {
  ...sourceCommand,
  help: `${sourceCommand.help}

SIGTERM and SIGINT drain: no new connections, what runs is finished, exit code 0. A second signal ends at once.
Exit code 1: the configuration is not valid, or the gate could not start. 2: wrong usage.`,

  async run(options, terminal, operands) {
    const found = findSource({ options, operands, terminal });
    if (found === null || typeof found === 'string') {
      terminal.err(`sallyport serve: ${found ?? noConfig}`);
      return exitCodes.usage;
    }
    const { label, source, result } = found;
    if (!result.ok) {
      terminal.err(describeInvalid(label, result.problems));
      return exitCodes.problem;
    }
    const workers = countWorkers(result.config);
    return workers === 1 ? serve(result, terminal) : supervise({ ...result, source, workers }, terminal);
  },
};

function countWorkers({ workers }: Config): number {
  return workers === 'auto' ? availableParallelism() : workers;
}

async function serve({ config, warnings }: Loaded, terminal: Terminal): Promise<number> {
  tuneHeap();
  const { createGate } = await import('../index.ts');
  const guard = guardProcess(terminal);
  try {
    const gate = createGate(config, { version: readVersion(), warnings });
    try {
      await gate.listen();
      return await guard.stopped;
    } finally {
      await gate.close();
    }
  } catch (error) {
    terminal.err(`sallyport: ${describeStartFailure(error)}\n`);
    return exitCodes.problem;
  } finally {
    guard.release();
  }
}
