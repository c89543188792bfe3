/** The commands of `sallyport`. */
import type { CommandEntry } from './command.ts';

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
  convert: {
    summary: 'Turn the configuration of another proxy into one of the gate',
    load: async () => (await import('./convert.ts')).convertCommands,
  },
  'api-keys': {
    summary: 'Make API keys for machines that cannot do OAuth',
    load: async () => (await import('./api-keys.ts')).apiKeysCommands,
  },
  keys: {
    summary: 'Make, list and rotate the keys that seal sessions',
    load: async () => (await import('./keys.ts')).keysCommands,
  },
  sessions: {
    summary: 'See and end the sessions in the store',
    load: async () => (await import('./sessions.ts')).sessionsCommands,
  },
};
