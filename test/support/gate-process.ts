/** The gate as a process of its own, from the command line, over whatever application and provider a test brings. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CliOptions, type CliProcess, type CliResult, runCli, startCli, until } from './cli.ts';
import { freePort } from './free-port.ts';
import { type LogLine, parseLines } from './gate-alone.ts';

const command = ['serve', '--config', 'sallyport.json'];

export interface GateProcess {
  readonly url: string;
  readonly port: number;
  /** Its working directory: `sallyport.json` and, unless configured otherwise, `data`. */
  readonly folder: string;
  /** The process that runs now, or ran last. */
  cli(): CliProcess;
  events(name?: string): readonly LogLine[];
  /** Starts a process and waits until it serves. */
  start(options?: Pick<CliOptions, 'env'>): Promise<void>;
  /** Starts a process that is expected to end by itself. */
  run(options?: Pick<CliOptions, 'launcher'>): Promise<CliResult>;
  /** Sends the signal and waits for the end; the exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
  /** Resident memory in bytes. */
  rss(): number;
  /** Ends what still runs and removes the folder. */
  close(): Promise<void>;
}

export interface GateProcessSetup {
  readonly url?: string;
  /** As for the gate alone: over `publicUrl`, `listen.address` and `log`. */
  readonly config: Readonly<Record<string, unknown>>;
}

/** Writes the configuration; nothing runs until `start`. */
export async function prepareGateProcess(setup: GateProcessSetup): Promise<GateProcess> {
  const url = setup.url ?? `http://127.0.0.1:${await freePort()}`;
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-process-'));
  const config = {
    publicUrl: url,
    ...setup.config,
    listen: { address: new URL(url).host, ...(setup.config.listen as object | undefined) },
    log: { format: 'json', ...(setup.config.log as object | undefined) },
  };
  writeFileSync(join(folder, 'sallyport.json'), JSON.stringify(config));
  let cli: CliProcess | null = null;
  const current = (): CliProcess => {
    if (cli === null) throw new Error('the gate was not started');
    return cli;
  };
  const events = (name?: string) =>
    parseLines(current().out()).filter((line) => name === undefined || line.event === name);
  return {
    url,
    port: Number(new URL(url).port),
    folder,
    cli: current,
    events,
    async start(options) {
      const started = startCli(command, { cwd: folder, ...options });
      cli = started;
      await until(() => {
        if (started.process.exitCode !== null) throw new Error(`it ended: ${started.err()}`);
        return started.out().includes('process.started');
      });
    },
    run: (options) => runCli(command, { cwd: folder, ...options }),
    async stop(signal = 'SIGTERM') {
      current().process.kill(signal);
      return current().exited;
    },
    rss: () => residentMemory(current().process.pid as number),
    async close() {
      if (cli !== null && cli.process.exitCode === null && cli.process.signalCode === null) {
        cli.process.kill('SIGKILL');
        await cli.exited;
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Resident memory of a process in bytes (Linux). */
export function residentMemory(pid: number): number {
  const kilobytes = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kilobytes) * 1024;
}
