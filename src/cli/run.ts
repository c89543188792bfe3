/** Finds the command that the arguments name, and runs it. Whatever goes wrong becomes a sentence and an exit code. */
import { parseArgs } from 'node:util';
import { type Command, exitCodes, type Options, type Terminal } from './command.ts';
import { type CommandEntry, commands } from './commands.ts';
import { readVersion } from './version.ts';

const common = { help: { type: 'boolean', short: 'h' }, version: { type: 'boolean', short: 'v' } } as const;

/** Answers the exit code. */
export async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === '--help' || name === '-h') {
    (name === undefined ? terminal.err : terminal.out)(overview());
    return name === undefined ? exitCodes.usage : exitCodes.ok;
  }
  if (name === '--version' || name === '-v') return printVersion(terminal);
  const entry = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (entry === undefined) {
    terminal.err(`sallyport: there is no command \`${name}\`\n\n${overview()}`);
    return exitCodes.usage;
  }
  return runCommand(name, entry, rest, terminal);
}

async function runCommand(
  name: string,
  entry: CommandEntry,
  args: string[],
  terminal: Terminal,
): Promise<number> {
  const command = await entry.load();
  const options = readOptions(command, args);
  if (typeof options === 'string') {
    terminal.err(`sallyport ${name}: ${options}\nSee \`sallyport ${name} --help\`.\n`);
    return exitCodes.usage;
  }
  if (options.version === true) return printVersion(terminal);
  if (options.help === true) {
    terminal.out(`Usage: sallyport ${name} [options]\n\n${entry.summary}.\n\n${command.help}\n`);
    return exitCodes.ok;
  }
  return command.run(options, terminal);
}

/** The options, or what is wrong with the arguments. */
function readOptions(command: Command, args: string[]): Options | string {
  try {
    const { values } = parseArgs({ args, options: { ...command.options, ...common }, strict: true });
    return values as Options;
  } catch (error) {
    return (error as Error).message.split('. ')[0] as string;
  }
}

function printVersion(terminal: Terminal): number {
  terminal.out(`${readVersion()}\n`);
  return exitCodes.ok;
}

function overview(): string {
  const list = Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(8)}${summary}`);
  return `Usage: sallyport <command> [options]

${list.join('\n')}

  -h, --help       Help, also for each command
  -v, --version    The version
`;
}
