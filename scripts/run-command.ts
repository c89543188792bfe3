/** Runs a program to its end in the root of this checkout. */
import { spawnSync } from 'node:child_process';
import { root } from './root.ts';

export interface RunOptions {
  /** Keep the output to oneself and answer it. */
  readonly quiet?: boolean;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export interface Ran {
  readonly ok: boolean;
  /** What it wrote, when it was told to be quiet. */
  readonly out: string;
  readonly err: string;
}

export function runCommand(program: string, args: readonly string[], options: RunOptions = {}): Ran {
  const result = spawnSync(program, args, {
    cwd: options.cwd ?? root,
    env: options.env ?? process.env,
    stdio: options.quiet === true ? ['ignore', 'pipe', 'pipe'] : ['ignore', 'inherit', 'inherit'],
    encoding: 'utf8',
  });
  return { ok: result.status === 0, out: result.stdout ?? '', err: result.stderr ?? '' };
}

/** A program of a development dependency. */
export const localProgram = (name: string) => `${root}/node_modules/.bin/${name}`;
