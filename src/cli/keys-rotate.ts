/** `sallyport keys rotate`: one step of a rotation on a key file. Between two steps every node must have read the file. */
import { realpathSync } from 'node:fs';
import { systemRandom } from '../core/clock.ts';
import { generateKey } from '../keys/generated-key.ts';
import { changeKeyFile, type KeyFileStep, type KeyLine } from '../keys/key-file.ts';
import { lockFile } from '../keys/lock-file.ts';
import { readSecretFile } from '../keys/read-secret-file.ts';
import { replaceSecretFile } from '../keys/write-secret-file.ts';
import { type Command, exitCodes, type Options, type Terminal } from './command.ts';

export const rotateCommand: Command = {
  options: { file: { type: 'string', short: 'f' }, promote: { type: 'boolean' }, drop: { type: 'boolean' } },
  help: `  -f, --file FILE  The key file
      --promote    Second step: the new key seals, the others still open
      --drop       Third step: the old keys are removed
  -h, --help       This text
  -v, --version    The version

Without --promote and --drop, the first step: a new key is added that only opens. Each step says when the
next one is due. Running gates read the file again within seconds; nobody is signed out.`,

  async run(options, terminal) {
    const { file, promote, drop } = options;
    if (file === undefined || (promote === true && drop === true)) {
      const reason = file === undefined ? 'missing --file' : '--promote and --drop are two steps';
      terminal.err(`sallyport keys rotate: ${reason}\nSee \`sallyport keys rotate --help\`.\n`);
      return exitCodes.usage;
    }
    return rotate(file as string, stepOf(options), terminal);
  },
};

function stepOf({ promote, drop }: Options): KeyFileStep {
  if (promote === true) return 'promote';
  return drop === true ? 'drop' : 'add';
}

function rotate(file: string, step: KeyFileStep, terminal: Terminal): number {
  const done = underLock(file, (path) => changeFile(path, step));
  if (typeof done === 'string') {
    terminal.err(`sallyport keys rotate: ${done}; nothing was changed\n`);
    return exitCodes.problem;
  }
  terminal.out(`${report[step](done, file)}\n`);
  return exitCodes.ok;
}

interface Done {
  readonly before: readonly KeyLine[];
  readonly after: readonly KeyLine[];
}

/** Links are followed, so that the file itself is replaced and not what points at it. */
function underLock(file: string, work: (path: string) => Done | string): Done | string {
  try {
    const path = realpathSync(file);
    const unlock = lockFile(`${path}.lock`);
    if (unlock === null) {
      return `${path}.lock is there: another rotate is at work; when none is, delete that file`;
    }
    try {
      return work(path);
    } finally {
      unlock();
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    return code === 'ENOENT'
      ? `there is no file ${file}: make one with \`sallyport keys generate --file\``
      : `the file ${file} cannot be changed (${code})`;
  }
}

function changeFile(path: string, step: KeyFileStep): Done | string {
  const read = readSecretFile(path);
  if (!read.ok) return read.reason;
  const change = changeKeyFile(read.text, step, generateKey(systemRandom));
  if (!change.ok) return `the file ${path}: ${change.reason}`;
  replaceSecretFile(path, change.text, systemRandom);
  return change;
}

const idsOf = (keys: readonly KeyLine[]) => keys.map(({ id }) => id).join(', ');

const report: Readonly<Record<KeyFileStep, (done: Done, file: string) => string>> = {
  add: ({ after }, file) => `Added the key ${after.at(-1)?.id}. It opens; ${after[0]?.id} still seals.

Next: wait until every node has it. Nodes that share this file have it within 5 seconds (event
keys.reloaded in the log); to others, bring the file first. Then:
  sallyport keys rotate --file ${file} --promote`,
  promote: ({ after }, file) => `The key ${after[0]?.id} seals now. What was sealed before is still opened.

Next: wait until every node has the file, and then until
sallyport_opened_with_old_key_total stands still on all of them for session.idleTimeout (30m),
or simply for session.absoluteTimeout (12h). Then:
  sallyport keys rotate --file ${file} --drop`,
  drop: ({ before, after }) =>
    `Removed ${idsOf(before.slice(1))}. The key ${after[0]?.id} seals and opens alone.

What was sealed with a removed key is not opened any more: such a session has ended.`,
};
