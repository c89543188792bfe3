/** Reads zod schemas as a tree: what may stand at a path of the configuration, and whether it is a secret. */
import { z } from 'zod';
import type { ScalarKind } from '../core/scalars.ts';

export type Schema = z.core.$ZodType;

/** Where something stands in the configuration: names of members and indexes of lists. */
export type Path = readonly (string | number)[];

export type SchemaNode =
  | { readonly kind: 'object'; readonly fields: Readonly<Record<string, Schema>> }
  | { readonly kind: 'record'; readonly value: Schema }
  | { readonly kind: 'list'; readonly item: Schema }
  | { readonly kind: 'union'; readonly options: readonly Schema[] }
  | {
      readonly kind: 'scalar';
      readonly type: 'string' | 'number' | 'boolean';
      readonly scalar: ScalarKind | null;
      /** What it may be, when that is a closed list. */
      readonly values: readonly string[] | null;
    };

/** The schema of the input, without what wraps it: defaults, optional, transforms. */
export function unwrap(schema: Schema): Schema {
  const inner = unwrapOnce(schema);
  return inner === null ? schema : unwrap(inner);
}

/** Whether `null` may stand here. */
export function isNullable(schema: Schema): boolean {
  if ((schema as z.core.$ZodTypes)._zod.def.type === 'nullable') return true;
  const inner = unwrapOnce(schema);
  return inner !== null && isNullable(inner);
}

/** What a wrapper wraps; null for what is none. */
export function unwrapOnce(schema: Schema): Schema | null {
  const def = (schema as z.core.$ZodTypes)._zod.def;
  switch (def.type) {
    case 'default':
    case 'prefault':
    case 'optional':
    case 'nullable':
    case 'readonly':
    case 'nonoptional':
    case 'catch':
      return def.innerType;
    case 'pipe':
      return (def.in as z.core.$ZodTypes)._zod.def.type === 'transform' ? def.out : def.in;
    default:
      return null;
  }
}

export function nodeOf(schema: Schema): SchemaNode {
  const inner = unwrap(schema);
  const def = (inner as z.core.$ZodTypes)._zod.def;
  switch (def.type) {
    case 'object':
      return { kind: 'object', fields: def.shape as Readonly<Record<string, Schema>> };
    case 'record':
      return { kind: 'record', value: def.valueType };
    case 'array':
      return { kind: 'list', item: def.element };
    case 'union':
      return { kind: 'union', options: def.options };
    case 'enum':
      return { kind: 'scalar', type: 'string', scalar: null, values: Object.values(def.entries).map(String) };
    case 'literal':
      return {
        kind: 'scalar',
        type: literalType(def.values[0]),
        scalar: null,
        values: def.values.map(String),
      };
    case 'boolean':
    case 'number':
      return { kind: 'scalar', type: def.type, scalar: null, values: null };
    default:
      return { kind: 'scalar', type: 'string', scalar: scalarKind(inner), values: null };
  }
}

function literalType(value: unknown): 'string' | 'number' | 'boolean' {
  return typeof value === 'boolean' || typeof value === 'number'
    ? (typeof value as 'boolean' | 'number')
    : 'string';
}

function scalarKind(schema: Schema): ScalarKind | null {
  return (z.globalRegistry.get(schema)?.kind as ScalarKind | undefined) ?? null;
}

/** The schema of the child `step`, or null when there is none. */
export function childOf(schema: Schema, step: string | number): Schema | null {
  const node = nodeOf(schema);
  switch (node.kind) {
    case 'object':
      return Object.hasOwn(node.fields, step) ? (node.fields[step] as Schema) : null;
    case 'record':
      return node.value;
    case 'list':
      return typeof step === 'number' ? node.item : null;
    case 'union':
      return node.options.map((option) => childOf(option, step)).find((child) => child !== null) ?? null;
    case 'scalar':
      return null;
  }
}

/** The schema at `path`, or null when nothing may stand there. */
export function schemaAt(schema: Schema, path: Path): Schema | null {
  return path.reduce<Schema | null>((at, step) => (at === null ? null : childOf(at, step)), schema);
}

const referable: ReadonlySet<ScalarKind> = new Set(['secret', 'binary', 'certificates']);

/** Whether `{ env: NAME }` or `{ file: path }` may stand here. What they stand for is never shown. */
export function isReferable(schema: Schema): boolean {
  const node = nodeOf(schema);
  if (node.kind === 'union') return node.options.some(isReferable);
  return node.kind === 'scalar' && node.scalar !== null && referable.has(node.scalar);
}

/** Whether secrets stand below a place at which no text stands itself: text that is there all the same may be one. */
export function isOfSecrets(schema: Schema): boolean {
  const node = nodeOf(schema);
  const parts = node.kind === 'union' ? node.options : [schema];
  return parts.every((part) => nodeOf(part).kind !== 'scalar') && parts.some(holdsSecrets);
}

function holdsSecrets(schema: Schema): boolean {
  const node = nodeOf(schema);
  switch (node.kind) {
    case 'object':
      return Object.values(node.fields).some(holdsSecrets);
    case 'record':
      return holdsSecrets(node.value);
    case 'list':
      return holdsSecrets(node.item);
    case 'union':
      return node.options.some(holdsSecrets);
    case 'scalar':
      return node.scalar === 'secret' || node.scalar === 'binary';
  }
}

/** What stands at `path` in a value, or undefined. Own members only. */
export function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (at, step) =>
      typeof at === 'object' && at !== null && Object.hasOwn(at, step) ? Reflect.get(at, step) : undefined,
    value,
  );
}

/** `routes[2].cluster`; names that are not plain are quoted. */
export function formatPath(path: Path): string {
  return path
    .map((step, index) => {
      if (typeof step === 'number') return `[${step}]`;
      if (!/^[A-Za-z_][\w-]*$/.test(step)) return `[${JSON.stringify(step)}]`;
      return index === 0 ? step : `.${step}`;
    })
    .join('');
}

export function isMapping(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
