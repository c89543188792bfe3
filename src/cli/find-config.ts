/** Which configuration a command works on. */
import { existsSync } from 'node:fs';
import { isConfigurationVariable } from '../config/environment.ts';
import { type LoadResult, loadConfig } from '../config/load.ts';
import { formatProblems, type Problem } from '../config/problem.ts';
import type { Options, Terminal } from './command.ts';

export const configOption = { config: { type: 'string', short: 'c' } } as const;

export const configHelp = `  -c, --config FILE   YAML, JSON or TOML, by extension. Without it: the file that SALLYPORT_CONFIG names,
                      then ./sallyport.yaml, then SALLYPORT_… environment variables alone.
  -h, --help          This text
  -v, --version       The version`;

export interface FoundConfig {
  /** The file, or what stands for it in messages. */
  readonly label: string;
  /** Null when the environment alone says everything. */
  readonly file: string | null;
  readonly result: LoadResult;
}

/** Null when there is neither a file nor a variable. */
export function findConfig(options: Options, { env }: Terminal): FoundConfig | null {
  const file = (options.config as string | undefined) ?? env.SALLYPORT_CONFIG ?? defaultFile();
  if (file !== undefined) return { label: file, file, result: loadConfig({ file, env }) };
  if (!Object.keys(env).some(isConfigurationVariable)) return null;
  return { label: 'environment', file: null, result: loadConfig({ env }) };
}

const defaultFile = () => (existsSync('sallyport.yaml') ? 'sallyport.yaml' : undefined);

export const noConfig =
  'there is no configuration: name a file with --config, write one with `sallyport init`, or set SALLYPORT_… variables\n';

/** Everything that is wrong with a configuration, for standard error. */
export function describeInvalid(label: string, problems: readonly Problem[]): string {
  return `${label}: ${count(problems.length, 'problem')}\n${formatProblems(problems)}\n`;
}

/** `1 problem`, `2 problems`. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
