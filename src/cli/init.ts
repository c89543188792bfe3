/** `sallyport init`: asks what a first configuration needs, checks it, and writes it with comments. */
import { writeFileSync } from 'node:fs';
import { parseConfig } from '../config/load.ts';
import { formatProblems } from '../config/problem.ts';
import { parseSource } from '../config/source.ts';
import { type Command, exitCodes, type Options, type Terminal } from './command.ts';
import { type Answers, writeStarter } from './starter-config.ts';

interface Question {
  readonly flag: string;
  readonly answer: keyof Answers;
  readonly text: string;
  /** What an empty answer means; null: there has to be one. */
  readonly fallback: string | null;
}

const questions: readonly Question[] = [
  { flag: 'issuer', answer: 'issuer', text: 'Issuer of the OpenID provider', fallback: null },
  { flag: 'client-id', answer: 'clientId', text: 'Client id', fallback: null },
  {
    flag: 'secret-env',
    answer: 'secretEnv',
    text: 'Environment variable with the client secret',
    fallback: 'CLIENT_SECRET',
  },
  { flag: 'upstream', answer: 'upstream', text: 'URL of the application', fallback: 'http://127.0.0.1:3000' },
  {
    flag: 'public-url',
    answer: 'publicUrl',
    text: 'URL that browsers will use',
    fallback: 'http://localhost:8080',
  },
];

export const initCommand: Command = {
  options: {
    ...Object.fromEntries(questions.map(({ flag }) => [flag, { type: 'string' as const }])),
    output: { type: 'string', short: 'o' },
    force: { type: 'boolean', short: 'f' },
  },
  help: `      --issuer URL        Issuer of the OpenID provider
      --client-id ID      Client id of the gate at the provider
      --secret-env NAME   Environment variable that will hold the client secret (CLIENT_SECRET)
      --upstream URL      Where the application runs (http://127.0.0.1:3000)
      --public-url URL    What browsers will use (http://localhost:8080)
  -o, --output FILE       Where to write (sallyport.yaml)
  -f, --force             Overwrite the file when it is there
  -h, --help              This text
  -v, --version           The version

On a terminal it asks for what no flag gives. Elsewhere --issuer and --client-id have to be there.`,

  async run(options, terminal) {
    const answers = await collect(options, terminal);
    if (answers === null) return exitCodes.usage;
    const text = writeStarter(answers);
    const problems = problemsOf(text, answers);
    if (problems !== null) {
      terminal.err(`sallyport init: nothing was written\n${problems}\n`);
      return exitCodes.problem;
    }
    return write(text, options, terminal, answers);
  },
};

/** Null when an answer is missing and nobody is there to ask. */
async function collect(options: Options, terminal: Terminal): Promise<Answers | null> {
  const answers: Record<string, string> = {};
  const missing: string[] = [];
  for (const { flag, answer, text, fallback } of questions) {
    const given = (options[flag] as string | undefined) ?? (await askFor(text, fallback, terminal));
    if (given === '') missing.push(`--${flag}`);
    answers[answer] = given;
  }
  if (missing.length === 0) return answers as unknown as Answers;
  terminal.err(`sallyport init: missing ${missing.join(' and ')}\nSee \`sallyport init --help\`.\n`);
  return null;
}

async function askFor(text: string, fallback: string | null, { ask }: Terminal): Promise<string> {
  if (ask === null) return fallback ?? '';
  const answer = await ask(`${text}${fallback === null ? '' : ` [${fallback}]`}: `);
  return answer === '' ? (fallback ?? '') : answer;
}

/** What the gate itself would say about the file, or null. */
function problemsOf(text: string, { secretEnv }: Answers): string | null {
  const source = parseSource(text, 'yaml');
  if (!source.ok) return '  an answer cannot be written into a configuration';
  const result = parseConfig(source.data, { [secretEnv]: 'not looked at' });
  return result.ok ? null : formatProblems(result.problems);
}

function write(text: string, options: Options, terminal: Terminal, answers: Answers): number {
  const file = (options.output as string | undefined) ?? 'sallyport.yaml';
  try {
    writeFileSync(file, text, { flag: options.force === true ? 'w' : 'wx' });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reason =
      code === 'EEXIST' ? 'is there already; --force overwrites it' : `cannot be written (${code})`;
    terminal.err(`sallyport init: ${file} ${reason}\n`);
    return exitCodes.problem;
  }
  terminal.out(`Wrote ${file}.

Register this redirect URI at the provider:
  ${new URL(answers.publicUrl).origin}/.auth/callback

Then put the client secret into ${answers.secretEnv} and start:
  sallyport serve --config ${file}
`);
  return exitCodes.ok;
}
