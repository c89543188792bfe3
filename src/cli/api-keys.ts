/** `sallyport api-keys`: keys for machines that cannot do OAuth. */
import type { CommandGroup } from './command.ts';

export const apiKeysCommands: CommandGroup = {
  commands: {
    create: {
      summary: 'Print a new API key, and what the configuration has to say of it',
      load: async () => (await import('./api-keys-create.ts')).createCommand,
    },
  },
};
