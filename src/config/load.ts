/**
 * From a file and the environment to a validated configuration, or to everything that is wrong with them. The only
 * place that reads either.
 */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { crossCheck } from './cross-check.ts';
import { applyEnvironment } from './environment.ts';
import { freezeDeep } from './freeze.ts';
import { type Finding, type IssueContext, toProblem, toProblems, withoutEchoes } from './issues.ts';
import type { Problem, Warning } from './problem.ts';
import { resolveReferences } from './references.ts';
import { type Config, configSchema } from './schema.ts';
import { formatPath, isMapping, type Path } from './schema-tree.ts';
import { formatOf, type Position, parseSource } from './source.ts';
import { warningsOf } from './warnings.ts';

export interface ConfigInput {
  /** YAML, JSON or TOML by extension; without it, the environment alone says everything. */
  readonly file?: string;
  /** What the file holds, for who has read it already. */
  readonly text?: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export type LoadResult =
  | { readonly ok: true; readonly config: Config; readonly warnings: readonly Warning[] }
  | { readonly ok: false; readonly problems: readonly Problem[] };

export function loadConfig({ file, text: given, env }: ConfigInput): LoadResult {
  if (file === undefined)
    return validate({ data: {}, locate: () => null, name: null, directory: process.cwd() }, env);
  const format = formatOf(file);
  if (format === null) return failed(file, 'has an extension that is none of .yaml, .yml, .json and .toml');
  const text = given ?? readText(file);
  if (typeof text !== 'string') return failed(file, `cannot be read (${text.code})`);
  const source = parseSource(text, format);
  if (source.ok) return validate({ ...source, name: file, directory: dirname(resolve(file)) }, env);
  const problems = source.problems.map(({ reason, position }) => ({
    path: '',
    value: null,
    reason,
    suggestion: null,
    where: position === null ? file : at(file, position),
  }));
  return { ok: false, problems };
}

/** Validates plain data as a file would hold it. Relative file names are relative to the working directory. */
export function parseConfig(data: unknown, env: ConfigInput['env'] = {}): LoadResult {
  return validate({ data, locate: () => null, name: null, directory: process.cwd() }, env);
}

interface Source {
  readonly data: unknown;
  readonly locate: (path: Path) => Position | null;
  /** File name for messages. */
  readonly name: string | null;
  readonly directory: string;
}

function validate(source: Source, env: ConfigInput['env']): LoadResult {
  const given = source.data ?? {};
  if (!isMapping(given)) return failed(source.name, 'must be a mapping');
  const overridden = applyEnvironment(configSchema, given, env);
  const where = (path: Path) => originOf(path, source, overridden.origins);
  const dangling: Path[] = [];
  const problems: Problem[] = overridden.problems.map(({ variable, reason, suggestion }) => ({
    path: variable,
    value: null,
    reason,
    suggestion,
    where: null,
  }));
  const data = resolveReferences(configSchema, overridden.data, {
    env,
    directory: source.directory,
    report(path, reason) {
      dangling.push(path);
      problems.push({ path: formatPath(path), value: null, reason, suggestion: null, where: where(path) });
    },
  }) as Record<string, unknown>;
  const context = { schema: configSchema, data, where };
  problems.push(...check(data, context, dangling));
  const parsed = problems.length === 0 ? configSchema.safeParse(data) : null;
  if (parsed === null || !parsed.success) return { ok: false, problems };
  const config = freezeDeep({ ...parsed.data, dataDir: resolve(source.directory, parsed.data.dataDir) });
  return { ok: true, config, warnings: warningsOf(config, data) };
}

/** `__proto__` is no name for anything: schemas would drop it without a word. */
function reservedNames(data: unknown, path: Path = []): readonly Finding[] {
  if (typeof data !== 'object' || data === null) return [];
  return Object.entries(data).flatMap(([key, member]) => {
    const at = [...path, Array.isArray(data) ? Number(key) : key];
    if (key === '__proto__')
      return [{ path: at, reason: 'is not a name that can stand here', suggestion: null }];
    return reservedNames(member, at);
  });
}

/** Every section for itself, then what no section can tell alone: one mistake hides no other. */
function check(
  data: Record<string, unknown>,
  context: IssueContext,
  dangling: readonly Path[],
): readonly Problem[] {
  const reported = dangling.map(formatPath);
  const parsed = configSchema.safeParse(data);
  const inSchema = withoutEchoes(parsed.error?.issues ?? [])
    .flatMap((issue) => toProblems(issue, context))
    .filter(({ path }) => !reported.includes(path));
  const reserved = reservedNames(data).map((finding) => toProblem(finding, context));
  const across = crossCheck(data).map((finding) => toProblem(finding, context));
  return [...reserved, ...inSchema, ...across];
}

function originOf(path: Path, source: Source, origins: ReadonlyMap<string, string>): string | null {
  for (let length = path.length; length > 0; length--) {
    const at = path.slice(0, length);
    const places = [at, [...at, 'env'], [...at, 'file']];
    const variable = places
      .map((place) => origins.get(JSON.stringify(place)))
      .find((name) => name !== undefined);
    if (variable !== undefined) return variable;
  }
  const position = source.locate(path);
  if (source.name === null) return null;
  return position === null ? source.name : at(source.name, position);
}

const at = (file: string, { line, column }: Position) => `${file}:${line}:${column}`;

function failed(where: string | null, reason: string): LoadResult {
  return { ok: false, problems: [{ path: '', value: null, reason, suggestion: null, where }] };
}

function readText(file: string): string | { readonly code: string } {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    return { code: (error as NodeJS.ErrnoException).code ?? 'unknown error' };
  }
}
