/** The entry of a worker process, which `sallyport serve` starts when `workers` asks for several. */
import { exitCodes } from './command.ts';
import { createTerminal } from './create-terminal.ts';
import { runWorker } from './worker.ts';

if (process.send === undefined) {
  process.stderr.write('sallyport: workers are started by `sallyport serve`\n');
  process.exitCode = exitCodes.usage;
} else {
  process.exitCode = await runWorker(createTerminal());
  // As for the gate of one process: a reader that stopped reading must not hold it (FL-073).
  setTimeout(() => process.exit(), 500).unref();
}
