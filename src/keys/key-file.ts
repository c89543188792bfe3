/**
 * A key file as `sallyport keys rotate` changes it: the steps of a rotation on its text. Each step is safe on its own
 * while other processes still have the file as it was before; the comments `# next` and `# old` tell how far it is.
 */
import { keyIdOf } from './create-key-ring.ts';
import { mostKeys, parseKey, parseKeys } from './parse-keys.ts';

/** What is to become of a key that is not the first. */
export type KeyMark = 'next' | 'old';

export interface KeyLine {
  readonly id: string;
  /** Null for the first key, and for one that somebody put there by hand. */
  readonly mark: KeyMark | null;
}

export type KeyFileStep = 'add' | 'promote' | 'drop';

export type KeyFileChange =
  | {
      readonly ok: true;
      readonly text: string;
      readonly before: readonly KeyLine[];
      readonly after: readonly KeyLine[];
    }
  | { readonly ok: false; readonly reason: string };

interface Line extends KeyLine {
  readonly key: string;
  /** What stands behind the `#`, or null. */
  readonly comment: string | null;
}

/** Keys of a file in order, or what is wrong with it. */
export function readKeyLines(
  text: string,
):
  | { readonly ok: true; readonly keys: readonly KeyLine[] }
  | { readonly ok: false; readonly reason: string } {
  const parsed = parseKeys(text);
  return parsed.ok ? { ok: true, keys: linesOf(text).map(toKeyLine) } : parsed;
}

/** `newKey` is used by `add` alone. Comments stay; a comment behind a key that gets a mark is replaced by it. */
export function changeKeyFile(text: string, step: KeyFileStep, newKey: string): KeyFileChange {
  const parsed = parseKeys(text);
  if (!parsed.ok) return parsed;
  const before = linesOf(text);
  const after = steps[step](before, newKey);
  if (typeof after === 'string') return { ok: false, reason: after };
  const comments = text.split(/\r?\n/).filter((line) => /^\s*#/.test(line));
  const lines = after.map(({ key, comment }) => (comment === null ? key : `${key} # ${comment}`));
  return {
    ok: true,
    text: `${[...comments, ...lines].join('\n')}\n`,
    before: before.map(toKeyLine),
    after: after.map(toKeyLine),
  };
}

type Step = (lines: readonly Line[], newKey: string) => readonly Line[] | string;

const steps: Readonly<Record<KeyFileStep, Step>> = {
  /** Behind, so that every process can open with it before any seals with it. */
  add(lines, newKey) {
    const waiting = lines.find(({ mark }) => mark === 'next');
    if (waiting !== undefined) return `the key ${waiting.id} is waiting already: use it with --promote`;
    if (lines.length >= mostKeys) return `has ${mostKeys} keys already: remove the old ones with --drop`;
    const id = keyIdOf(parseKey(newKey) as Buffer);
    return [...lines, marked({ id, key: newKey, mark: null, comment: null }, 'next')];
  },
  promote(lines) {
    const next = lines.find(({ mark }) => mark === 'next');
    if (next === undefined) return 'no key is marked `# next`: add one by calling rotate without --promote';
    const others = lines.filter((line) => line !== next);
    return [{ ...next, mark: null, comment: null }, ...others.map((line) => marked(line, 'old'))];
  },
  drop(lines) {
    const [first, ...others] = lines as [Line, ...Line[]];
    if (others.length === 0) return 'has one key only: there is nothing to remove';
    const notOld = others.find(({ mark }) => mark !== 'old');
    if (notOld === undefined) return [first];
    if (notOld.mark === 'next') return `the key ${notOld.id} does not seal yet: use it with --promote first`;
    return `the key ${notOld.id} is not marked \`# old\`: write that behind it when nothing was sealed with it lately`;
  },
};

function marked(line: Line, mark: KeyMark): Line {
  return { ...line, mark, comment: mark };
}

function linesOf(text: string): readonly Line[] {
  const lines: Line[] = [];
  for (const written of text.split(/\r?\n/)) {
    const [, words = '', comment] = /^([^#]*)(?:#\s*(.*?)\s*)?$/.exec(written) ?? [];
    for (const word of words.split(',')) {
      const key = parseKey(word);
      if (key === null) continue;
      // A mark on the first key says nothing: it seals.
      const mark = lines.length === 0 ? null : markIn(comment);
      lines.push({ id: keyIdOf(key), key: word.trim(), mark, comment: comment ?? null });
    }
  }
  return lines;
}

function markIn(comment: string | undefined): KeyMark | null {
  const [, word] = /^(next|old)\b/.exec(comment ?? '') ?? [];
  return (word as KeyMark | undefined) ?? null;
}

const toKeyLine = ({ id, mark }: Line): KeyLine => ({ id, mark });
