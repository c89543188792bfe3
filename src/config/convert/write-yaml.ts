/** Writes a converted configuration as YAML, with every note as a comment where it belongs. */
import { Document, isMap, isPair, isScalar, isSeq, type Pair, visit, type YAMLMap, type YAMLSeq } from 'yaml';
import { formatPath, type Path } from '../schema-tree.ts';
import type { ConversionNote, Converted } from './converter.ts';

export function writeYaml({ config, notes }: Pick<Converted, 'config' | 'notes'>, title: string): string {
  const document = new Document(config, { aliasDuplicateObjects: false });
  document.commentBefore = comment([title, ...linesOf(notes, []).map((line) => `- ${line}`)]);
  visit(document, {
    Pair(key, pair, ancestors) {
      const path = pathOf(pair, ancestors);
      const lines = linesOf(notes, path);
      if (!isScalar(pair.key)) return;
      if (lines.length > 0) pair.key.commentBefore = comment(lines);
      if (path.length === 1 && key !== 0) pair.key.spaceBefore = true;
    },
  });
  visit(document, { Map: (_key, map) => writeShort(map), Seq: (_key, list) => writeShort(list) });
  return document.toString({ lineWidth: 0 });
}

/** References to secrets and lists of plain values are easier to read on one line. A comment would not fit in there. */
function writeShort(collection: YAMLMap | YAMLSeq): void {
  const { items } = collection;
  collection.flow = isSeq(collection)
    ? items.every(isScalar)
    : items.length === 1 && items.every((pair) => isPair(pair) && isScalar(pair.value) && !hasComment(pair));
}

const hasComment = ({ key }: Pair) => isScalar(key) && Boolean(key.commentBefore);

function linesOf(notes: readonly ConversionNote[], path: Path): readonly string[] {
  const place = formatPath(path);
  return notes
    .filter((note) => formatPath(note.path) === place)
    .map(({ about, message }) => (about === null ? message : `${about}: ${message}`));
}

const widest = 110;

/** One line or several of them, each a comment of its own: no text ends one. */
const comment = (lines: readonly string[]) =>
  lines
    .flatMap(wrap)
    .map((line) => ` ${line}`)
    .join('\n');

function wrap(text: string): readonly string[] {
  const lines: string[] = [];
  const indent = text.startsWith('- ') ? '  ' : '';
  for (const word of text.split(/\s+/u)) {
    const longer = lines.length === 0 ? word : `${lines.at(-1)} ${word}`;
    if (lines.length === 0) lines.push(word);
    else if (longer.length > widest) lines.push(indent + word);
    else lines[lines.length - 1] = longer;
  }
  return lines;
}

function pathOf(pair: Pair, ancestors: readonly unknown[]): Path {
  const path: (string | number)[] = [];
  const chain = [...ancestors, pair];
  for (const [index, node] of chain.entries()) {
    if (isSeq(node)) path.push(node.items.indexOf(chain[index + 1] as never));
    else if (isMap(node)) path.push(String(((chain[index + 1] as Pair).key as { value: unknown }).value));
  }
  return path;
}
