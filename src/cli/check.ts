/** `sallyport check`: is this a configuration that the gate would start with? */
import { formatWarnings } from '../config/problem.ts';
import { type Command, exitCodes, type Terminal } from './command.ts';
import { count, describeInvalid, noConfig } from './find-config.ts';
import { type FoundSource, findSource, sourceCommand } from './find-source.ts';

export const checkCommand: Command = {
  ...sourceCommand,
  help: `${sourceCommand.help}

Exit code 0: valid (warnings may have been printed). 1: not valid. 2: wrong usage.`,

  async run(options, terminal, operands) {
    const found = findSource({ options, operands, terminal });
    if (found !== null && typeof found !== 'string') return report(found, terminal);
    terminal.err(`sallyport check: ${found ?? noConfig}`);
    return exitCodes.usage;
  },
};

function report({ label, result }: FoundSource, terminal: Terminal): number {
  if (!result.ok) {
    terminal.err(describeInvalid(label, result.problems));
    return exitCodes.problem;
  }
  const { warnings } = result;
  if (warnings.length > 0) {
    terminal.err(`${label}: ${count(warnings.length, 'warning')}\n${formatWarnings(warnings)}\n`);
  }
  terminal.out(`${label} is valid\n`);
  return exitCodes.ok;
}
