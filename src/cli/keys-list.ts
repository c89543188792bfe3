/** `sallyport keys list`: which keys there are, by id. */
import { existsSync } from 'node:fs';
import { formatProblems } from '../config/problem.ts';
import type { Config } from '../config/schema.ts';
import { generatedKeyFile, type RingName, ringNames } from '../keys/create-key-rings.ts';
import type { KeySource } from '../keys/key-config.ts';
import { type KeyLine, readKeyLines } from '../keys/key-file.ts';
import { readSecretFile } from '../keys/read-secret-file.ts';
import { type Command, exitCodes, type Terminal } from './command.ts';
import { configHelp, configOption, findConfig, noConfig } from './find-config.ts';

export const listCommand: Command = {
  options: { ...configOption, file: { type: 'string', short: 'f' } },
  help: `  -f, --file FILE     The keys of this file, whatever the configuration says
${configHelp}

The key that \`seals\` seals and opens, one that \`opens\` only opens. A key itself is never printed.`,

  async run(options, terminal) {
    if (options.file !== undefined) return listFile(options.file as string, terminal);
    const found = findConfig(options, terminal);
    if (found === null) {
      terminal.err(`sallyport keys list: ${noConfig}`);
      return exitCodes.usage;
    }
    if (found.result.ok) return listConfig(found.result.config, terminal);
    terminal.err(`${found.label}\n${formatProblems(found.result.problems)}\n`);
    return exitCodes.problem;
  },
};

function listFile(file: string, terminal: Terminal): number {
  const keys = readFile(file);
  if (typeof keys === 'string') return failed(keys, terminal);
  terminal.out(`KEY               ROLE\n${keys.map((key, index) => formatKey(key, index)).join('')}`);
  return exitCodes.ok;
}

function listConfig({ session, dataDir }: Config, terminal: Terminal): number {
  const rows: string[] = [];
  for (const ring of ringNames) {
    const keys = session.keys === undefined ? readGenerated(dataDir, ring) : readSources(session.keys[ring]);
    if (typeof keys === 'string') return failed(keys, terminal);
    if (keys === null) rows.push(`${ring.padEnd(9)}none yet: the gate makes one when it starts\n`);
    else rows.push(...keys.map((key, index) => ring.padEnd(9) + formatKey(key, index)));
  }
  terminal.out(`RING     KEY               ROLE\n${rows.join('')}`);
  return exitCodes.ok;
}

const roles = { next: 'opens (next)', old: 'opens (old)' } as const;

function formatKey({ id, mark }: KeyLine, index: number): string {
  if (index === 0) return `${id}  seals\n`;
  return `${id}  ${mark === null ? 'opens' : roles[mark]}\n`;
}

/** The keys, or what is wrong. */
type Listed = readonly KeyLine[] | string;

function readFile(file: string): Listed {
  const read = readSecretFile(file);
  if (!read.ok) return read.reason;
  const lines = readKeyLines(read.text);
  return lines.ok ? lines.keys : `the file ${file}: ${lines.reason}`;
}

function readGenerated(dataDir: string, ring: RingName): Listed | null {
  const file = generatedKeyFile(dataDir, ring);
  return existsSync(file) ? readFile(file) : null;
}

/** Validated already, so that nothing is wrong with them. */
function readSources(sources: readonly KeySource[]): Listed {
  return sources.flatMap(({ text }) => {
    const lines = readKeyLines(text.reveal());
    return lines.ok ? lines.keys : [];
  });
}

function failed(reason: string, terminal: Terminal): number {
  terminal.err(`sallyport keys list: ${reason}\n`);
  return exitCodes.problem;
}
