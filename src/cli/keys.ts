/** `sallyport keys`: makes keys, lists them by id, and changes them without signing anybody out. */
import type { CommandGroup } from './command.ts';

export const keysCommands: CommandGroup = {
  commands: {
    generate: {
      summary: 'Print a new key, or write a new key file',
      load: async () => (await import('./keys-generate.ts')).generateCommand,
    },
    list: {
      summary: 'List the keys by id, and what each is for',
      load: async () => (await import('./keys-list.ts')).listCommand,
    },
    rotate: {
      summary: 'Change the key that seals, step by step',
      load: async () => (await import('./keys-rotate.ts')).rotateCommand,
    },
  },
};
