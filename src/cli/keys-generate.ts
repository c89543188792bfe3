/** `sallyport keys generate`: a new key on standard output, or in a file of its own. */
import { systemRandom } from '../core/clock.ts';
import { generateKey } from '../keys/generated-key.ts';
import { readKeyLines } from '../keys/key-file.ts';
import { createSecretFile } from '../keys/write-secret-file.ts';
import { type Command, exitCodes, type Terminal } from './command.ts';

export const generateCommand: Command = {
  options: { file: { type: 'string', short: 'f' } },
  help: `  -f, --file FILE  Write it there, readable by you alone, and print its id; never over a file
  -h, --help       This text
  -v, --version    The version`,

  async run(options, terminal) {
    const key = generateKey(systemRandom);
    if (options.file === undefined) {
      terminal.out(`${key}\n`);
      return exitCodes.ok;
    }
    return writeTo(options.file as string, key, terminal);
  },
};

function writeTo(file: string, key: string, terminal: Terminal): number {
  const failed = (reason: string): number => {
    terminal.err(`sallyport keys generate: ${file} ${reason}\n`);
    return exitCodes.problem;
  };
  try {
    if (!createSecretFile(file, `${key}\n`, systemRandom)) {
      return failed('is there already: name another, or change its keys with `sallyport keys rotate`');
    }
  } catch (error) {
    return failed(`cannot be written (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`);
  }
  const read = readKeyLines(key);
  terminal.out(`Wrote ${file} with the key ${read.ok ? read.keys[0]?.id : ''}.\n`);
  return exitCodes.ok;
}
