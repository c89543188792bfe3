/** Starting and stopping programs by their own pid, and what `/proc` tells of their CPU time and memory. */
import { type ChildProcess, spawn } from 'node:child_process';
import { openSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Running {
  readonly pid: number;
  stop(): Promise<void>;
}

export interface Start {
  readonly command: string;
  readonly args: readonly string[];
  /** What the program prints goes here. */
  readonly log: string;
  readonly cwd?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** Resolves once the program accepts connections here. */
  readonly port: number;
}

/** Starts a program and waits until its port accepts. Throws with the end of its output when it dies first. */
export async function start(options: Start): Promise<Running> {
  const log = openSync(options.log, 'w');
  const child = spawn(options.command, options.args, {
    stdio: ['ignore', log, log],
    env: { ...process.env, ...options.environment },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  try {
    await untilAccepting(options.port, child, 15_000);
  } catch (error) {
    await stopChild(child);
    const output = readFileSync(options.log, 'utf8').trim().split('\n').slice(-12).join('\n');
    throw new Error(`${options.command} did not start: ${(error as Error).message}\n${output}`);
  }
  return { pid: child.pid as number, stop: () => stopChild(child) };
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGTERM');
  const kill = setTimeout(() => child.kill('SIGKILL'), 8000);
  await ended;
  clearTimeout(kill);
}

/** Polls without pause: the answer is also the measure of how fast a program starts. */
export async function untilAccepting(port: number, child: ChildProcess, limitMs: number): Promise<void> {
  const deadline = performance.now() + limitMs;
  const { connect } = await import('node:net');
  for (;;) {
    if (child.exitCode !== null) throw new Error(`it ended with code ${child.exitCode}`);
    if (performance.now() > deadline) throw new Error(`nothing listens on port ${port}`);
    const accepted = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('connect', () => socket.destroy() && resolve(true));
      socket.once('error', () => resolve(false));
    });
    if (accepted) return;
    await sleep(2);
  }
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** `pid` and everything that it started. */
export function processTree(pid: number): readonly number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const fields = statFields(Number(name));
    if (fields !== null) parents.set(Number(name), Number(fields[1]));
  }
  const tree = [pid];
  for (const of of tree) {
    for (const [child, parent] of parents) if (parent === of) tree.push(child);
  }
  return tree;
}

/** Fields of `/proc/<pid>/stat` after the name, which may hold spaces and brackets itself. */
function statFields(pid: number): readonly string[] | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return null;
  }
}

/** User and system time of the processes, in microseconds; the kernel counts in ticks of 10 ms. */
export function cpuMicroseconds(pids: readonly number[]): number {
  let ticks = 0;
  for (const pid of pids) {
    const fields = statFields(pid);
    if (fields !== null) ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks * 10_000;
}

export interface Memory {
  /** Resident set size, bytes: shared pages are counted in every process. */
  readonly rss: number;
  /** Proportional set size, bytes: shared pages are divided among those who share them. */
  readonly pss: number;
}

export function memoryOf(pids: readonly number[]): Memory {
  let rss = 0;
  let pss = 0;
  for (const pid of pids) {
    rss += kibibytes(`/proc/${pid}/smaps_rollup`, 'Rss');
    pss += kibibytes(`/proc/${pid}/smaps_rollup`, 'Pss');
  }
  return { rss: rss * 1024, pss: pss * 1024 };
}

/** The current resident set of one process, in bytes; cheap enough to sample. */
export function residentBytes(pid: number): number {
  return kibibytes(`/proc/${pid}/status`, 'VmRSS') * 1024;
}

function kibibytes(file: string, field: string): number {
  const match = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync(file, 'utf8'));
  return match === null ? 0 : Number(match[1]);
}
