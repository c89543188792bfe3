/** The reference page of the configuration: an introduction, and one table for each section of the schema. */
import { z } from 'zod';
import { formatDefault } from '../../src/config/format-default.ts';
import { configSchema } from '../../src/config/schema.ts';
import { isReferable, nodeOf, type Schema, unwrapOnce } from '../../src/config/schema-tree.ts';
import { configurationIntroduction } from './configuration-introduction.ts';
import { code, generated, table } from './markdown.ts';

interface Row {
  readonly path: string;
  readonly schema: Schema;
}

export function configurationPage(): string {
  const top = Object.entries(configSchema.shape).map(([path, schema]) => ({ path, schema }));
  const isSection = ({ schema }: Row) => nodeOf(schema).kind !== 'scalar';
  const general = `### General\n\n${fields(top.filter((row) => !isSection(row)))}`;
  return `${generated}\n\n${configurationIntroduction}\n\n## Fields\n\n${[general, ...top.filter(isSection).map(section)].join('\n\n')}\n`;
}

function section(row: Row): string {
  return `### ${code(row.path)}\n\n${description(row.schema)}\n\n${fields(rowsOf(row))}`;
}

function fields(rows: readonly Row[]): string {
  return table(['Field', 'Type', 'Default', 'Meaning'], rows.map(toCells));
}

/** The fields below: members of mappings, of the entries of lists, and of what has a name of its own. */
function rowsOf(row: Row): readonly Row[] {
  const { path, schema } = row;
  const node = nodeOf(schema);
  if (node.kind === 'object') {
    return Object.entries(node.fields).flatMap(([name, child]) =>
      rowsOf({ path: `${path}.${name}`, schema: child }),
    );
  }
  if (node.kind === 'record' && nodeOf(node.value).kind === 'object') {
    return rowsOf({ path: `${path}.<name>`, schema: node.value });
  }
  if (node.kind === 'list' && nodeOf(node.item).kind === 'object')
    return rowsOf({ path: `${path}[]`, schema: node.item });
  return [row, ...mappingsIn(row)];
}

/** Where a mapping may stand in place of a word, its members; what is written as a secret has none to show. */
function mappingsIn({ path, schema }: Row): readonly Row[] {
  const node = nodeOf(schema);
  if (node.kind === 'list') return mappingsIn({ path: `${path}[]`, schema: node.item });
  if (node.kind !== 'union' || node.options.some(isReferable)) return [];
  const mappings = node.options.filter((option) => nodeOf(option).kind === 'object');
  return mappings.flatMap((option) => rowsOf({ path, schema: option }));
}

function toCells({ path, schema }: Row): readonly string[] {
  return [code(path), typeName(schema), defaultText(schema), description(schema)];
}

function typeName(schema: Schema): string {
  const node = nodeOf(schema);
  switch (node.kind) {
    case 'list':
      return `list of ${typeName(node.item)}`;
    case 'record':
      return `mapping of ${typeName(node.value)}`;
    case 'union': {
      // A secret that keeps the name of its file is written like every other.
      const written = node.options.find(isReferable);
      return written === undefined
        ? [...new Set(node.options.map(typeName))].join(' or ')
        : typeName(written);
    }
    case 'object':
      return 'mapping';
    case 'scalar':
      if (node.values !== null) return node.values.map(code).join(', ');
      return node.scalar ?? { string: 'text', number: 'number', boolean: '`true`, `false`' }[node.type];
  }
}

function defaultText(schema: Schema): string {
  const wrapper = wrappers(schema).find((at) => ['default', 'prefault', 'optional'].includes(typeOf(at)));
  if (wrapper === undefined) return '**required**';
  const value = formatDefault(wrapper);
  if (value === undefined) return '';
  return Array.isArray(value) ? list(value) : code(typeof value === 'string' ? value : JSON.stringify(value));
}

const typeOf = (schema: Schema) => (schema as z.core.$ZodTypes)._zod.def.type;

/** The schema and what it wraps, outermost first. */
function wrappers(schema: Schema): readonly Schema[] {
  const inner = unwrapOnce(schema);
  return inner === null ? [schema] : [schema, ...wrappers(inner)];
}

const list = (values: readonly unknown[]) => code(`[${values.join(', ')}]`);

/** That of the outermost wrapper that has one. */
function description(schema: Schema): string {
  const texts = wrappers(schema).map((at) => z.globalRegistry.get(at)?.description);
  return texts.find((text) => text !== undefined) ?? '';
}
