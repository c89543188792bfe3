/** `sallyport check`: is this a configuration that the gate would start with? */
import { formatWarnings } from '../config/problem.ts';
import { type Command, exitCodes, type Terminal } from './command.ts';
import {
  configHelp,
  configOption,
  count,
  describeInvalid,
  type FoundConfig,
  findConfig,
  noConfig,
} from './find-config.ts';

export const checkCommand: Command = {
  options: configOption,
  help: `${configHelp}

Exit code 0: valid (warnings may have been printed). 1: not valid. 2: wrong usage.`,

  async run(options, terminal) {
    const found = findConfig(options, terminal);
    if (found !== null) return report(found, terminal);
    terminal.err(`sallyport check: ${noConfig}`);
    return exitCodes.usage;
  },
};

function report({ label, result }: FoundConfig, terminal: Terminal): number {
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
