/** `sallyport sessions`: sees and ends the sessions in the store, with or without a gate that runs. */
import type { CommandGroup } from './command.ts';
import type { OpenDirectory } from './session-access.ts';

/** `open` is loaded when a command needs it: help does not wait for a store. */
export function createSessionsCommands(open: OpenDirectory): CommandGroup {
  return {
    commands: {
      list: {
        summary: 'List sessions: who, where from, since when',
        load: async () => (await import('./sessions-list.ts')).createListCommand(open),
      },
      show: {
        summary: 'Show everything there is to know about one session',
        load: async () => (await import('./sessions-show.ts')).createShowCommand(open),
      },
      revoke: {
        summary: 'End sessions, on every node',
        load: async () => (await import('./sessions-revoke.ts')).createRevokeCommand(open),
      },
    },
  };
}

export const sessionsCommands = createSessionsCommands(async (config) =>
  (await import('../runtime/session-access.ts')).openSessionDirectory(config),
);
