/** `sallyport sessions revoke`: ends sessions, on every node, with everything that they have open. */
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

export function createRevokeCommand(open: OpenDirectory): Command {
  return {
    operands: '[<id>…]',
    options: {
      ...configOption,
      ...filterOptions,
      all: { type: 'boolean' },
      yes: { type: 'boolean', short: 'y' },
      json: { type: 'boolean' },
    },
    help: `${filterHelp}
      --all           Every session there is; asks first
  -y, --yes           Does not ask
      --json          \`{"ended": 3}\`; null when nobody can count them
${configHelp}

Either ids, or filters, all of which have to fit, or --all. Exit code 1: an id is of no session, or the store cannot
be written.`,

    async run(options, terminal, ids) {
      const problem = filterProblem(options) ?? targetProblem(options, ids);
      if (problem !== null) {
        terminal.err(`sallyport sessions revoke: ${problem}\n`);
        return exitCodes.usage;
      }
      if (options.all === true && options.yes !== true && !(await isSure(terminal))) return exitCodes.usage;
      return withDirectory({ options, terminal, open, needs: 'end' }, (directory) =>
        ids.length > 0
          ? revokeEach(ids, directory, { options, terminal })
          : revoke(filterOf(options), directory, { options, terminal }),
      );
    },
  };
}

/** Exactly one way to say which sessions: a mistake must not end more than was meant. */
function targetProblem(options: Options, ids: readonly string[]): string | null {
  const ways = [ids.length > 0, Object.keys(filterOf(options)).length > 0, options.all === true];
  const count = ways.filter((way) => way).length;
  if (count === 0) return 'which sessions? name ids, or --sub, --sid, --provider, or --all';
  return count === 1 ? null : 'ids, filters and --all exclude each other';
}

async function isSure({ ask, err }: Terminal): Promise<boolean> {
  if (ask === null) {
    err('sallyport sessions revoke: --all ends the session of everybody: say so with --yes\n');
    return false;
  }
  if ((await ask('End the session of everybody? Type `all`: ')) === 'all') return true;
  err('sallyport sessions revoke: nothing was ended\n');
  return false;
}

interface Call {
  readonly options: Options;
  readonly terminal: Terminal;
}

async function revoke(filter: SessionFilter, directory: SessionDirectory, call: Call): Promise<number> {
  tell(await directory.end(filter, { reason: 'operator' }), call);
  return exitCodes.ok;
}

async function revokeEach(ids: readonly string[], directory: SessionDirectory, call: Call): Promise<number> {
  let ended: number | null = 0;
  let missing = 0;
  for (const id of new Set(ids)) {
    const count = await revokeOne(id, directory);
    if (count === 0) missing += 1;
    ended = count === null || ended === null ? null : ended + count;
  }
  tell(ended, call);
  if (missing === 0) return exitCodes.ok;
  call.terminal.err(`sallyport sessions revoke: ${missing} of the ids are of no session\n`);
  return exitCodes.problem;
}

/** The short id of the logs has to be looked up; where that is not possible, only the whole one will do. */
async function revokeOne(id: string, directory: SessionDirectory): Promise<number | null> {
  const found = directory.abilities === 'all' ? await directory.find(id) : { id };
  return found === null ? 0 : directory.end({ id: found.id }, { reason: 'operator' });
}

function tell(ended: number | null, { options, terminal }: Call): void {
  if (options.json === true) terminal.out(`${JSON.stringify({ ended })}\n`);
  else if (ended === null) terminal.out('ended; how many they were, nobody can tell\n');
  else terminal.out(`ended ${ended} ${ended === 1 ? 'session' : 'sessions'}\n`);
}
