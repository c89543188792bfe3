/** `sallyport api-keys create`: a new key, once, on standard output; its hash for the configuration beside it. */
import { apiKeysSchema, parseExpiry } from '../api-keys/api-key-config.ts';
import { hashApiKey } from '../api-keys/key-hash.ts';
import { generateApiKey, keyName } from '../api-keys/key-text.ts';
import { systemClock, systemRandom } from '../core/clock.ts';
import { type Command, exitCodes, type Options, type Terminal } from './command.ts';

/** An entry of `apiKeys.keys`, as it is written. */
interface Entry {
  readonly hash: string;
  readonly scopes?: readonly string[];
  readonly expires?: string;
}

export const createCommand: Command = {
  options: {
    scope: { type: 'string', short: 's', multiple: true },
    expires: { type: 'string', short: 'e' },
    json: { type: 'boolean' },
  },
  operands: '<name>',
  help: `  -s, --scope SCOPE   What the key is granted; may be given several times
  -e, --expires DATE  From when on it is refused: 2030-01-31, or 2030-01-31T12:00:00Z
      --json          Key and entry as one JSON object, both on standard output
  -h, --help          This text
  -v, --version       The version

The key is printed once, alone on standard output, so that it can go into a pipe. What belongs into the
configuration goes to standard error. The key cannot be found out from it: who loses a key makes another.`,

  async run(options, terminal, operands) {
    const [name] = operands;
    if (name === undefined || operands.length > 1) return misused('name one key', terminal);
    if (!keyName.test(name)) return misused('a name is letters, digits, `_` and `-`, at most 64', terminal);
    const key = generateApiKey(name, systemRandom);
    const entry = { hash: await hashApiKey(key, systemRandom), ...grantOf(options) };
    const problem = problemOf(name, entry);
    if (problem !== null) return misused(problem, terminal);
    print({ name, key, entry }, options.json === true, terminal);
    return exitCodes.ok;
  },
};

function grantOf({ scope, expires }: Options): Omit<Entry, 'hash'> {
  return {
    // `multiple` makes a list of it, which the type of options does not know.
    ...(scope === undefined ? {} : { scopes: scope as unknown as readonly string[] }),
    ...(expires === undefined ? {} : { expires: expires as string }),
  };
}

/** What the gate itself would say about it, or null. */
function problemOf(name: string, entry: Entry): string | null {
  const issue = apiKeysSchema.safeParse({ keys: { [name]: entry } }).error?.issues[0];
  if (issue === undefined) {
    const expiry = parseExpiry(entry.expires ?? '');
    return expiry !== null && expiry <= systemClock.now() ? '--expires is in the past' : null;
  }
  const about = issue.path.includes('expires') ? '--expires' : '--scope';
  return `${about} ${issue.message}`;
}

function misused(reason: string, terminal: Terminal): number {
  terminal.err(`sallyport api-keys create: ${reason}\nSee \`sallyport api-keys create --help\`.\n`);
  return exitCodes.usage;
}

interface Made {
  readonly name: string;
  readonly key: string;
  readonly entry: Entry;
}

function print({ name, key, entry }: Made, asJson: boolean, terminal: Terminal): void {
  if (asJson) {
    terminal.out(`${JSON.stringify({ name, key, entry }, null, 2)}\n`);
    return;
  }
  // First what is read by people: on a terminal the key stands below it.
  terminal.err(`Write this into the configuration:

apiKeys:
  keys:
    ${JSON.stringify(name)}:
${Object.entries(entry)
  .map(([member, value]) => `      ${member}: ${JSON.stringify(value)}\n`)
  .join('')}
Give this key to its machine. It is not shown again:
`);
  terminal.out(`${key}\n`);
}
