/** `sallyport sessions list`: sessions, one a line. */
import type { SessionDirectory, SessionFilter } from '../runtime/session-access.ts';
import { type Command, exitCodes, type Options, type Terminal } from './command.ts';
import { configHelp, configOption } from './find-config.ts';
import {
  filterHelp,
  filterOf,
  filterOptions,
  filterProblem,
  type OpenDirectory,
  withDirectory,
} from './session-access.ts';
import { formatJson, formatTable } from './session-table.ts';

/** Sessions that are asked for at once; each page is printed before the next one is read. */
const pageSize = 500;

export function createListCommand(open: OpenDirectory): Command {
  return {
    options: { ...configOption, ...filterOptions, json: { type: 'boolean' } },
    help: `${filterHelp}
      --json          One JSON object a line, times in ISO 8601
${configHelp}

It reads the store itself: no gate has to run. All filters have to fit. Exit code 1: the store cannot be read.`,

    async run(options, terminal) {
      const problem = filterProblem(options);
      if (problem !== null) {
        terminal.err(`sallyport sessions list: ${problem}\n`);
        return exitCodes.usage;
      }
      const access = { options, terminal, open, needs: 'all' } as const;
      return withDirectory(access, (directory) => list(directory, options, terminal));
    },
  };
}

async function list(directory: SessionDirectory, options: Options, terminal: Terminal): Promise<number> {
  let isFirst = true;
  for await (const sessions of pages(directory, filterOf(options))) {
    if (options.json === true) terminal.out(sessions.map((session) => formatJson(session)).join(''));
    else terminal.out(formatTable(sessions, isFirst));
    isFirst = false;
  }
  if (isFirst && options.json !== true) terminal.err('no sessions\n');
  return exitCodes.ok;
}

/** Those that are not empty. */
async function* pages(directory: SessionDirectory, filter: SessionFilter) {
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<SessionDirectory['list']>> = await directory.list(filter, {
      cursor,
      limit: pageSize,
    });
    if (page.sessions.length > 0) yield page.sessions;
    cursor = page.cursor;
  } while (cursor !== null);
}
