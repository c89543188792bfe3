/** Reads YAML, JSON and TOML text into plain data, with the places where things stand. */
import { parse as parseToml, TomlError } from 'smol-toml';
import { type Document, type ErrorCode, isMap, isNode, isSeq, LineCounter, parseDocument } from 'yaml';
import { isMapping, type Path } from './schema-tree.ts';

export interface Position {
  readonly line: number;
  readonly column: number;
}

export interface SyntaxProblem {
  readonly reason: string;
  readonly position: Position | null;
}

export type SourceResult =
  | { readonly ok: true; readonly data: unknown; readonly locate: (path: Path) => Position | null }
  | { readonly ok: false; readonly problems: readonly SyntaxProblem[] };

export type Format = 'yaml' | 'json' | 'toml';

/** By extension; null for one that is not known. */
export function formatOf(file: string): Format | null {
  if (/\.ya?ml$/i.test(file)) return 'yaml';
  if (/\.json$/i.test(file)) return 'json';
  return /\.toml$/i.test(file) ? 'toml' : null;
}

export function parseSource(text: string, format: Format): SourceResult {
  const withoutMark = text.replace(/^\uFEFF/, '');
  if (format === 'toml') return readToml(withoutMark);
  return format === 'json' ? readJson(withoutMark) : readYaml(withoutMark);
}

const failed = (reason: string, position: Position | null = null): SourceResult => ({
  ok: false,
  problems: [{ reason, position }],
});

/** Sentences of our own: those of the libraries may quote the text, and with it a secret. */
const yamlReasons: Partial<Record<ErrorCode, string>> = {
  BAD_INDENT: 'is not indented like what it belongs to',
  BAD_DQ_ESCAPE: 'has an escape sequence that is not known',
  BLOCK_AS_IMPLICIT_KEY: 'has a mapping where a simple value is expected; is a value in need of quotes?',
  MISSING_CHAR: 'lacks a closing quote, bracket, comma or colon',
  MULTILINE_IMPLICIT_KEY: 'lacks a `:` after a key, or a quote around a value',
  MULTIPLE_DOCS: 'holds more than one document',
  NON_STRING_KEY: 'has a key that is not text',
  TAB_AS_INDENT: 'is indented with a tab; YAML takes spaces only',
};

function readYaml(text: string): SourceResult {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    schema: 'core',
    stringKeys: true,
    prettyErrors: false,
    logLevel: 'error',
    lineCounter: lines,
  });
  const problems = [...document.errors, ...document.warnings].map(({ code, pos }) => ({
    reason:
      code === 'DUPLICATE_KEY' ? duplicateKey(text, pos[0]) : (yamlReasons[code] ?? 'is not valid YAML'),
    position: toPosition(lines, pos[0]),
  }));
  if (problems.length > 0) return { ok: false, problems };
  try {
    return { ok: true, data: document.toJS(), locate: (path) => locate(document, lines, path) };
  } catch {
    return failed('names an anchor that is not there, or repeats itself through aliases too often');
  }
}

function duplicateKey(text: string, offset: number): string {
  const key = /^["']?([\w.-]{1,64})/.exec(text.slice(offset, offset + 80))?.[1];
  return key === undefined ? 'has a key twice' : `has the key \`${key}\` twice`;
}

/** JSON has no positions and takes duplicate members, so its YAML reading gives the one and refuses the other. */
function readJson(text: string): SourceResult {
  try {
    JSON.parse(text);
  } catch (error) {
    return failed('is not valid JSON', jsonErrorPosition(text, (error as Error).message));
  }
  // Outside of strings a tab is white space in JSON, and never stands inside of one.
  return readYaml(text.replaceAll('\t', ' '));
}

/** Read from the message, the only place that has it; the message itself quotes the text and goes no further. */
function jsonErrorPosition(text: string, message: string): Position | null {
  const offset = /at position (\d+)/.exec(message)?.[1];
  if (offset !== undefined) return positionIn(text, Number(offset));
  return message.startsWith('Unexpected end') ? positionIn(text, text.length) : null;
}

function readToml(text: string): SourceResult {
  try {
    return { ok: true, data: toPlain(parseToml(text)), locate: () => null };
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    return failed('is not valid TOML', { line: error.line, column: error.column });
  }
}

/** TOML tables have no prototype of their own kind; dates stay what they are and fail as what they are. */
function toPlain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(toPlain);
  if (!isMapping(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, toPlain(member)]));
}

/** Where the value at `path` stands; for a mapping's member, where its key does. */
function locate(document: Document, lines: LineCounter, path: Path): Position | null {
  let node: unknown = document.contents;
  let offset = 0;
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isNode(key) && String(key) === String(step));
      if (pair === undefined || !isNode(pair.key)) break;
      offset = pair.key.range?.[0] ?? offset;
      node = pair.value;
    } else if (isSeq(node) && isNode(node.items[Number(step)])) {
      node = node.items[Number(step)];
      offset = isNode(node) ? (node.range?.[0] ?? offset) : offset;
    } else break;
  }
  return toPosition(lines, offset);
}

function toPosition(lines: LineCounter, offset: number): Position {
  const { line, col } = lines.linePos(offset);
  return { line, column: col };
}

function positionIn(text: string, offset: number): Position {
  const before = text.slice(0, offset).split('\n');
  return { line: before.length, column: (before.at(-1) as string).length + 1 };
}
