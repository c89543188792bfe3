/**
 * `SALLYPORT_…` environment variables, each of which sets one scalar of the configuration.
 *
 * The name is the path with `__` between its levels: `SALLYPORT_SESSION__IDLE_TIMEOUT=45m`,
 * `SALLYPORT_ROUTES__0__PATH=/**`. Within a level, case and underscores make no difference, so `IDLE_TIMEOUT` is
 * `idleTimeout`. A name that the configuration does not know yet is written in lower case with `-` for `_`. A list of
 * scalars may be given whole, separated by commas; a secret also by `…__ENV` or `…__FILE`. `null` is null where that may
 * stand.
 */
import { didYouMean } from './did-you-mean.ts';
import {
  childOf,
  isMapping,
  isNullable,
  isReferable,
  nodeOf,
  type Path,
  type Schema,
} from './schema-tree.ts';

const prefix = 'SALLYPORT_';

/**
 * `SALLYPORT_CONFIG` is read by the command line. The others are what Kubernetes puts into every pod when a service is
 * called `sallyport`; they must not keep the gate from starting.
 */
const notConfiguration =
  /^SALLYPORT_(?:CONFIG|SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT(?:_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)?)$/;

/** Whether a variable of this name means the configuration. */
export function isConfigurationVariable(name: string): boolean {
  return name.startsWith(prefix) && !notConfiguration.test(name);
}

export interface EnvironmentProblem {
  readonly variable: string;
  readonly reason: string;
  readonly suggestion: string | null;
}

export interface Overridden {
  readonly data: unknown;
  /** Path as JSON → the variable that set it. */
  readonly origins: ReadonlyMap<string, string>;
  readonly problems: readonly EnvironmentProblem[];
}

export function applyEnvironment(
  schema: Schema,
  data: unknown,
  env: Readonly<Record<string, string | undefined>>,
): Overridden {
  const names = Object.keys(env).filter(isConfigurationVariable);
  const root: unknown = structuredClone(data);
  const origins = new Map<string, string>();
  const problems: EnvironmentProblem[] = [];
  // In numeric order, so that list entries come one after the other.
  for (const variable of names.sort(new Intl.Collator('en', { numeric: true }).compare)) {
    const fail = (reason: string, suggestion: string | null = null) => {
      problems.push({ variable, reason, suggestion });
    };
    const target = findTarget(schema, root, variable.slice(prefix.length).split('__'));
    if (target === null) {
      fail('hits nothing that the configuration knows', didYouMean(variable, knownVariables(schema)));
      continue;
    }
    const key = JSON.stringify(target.path);
    const earlier = origins.get(key);
    if (earlier !== undefined) fail(`sets what ${earlier} sets too`);
    else if (!assign(root, target.path, coerce(target.schema, env[variable] as string))) {
      fail('leaves a gap in a list, or goes into something that is not a mapping');
    }
    origins.set(key, variable);
  }
  return { data: root, origins, problems };
}

interface Target {
  readonly path: Path;
  readonly schema: Schema;
}

/** The scalar (or list of scalars) that the levels of a name lead to, or null. */
function findTarget(root: Schema, data: unknown, levels: readonly string[]): Target | null {
  let schema = root;
  let at: unknown = data;
  const path: (string | number)[] = [];
  for (const [index, level] of levels.entries()) {
    if (isReferable(schema)) {
      const isReference = index === levels.length - 1 && /^(?:env|file)$/i.test(level);
      return isReference ? { path: [...path, level.toLowerCase()], schema } : null;
    }
    const step = stepFor(schema, at, level);
    const child = step === null ? null : childOf(schema, step);
    if (step === null || child === null) return null;
    path.push(step);
    schema = child;
    at = typeof at === 'object' && at !== null && Object.hasOwn(at, step) ? Reflect.get(at, step) : undefined;
  }
  return isSettable(schema) ? { path, schema } : null;
}

function stepFor(schema: Schema, at: unknown, level: string): string | number | null {
  const node = nodeOf(schema);
  if (level === '') return null;
  switch (node.kind) {
    case 'object':
      return Object.keys(node.fields).find((name) => fold(name) === fold(level)) ?? null;
    case 'record': {
      const existing = isMapping(at) ? Object.keys(at).find((name) => fold(name) === fold(level)) : undefined;
      return existing ?? level.toLowerCase().replaceAll('_', '-');
    }
    case 'list':
      return /^\d{1,4}$/.test(level) ? Number(level) : null;
    case 'union':
      return node.options.map((option) => stepFor(option, at, level)).find((step) => step !== null) ?? null;
    case 'scalar':
      return null;
  }
}

function isSettable(schema: Schema): boolean {
  const node = nodeOf(schema);
  if (node.kind === 'union') return node.options.some(isSettable);
  if (node.kind === 'scalar') return true;
  return node.kind === 'list' && nodeOf(node.item).kind !== 'list' && isSettable(node.item);
}

const fold = (name: string) => name.toLowerCase().replace(/[_-]/g, '');

function coerce(schema: Schema, text: string): unknown {
  if (text === 'null' && isNullable(schema)) return null;
  const node = nodeOf(schema);
  if (node.kind === 'union') {
    const readings = node.options.filter(isSettable).map((option) => coerce(option, text));
    return readings.find((reading) => reading !== text) ?? text;
  }
  if (node.kind === 'list') {
    return text === '' ? [] : text.split(',').map((item) => coerce(node.item, item.trim()));
  }
  if (node.kind !== 'scalar') return text;
  if (node.type === 'boolean' && /^(?:true|false)$/.test(text)) return text === 'true';
  return node.type === 'number' && /^-?\d{1,15}(?:\.\d{1,15})?$/.test(text) ? Number(text) : text;
}

/** Sets `value` at `path`, making what lies on the way; false when something else is in the way. */
function assign(root: unknown, path: Path, value: unknown): boolean {
  let at: unknown = root;
  for (const [index, step] of path.entries()) {
    const fits = typeof step === 'number' ? Array.isArray(at) && step <= at.length : isMapping(at);
    if (!fits || step === '__proto__') return false;
    const container = at as Record<string | number, unknown>;
    if (index === path.length - 1) {
      container[step] = value;
      return true;
    }
    const next = Object.hasOwn(container, step) ? container[step] : undefined;
    if (typeof next !== 'object' || next === null)
      container[step] = typeof path[index + 1] === 'number' ? [] : {};
    at = container[step];
  }
  return false;
}

/** The variables of everything that has a fixed path, for suggestions. */
function knownVariables(schema: Schema, name = prefix.slice(0, -1)): readonly string[] {
  const node = nodeOf(schema);
  if (node.kind === 'scalar' || node.kind === 'list') return [name];
  if (node.kind !== 'object') return [];
  const separator = name === prefix.slice(0, -1) ? '_' : '__';
  return Object.entries(node.fields).flatMap(([field, child]) =>
    knownVariables(child, `${name}${separator}${field.replace(/[A-Z]/g, '_$&').toUpperCase()}`),
  );
}
