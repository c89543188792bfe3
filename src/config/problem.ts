/** What is wrong with a configuration, said so that it can be put right without reading the source. */
import { formatPath, type Path } from './schema-tree.ts';

export interface Problem {
  /** `routes[2].cluster`; empty when it is about the whole. */
  readonly path: string;
  /** What stands there, shortened; null when nothing does, or when it is a secret or could be one. */
  readonly value: string | null;
  /** Reads on from the path: `is missing`. */
  readonly reason: string;
  /** What was probably meant, or null. */
  readonly suggestion: string | null;
  /** `sallyport.yaml:12:5` or the name of an environment variable; null when it stands nowhere. */
  readonly where: string | null;
}

/** Something legal that deserves a look. */
export interface Warning {
  readonly path: string;
  readonly message: string;
}

export function warning(path: Path, message: string): Warning {
  return { path: formatPath(path), message };
}

/** For a terminal: one block for each problem. */
export function formatProblems(problems: readonly Problem[]): string {
  return problems.map(formatProblem).join('\n');
}

function formatProblem({ path, value, reason, suggestion, where }: Problem): string {
  const subject = path === '' ? 'configuration' : path;
  const hint = suggestion === null ? '' : `; did you mean \`${suggestion}\`?`;
  const origin = where === null ? '' : `  (${where})`;
  return `  ${subject}${value === null ? '' : ` = ${value}`}${origin}\n    ${reason}${hint}`;
}

export function formatWarnings(warnings: readonly Warning[]): string {
  return warnings.map(({ path, message }) => `  ${path}\n    ${message}`).join('\n');
}
