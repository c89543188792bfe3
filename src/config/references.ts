/**
 * Replaces `{ env: NAME }` and `{ file: path }` where a secret stands by what they refer to. Where the schema takes the
 * file itself, because it is watched, the reference stays and gets its full path.
 */
import { resolve } from 'node:path';
import { readSecretBytes, readSecretFile } from '../keys/read-secret-file.ts';
import { childOf, isMapping, isReferable, nodeOf, type Path, type Schema } from './schema-tree.ts';

export interface ReferenceContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What relative file names are relative to. */
  readonly directory: string;
  /** Called for each reference that leads nowhere. */
  readonly report: (path: Path, reason: string) => void;
}

/** What stands in for a reference that failed, so that it is reported once. */
export const unresolved = '';

export function resolveReferences(
  schema: Schema,
  value: unknown,
  context: ReferenceContext,
  path: Path = [],
): unknown {
  if (isReferable(schema)) {
    if (!isMapping(value)) return value;
    return takesFile(schema, value)
      ? { file: resolve(context.directory, value.file) }
      : resolveOne(value, isBinary(schema) ? { ...context, binary: true } : context, path);
  }
  const node = nodeOf(schema);
  if (node.kind === 'scalar') return value;
  const visit = (step: string | number, member: unknown): unknown => {
    const child = childOf(schema, step);
    return child === null ? member : resolveReferences(child, member, context, [...path, step]);
  };
  if (Array.isArray(value)) return value.map((member, index) => visit(index, member));
  if (!isMapping(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, visit(key, member)]));
}

function takesFile(schema: Schema, value: Record<string, unknown>): value is { readonly file: string } {
  if (childOf(schema, 'file') === null || Object.keys(value).length !== 1) return false;
  return typeof value.file === 'string' && value.file !== '';
}

function isBinary(schema: Schema): boolean {
  const node = nodeOf(schema);
  return node.kind === 'scalar' && node.scalar === 'binary';
}

/** Where the schema wants bytes, their file holds them as they are; everything else writes them in base64. */
interface OneContext extends ReferenceContext {
  readonly binary?: boolean;
}

function resolveOne(reference: Record<string, unknown>, context: OneContext, path: Path): string {
  const fail = (reason: string): string => {
    context.report(path, reason);
    return unresolved;
  };
  const [kind, ...others] = Object.keys(reference);
  const target = kind === undefined ? undefined : reference[kind];
  if (
    (kind !== 'env' && kind !== 'file') ||
    others.length > 0 ||
    typeof target !== 'string' ||
    target === ''
  ) {
    return fail('is neither text nor a reference: write { env: NAME } or { file: path }');
  }
  return kind === 'env' ? fromEnvironment(target, context, fail) : fromFile(target, context, fail);
}

function fromEnvironment(name: string, { env }: ReferenceContext, fail: (reason: string) => string): string {
  const value = Object.hasOwn(env, name) ? env[name] : undefined;
  if (value === undefined) return fail(`the environment variable ${name} is not set`);
  return value === '' ? fail(`the environment variable ${name} is empty`) : value;
}

function fromFile(name: string, { directory, binary }: OneContext, fail: (reason: string) => string): string {
  if (binary === true) {
    const read = readSecretBytes(resolve(directory, name));
    return read.ok ? read.bytes.toString('base64') : fail(read.reason);
  }
  const read = readSecretFile(resolve(directory, name));
  return read.ok ? read.text : fail(read.reason);
}
