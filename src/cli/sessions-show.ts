/** `sallyport sessions show`: one session, by its id or by the id that logs have. */
import { type Command, exitCodes } from './command.ts';
import { configHelp, configOption } from './find-config.ts';
import { type OpenDirectory, withDirectory } from './session-access.ts';
import { formatJson, formatSession } from './session-table.ts';

export function createShowCommand(open: OpenDirectory): Command {
  return {
    operands: '<id>',
    options: { ...configOption, json: { type: 'boolean' } },
    help: `      --json          As JSON, times in ISO 8601
${configHelp}

<id> is what \`sallyport sessions list\` shows, and \`session\` in the log. Exit code 1: there is no such session.`,

    async run(options, terminal, [id, ...rest]) {
      if (id === undefined || rest.length > 0) {
        terminal.err('sallyport sessions show: name one session by its id\n');
        return exitCodes.usage;
      }
      return withDirectory({ options, terminal, open, needs: 'all' }, async (directory) => {
        const session = await directory.find(id);
        if (session === null) {
          terminal.err('sallyport sessions show: there is no such session\n');
          return exitCodes.problem;
        }
        terminal.out(options.json === true ? formatJson(session, 2) : formatSession(session));
        return exitCodes.ok;
      });
    },
  };
}
