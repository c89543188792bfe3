/** Runs the command line of the sources as a process of its own, with nothing of this environment but the path. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

const running = new Set<ChildProcess>();

/** For `after`: a test that failed leaves no process behind. */
export function killCliProcesses(): void {
  for (const child of running) child.kill('SIGKILL');
}

export interface CliOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Modules to load before, as file URLs. */
  readonly imports?: readonly string[];
  /** A command that starts the rest of its arguments as a process in its own place: `setpriv`, `sh -c 'exec "$@"' sh`. */
  readonly launcher?: readonly string[];
}

export interface CliProcess {
  readonly process: ChildProcess;
  /** What was written so far. */
  out(): string;
  err(): string;
  /** The exit code; null when a signal ended it. */
  readonly exited: Promise<number | null>;
}

export function startCli(args: readonly string[], options: CliOptions): CliProcess {
  const { cwd, env = {}, imports = [], launcher = [] } = options;
  const loaded = imports.flatMap((url) => ['--import', url]);
  const [command = '', ...rest] = [...launcher, process.execPath, ...loaded, main, ...args];
  const child = spawn(command, rest, {
    cwd,
    env: { PATH: process.env.PATH ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  child.once('close', () => running.delete(child));
  const written = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    written.out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    written.err += text;
  });
  return {
    process: child,
    out: () => written.out,
    err: () => written.err,
    exited: once(child, 'close').then(([code]) => code as number | null),
  };
}

export interface CliResult {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export async function runCli(args: readonly string[], options: CliOptions): Promise<CliResult> {
  const cli = startCli(args, options);
  const code = await cli.exited;
  return { code, out: cli.out(), err: cli.err() };
}

/** Waits until `condition` answers something; fails after thirty seconds. */
export async function until<T>(condition: () => T | null | undefined | false): Promise<T> {
  const deadline = performance.now() + 30_000;
  for (;;) {
    const found = condition();
    if (found) return found;
    if (performance.now() > deadline) throw new Error(`waited in vain for ${condition}`);
    await sleep(10);
  }
}
