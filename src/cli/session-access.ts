/** The way of the `sessions` commands to the sessions of a configuration, and what is said when there is none. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { formatProblems } from '../config/problem.ts';
import type { Config } from '../config/schema.ts';
import { generatedKeyFile } from '../keys/create-key-rings.ts';
import type { SessionAccess, SessionDirectory, SessionFilter } from '../runtime/session-access.ts';
import { exitCodes, type Options, type Terminal } from './command.ts';
import { findConfig, noConfig } from './find-config.ts';
import { describeStartFailure } from './start-failure.ts';

export type OpenDirectory = (config: Config) => Promise<SessionAccess>;

export interface Access {
  readonly options: Options;
  readonly terminal: Terminal;
  readonly open: OpenDirectory;
  /** What the directory has to be able to do. */
  readonly needs: 'all' | 'end';
}

/** Opens the directory, uses it and closes it. Answers the exit code; whatever fails is a sentence. */
export async function withDirectory(
  access: Access,
  use: (directory: SessionDirectory) => Promise<number>,
): Promise<number> {
  const { options, terminal } = access;
  const found = findConfig(options, terminal);
  if (found === null) {
    terminal.err(`sallyport sessions: ${noConfig}`);
    return exitCodes.usage;
  }
  if (!found.result.ok) {
    terminal.err(`${found.label}\n${formatProblems(found.result.problems)}\n`);
    return exitCodes.problem;
  }
  const { config } = found.result;
  const obstacle = obstacleOf(config, access.needs);
  if (obstacle === null) return useDirectory(config, access, use);
  terminal.err(`sallyport sessions: ${obstacle}\n`);
  return exitCodes.problem;
}

/** Why these sessions cannot be reached from here, or null. */
function obstacleOf(config: Config, needs: Access['needs']): string | null {
  return obstacleOfKind(config, needs) ?? missingFile(config);
}

/** What a gate makes when it first starts is not made here: it would belong to whoever called this. */
function missingFile({ session, dataDir }: Config): string | null {
  const files: string[] = [];
  if (session.store === 'sqlite' || session.denyList === 'sqlite') files.push(join(dataDir, 'sessions.db'));
  if (session.keys === undefined) files.push(generatedKeyFile(dataDir, 'tokens'));
  const missing = files.find((file) => !existsSync(file));
  return missing === undefined ? null : `there is no ${missing}: no gate has started with this configuration`;
}

function obstacleOfKind({ session }: Config, needs: Access['needs']): string | null {
  if (session.store === 'memory')
    return 'only the running gate knows its sessions (`session.store: memory`): ask it at `/admin/sessions` of its admin listener';
  if (session.store !== 'cookie') return null;
  if (needs === 'all') return 'sessions live in browsers (`session.store: cookie`): nobody can list them';
  return session.denyList === undefined
    ? 'sessions live in browsers (`session.store: cookie`): to end them, configure `session.denyList`'
    : null;
}

async function useDirectory(
  config: Config,
  { terminal, open }: Access,
  use: (directory: SessionDirectory) => Promise<number>,
): Promise<number> {
  try {
    const { directory, close } = await open(config);
    try {
      return await use(directory);
    } finally {
      await close();
    }
  } catch (error) {
    terminal.err(`sallyport sessions: ${describeStartFailure(error).replace(/^cannot start: /, '')}\n`);
    return exitCodes.problem;
  }
}

export const filterOptions = {
  provider: { type: 'string' },
  sub: { type: 'string' },
  sid: { type: 'string' },
} as const;

export const filterHelp = `      --provider NAME Sessions of this provider, by its name in the configuration
      --sub SUBJECT   Sessions of this person: \`sub\` of the ID token
      --sid SID       The session of this \`sid\` at the provider`;

export function filterOf({ provider, sub, sid }: Options): SessionFilter {
  return {
    ...(provider === undefined ? {} : { provider: provider as string }),
    ...(sub === undefined ? {} : { subject: sub as string }),
    ...(sid === undefined ? {} : { sid: sid as string }),
  };
}

/** What is wrong with the filter options, or null: an empty one is a variable that was not set. */
export function filterProblem({ provider, sub, sid }: Options): string | null {
  for (const [name, value] of Object.entries({ provider, sub, sid }))
    if (value === '') return `--${name} is empty`;
  return null;
}
