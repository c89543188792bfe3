/** `sallyport convert`: prints the configuration of another proxy as one of the gate. */
import type { Converter } from '../config/convert/converter.ts';
import { converters } from '../config/convert/converters.ts';
import { loadConverted } from '../config/convert/load-converted.ts';
import { type Command, type CommandGroup, exitCodes, type Terminal } from './command.ts';
import { count, describeInvalid } from './find-config.ts';

export const convertCommands: CommandGroup = {
  commands: Object.fromEntries(
    converters.map((converter) => [
      converter.name,
      {
        summary: `Convert the configuration of ${converter.name}`,
        load: async () => createConvertCommand(converter),
      },
    ]),
  ),
};

function createConvertCommand(converter: Converter): Command {
  const { name, defaultFile } = converter;
  const file = defaultFile === null ? '' : `, and from the file (${defaultFile}, when it is there)`;
  return {
    options: {},
    operands: '[<file>]',
    help: `  -h, --help       This text
  -v, --version    The version

Reads what ${name} reads: from the environment${file}.
Prints YAML on standard output, with a comment for every difference. Secrets of the environment
are named there and not copied.
Exit code 1: something is missing or wrong, which is told on standard error. 2: wrong usage.`,

    async run(_options, terminal, operands) {
      if (operands.length <= 1) return convert(converter, operands[0] ?? null, terminal);
      terminal.err(`sallyport convert ${name}: there is more than one file\n`);
      return exitCodes.usage;
    },
  };
}

/** What cannot be used as it stands is printed all the same: the file of a certificate may be on another machine. */
function convert(converter: Converter, file: string | null, terminal: Terminal): number {
  const { source, noteCount, ...result } = loadConverted({ converter, file, env: terminal.env });
  if (source !== null) {
    terminal.out(source.text);
    terminal.err(`${count(noteCount, 'note')} on what differs, as comments: please read them\n`);
  }
  if (result.ok) return exitCodes.ok;
  terminal.err(describeInvalid(`configuration of ${converter.name}`, result.problems));
  return exitCodes.problem;
}
