/** What a command of `sallyport` is: its options, its help and what it does. */
import type { ParseArgsOptionsConfig } from 'node:util';

/** Exit codes of every command. */
export const exitCodes = { ok: 0, problem: 1, usage: 2 } as const;

/** Where a command reads and writes, so that it can be tried without a process. */
export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  out(text: string): void;
  err(text: string): void;
  /** Asks a person; null when nobody is there to answer. */
  readonly ask: ((question: string) => Promise<string>) | null;
}

export type Options = Readonly<Record<string, string | boolean | undefined>>;

export interface Command {
  /** Without the usage line. */
  readonly help: string;
  readonly options: ParseArgsOptionsConfig;
  /** What may stand beside the options, as the usage line has it: `<id>…`. Absent: nothing. */
  readonly operands?: string;
  /** The whole usage line after the command, where operands alone would mislead. */
  readonly usage?: string;
  /** Answers the exit code. */
  run(options: Options, terminal: Terminal, operands: readonly string[]): Promise<number>;
}

/** How a command is found. It is loaded when it is called, so that `--help` does not wait for a proxy. */
export interface CommandEntry {
  readonly summary: string;
  readonly load: () => Promise<Command | CommandGroup>;
}

/** Commands below a name: `sallyport keys list`. */
export interface CommandGroup {
  readonly commands: Readonly<Record<string, CommandEntry>>;
}
