/** What `serve` and `check` work on: a configuration of the gate, or with `--from` that of another proxy. */
import { readFileSync } from 'node:fs';
import { converters } from '../config/convert/converters.ts';
import { loadConverted } from '../config/convert/load-converted.ts';
import type { LoadResult } from '../config/load.ts';
import type { Options, Terminal } from './command.ts';
import { configHelp, configOption, findConfig } from './find-config.ts';

/** The text that a configuration was read from, and the file that it stands in or stands for. */
export interface TextSource {
  readonly path: string;
  readonly text: string;
}

export interface FoundSource {
  /** The file, or what stands for it in messages. */
  readonly label: string;
  readonly result: LoadResult;
  /** Null when the environment alone says everything, or when nothing could be read. */
  readonly source: TextSource | null;
}

const names = converters.map(({ name }) => name).join(', ');

/** The options of a command that takes any of them, and their help. */
export const sourceCommand = {
  options: { ...configOption, from: { type: 'string' } },
  operands: '[<file>]',
  usage: '[options] [<file>]',
  help: `      --from PROXY    Read what another proxy was configured with: ${names}. Its environment variables,
                      and its own file, which may be named behind
${configHelp}`,
} as const;

export interface SourceRequest {
  readonly options: Options;
  readonly operands: readonly string[];
  readonly terminal: Terminal;
}

/** Null when there is no configuration; a sentence when it was asked for wrongly. */
export function findSource({ options, operands, terminal }: SourceRequest): FoundSource | string | null {
  if (options.from !== undefined) return findForeign({ options, operands, terminal });
  if (operands.length > 0) return 'a file is named with --config; without it, it belongs to --from\n';
  const found = findConfig(options, terminal);
  if (found === null) return null;
  const { label, file, result } = found;
  const source = file === null || !result.ok ? null : { path: file, text: readFileSync(file, 'utf8') };
  return { label, result, source };
}

function findForeign({ options, operands, terminal }: SourceRequest): FoundSource | string {
  const converter = converters.find(({ name }) => name === options.from);
  if (converter === undefined) return `nothing is known of the proxy that --from names; known: ${names}\n`;
  if (options.config !== undefined) return '--from and --config are two configurations\n';
  if (operands.length > 1) return 'there is more than one file\n';
  const result = loadConverted({ converter, file: operands[0] ?? null, env: terminal.env });
  return { label: `configuration of ${converter.name}`, result, source: result.source };
}
