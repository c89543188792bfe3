/** The commands. Each is loaded when it is called, so that `--help` does not wait for a proxy. */
import type { Command } from './command.ts';

export interface CommandEntry {
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

export const commands: Readonly<Record<string, CommandEntry>> = {
  serve: {
    summary: 'Run the gate',
    load: async () => (await import('./serve.ts')).serveCommand,
  },
  check: {
    summary: 'Validate a configuration and print every problem',
    load: async () => (await import('./check.ts')).checkCommand,
  },
  init: {
    summary: 'Write a first configuration',
    load: async () => (await import('./init.ts')).initCommand,
  },
  schema: {
    summary: 'Print the JSON schema of the configuration',
    load: async () => (await import('./schema.ts')).schemaCommand,
  },
};
