/** Which configuration a command works on. */
import { existsSync } from 'node:fs';
import { isConfigurationVariable } from '../config/environment.ts';
import { type LoadResult, loadConfig } from '../config/load.ts';
import type { Options, Terminal } from './command.ts';

export const configOption = { config: { type: 'string', short: 'c' } } as const;

export const configHelp = `  -c, --config FILE   YAML, JSON or TOML, by extension. Without it: the file that SALLYPORT_CONFIG names,
                      then ./sallyport.yaml, then SALLYPORT_… environment variables alone.
  -h, --help          This text
  -v, --version       The version`;

export interface FoundConfig {
  /** The file, or what stands for it in messages. */
  readonly label: string;
  readonly result: LoadResult;
}

/** Null when there is neither a file nor a variable. */
export function findConfig(options: Options, { env }: Terminal): FoundConfig | null {
  const file = (options.config as string | undefined) ?? env.SALLYPORT_CONFIG ?? defaultFile();
  if (file !== undefined) return { label: file, result: loadConfig({ file, env }) };
  if (!Object.keys(env).some(isConfigurationVariable)) return null;
  return { label: 'environment', result: loadConfig({ env }) };
}

const defaultFile = () => (existsSync('sallyport.yaml') ? 'sallyport.yaml' : undefined);

export const noConfig =
  'there is no configuration: name a file with --config, write one with `sallyport init`, or set SALLYPORT_… variables\n';
