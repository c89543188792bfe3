/** Finds the command that the arguments name, and runs it. Whatever goes wrong becomes a sentence and an exit code. */
import { parseArgs } from 'node:util';
import { type Command, type CommandGroup, exitCodes, type Options, type Terminal } from './command.ts';
import { commands } from './commands.ts';
import { readVersion } from './version.ts';

const common = { help: { type: 'boolean', short: 'h' }, version: { type: 'boolean', short: 'v' } } as const;

/** Answers the exit code. */
export async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  return runGroup('sallyport', { summary: null, commands }, { args, terminal });
}

interface Call {
  readonly args: readonly string[];
  readonly terminal: Terminal;
}

interface NamedGroup extends CommandGroup {
  /** Null for the whole command line, which needs no introduction. */
  readonly summary: string | null;
}

/** `line` is the command line so far: `sallyport`, `sallyport keys`. */
async function runGroup(line: string, group: NamedGroup, { args, terminal }: Call): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === '--help' || name === '-h') {
    (name === undefined ? terminal.err : terminal.out)(overview(line, group));
    return name === undefined ? exitCodes.usage : exitCodes.ok;
  }
  if (name === '--version' || name === '-v') return printVersion(terminal);
  const entry = Object.hasOwn(group.commands, name) ? group.commands[name] : undefined;
  if (entry === undefined) {
    terminal.err(`${line}: there is no command \`${name}\`\n\n${overview(line, group)}`);
    return exitCodes.usage;
  }
  const found = await entry.load();
  const call = { args: rest, terminal };
  if ('commands' in found) return runGroup(`${line} ${name}`, { ...found, summary: entry.summary }, call);
  return runCommand(`${line} ${name}`, { ...found, summary: entry.summary }, call);
}

async function runCommand(
  line: string,
  command: Command & { readonly summary: string },
  { args, terminal }: Call,
): Promise<number> {
  const given = readArguments(command, args);
  if (typeof given === 'string') {
    terminal.err(`${line}: ${given}\nSee \`${line} --help\`.\n`);
    return exitCodes.usage;
  }
  const { options, operands } = given;
  if (options.version === true) return printVersion(terminal);
  if (options.help === true) {
    const { operands: named, usage = named === undefined ? '[options]' : `${named} [options]` } = command;
    terminal.out(`Usage: ${line} ${usage}\n\n${command.summary}.\n\n${command.help}\n`);
    return exitCodes.ok;
  }
  return command.run(options, terminal, operands);
}

interface Arguments {
  readonly options: Options;
  readonly operands: readonly string[];
}

/** The options and what stands beside them, or what is wrong with the arguments. */
function readArguments(command: Command, args: readonly string[]): Arguments | string {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: { ...command.options, ...common },
      allowPositionals: command.operands !== undefined,
      strict: true,
    });
    return { options: values as Options, operands: positionals };
  } catch (error) {
    return (error as Error).message.split('. ')[0] as string;
  }
}

function printVersion(terminal: Terminal): number {
  terminal.out(`${readVersion()}\n`);
  return exitCodes.ok;
}

function overview(line: string, { summary, commands: list }: NamedGroup): string {
  const entries = Object.entries(list);
  const width = Math.max(8, ...entries.map(([name]) => name.length + 2));
  return `Usage: ${line} <command> [options]
${summary === null ? '' : `\n${summary}.\n`}
${entries.map(([name, entry]) => `  ${name.padEnd(width)}${entry.summary}`).join('\n')}

  -h, --help       Help, also for each command
  -v, --version    The version
`;
}
