/** From the configuration of another proxy to a validated one of ours, or to what is wrong, told where it was written. */
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type LoadResult, loadConfig } from '../load.ts';
import type { Problem } from '../problem.ts';
import type { Conversion, Converted, Converter } from './converter.ts';
import { writeYaml } from './write-yaml.ts';

export interface ConvertRequest {
  readonly converter: Converter;
  /** Null: the converter's own, when it is there. */
  readonly file: string | null;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export type ConvertedResult = LoadResult & {
  /** The new configuration as YAML, and the file that it stands for; null when there is none. */
  readonly source: { readonly path: string; readonly text: string } | null;
  readonly noteCount: number;
};

/** The text is that of a file in the working directory, where nothing is written: paths in it are relative to that. */
export function loadConverted({ converter, file, env }: ConvertRequest): ConvertedResult {
  const read = readFile(file, converter);
  const converted =
    typeof read === 'string' ? unreadable(file, read) : converter.convert({ env, file: read });
  if (!converted.ok) return { ...converted, source: null, noteCount: 0 };
  const path = resolve(`${converter.name}.yaml`);
  const text = writeYaml(converted, `Converted from ${converter.name}.`);
  const more = { source: { path, text }, noteCount: converted.notes.length };
  const loaded = loadConfig({ file: path, text, env });
  if (loaded.ok) return { ...loaded, ...more };
  return { ok: false, problems: loaded.problems.map((problem) => told(problem, converted, path)), ...more };
}

function unreadable(where: string | null, reason: string): Extract<Conversion, { ok: false }> {
  return { ok: false, problems: [{ path: '', value: null, reason, suggestion: null, where }] };
}

/** The file with its text, null when there is none, or the reason why it cannot be read. */
function readFile(named: string | null, { defaultFile }: Converter) {
  const name = named ?? defaultFile;
  if (name === null || (named === null && !existsSync(name))) return null;
  try {
    return { name, text: readFileSync(name, 'utf8') };
  } catch (error) {
    return `cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`;
  }
}

/** A problem names the setting that it came from, and not a line of a file that nobody has seen. */
function told(problem: Problem, { origins }: Converted, path: string): Problem {
  if (problem.where !== null && !problem.where.startsWith(path)) return problem;
  let nearest = '';
  for (const origin of origins.keys()) {
    const next = problem.path.slice(origin.length, origin.length + 1);
    const covers = problem.path.startsWith(origin) && (next === '' || next === '.' || next === '[');
    if (covers && origin.length > nearest.length) nearest = origin;
  }
  return { ...problem, where: origins.get(nearest) ?? null };
}
