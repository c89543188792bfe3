/** Translates what the schemas found, by code, into problems: the one place that knows zod's issues. */
import type { z } from 'zod';
import { didYouMean } from './did-you-mean.ts';
import type { Problem } from './problem.ts';
import {
  formatPath,
  isMapping,
  isOfSecrets,
  isReferable,
  nodeOf,
  type Path,
  type Schema,
  schemaAt,
  valueAt,
} from './schema-tree.ts';

type Issue = z.core.$ZodIssue;

export interface IssueContext {
  readonly schema: Schema;
  readonly data: unknown;
  readonly where: (path: Path) => string | null;
}

/** Something wrong at a path, before its value and place are looked up. */
export interface Finding {
  readonly path: Path;
  readonly reason: string;
  readonly suggestion: string | null;
}

export function finding(path: Path, reason: string, suggestion: string | null = null): Finding {
  return { path, reason, suggestion };
}

/** `at` is where the schema that found the issue stands. */
export function toProblems(issue: Issue, context: IssueContext, at: Path = []): readonly Problem[] {
  return findings(issue, context, [...at, ...(issue.path as Path)]).map((finding) =>
    toProblem(finding, context),
  );
}

/** Without what is said of a value that is of another type altogether: its length, for example. */
export function withoutEchoes(issues: readonly Issue[]): readonly Issue[] {
  const placeOf = ({ path }: Issue) => formatPath(path as Path);
  const mistyped = new Set(issues.filter(({ code }) => code === 'invalid_type').map(placeOf));
  return issues.filter((issue) => issue.code === 'invalid_type' || !mistyped.has(placeOf(issue)));
}

export function toProblem({ path, reason, suggestion }: Finding, context: IssueContext): Problem {
  return {
    path: formatPath(path),
    value: showValue(path, context),
    reason,
    suggestion,
    where: context.where(path),
  };
}

function findings(issue: Issue, context: IssueContext, path: Path): readonly Finding[] {
  const one = (reason: string, suggestion: string | null = null) => [{ path, reason, suggestion }];
  const value = valueAt(context.data, path);
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownKey(context.schema, path, key));
    case 'invalid_value':
      return one(...notAmong(value, issue.values.map(String)));
    case 'invalid_type':
      return [value === undefined ? missing(path, context) : wrongType(path, issue.expected, context)];
    case 'invalid_union':
      return fromUnion(issue, context, path);
    case 'invalid_key':
      return one(`is not a name that can stand here: it ${issue.issues[0]?.message ?? 'is not valid'}`);
    case 'too_small':
      return one(tooSmall(issue.origin, Number(issue.minimum)));
    case 'too_big':
      return one(`must be at most ${Number(issue.maximum)}${sizeUnit(issue.origin)}`);
    case 'custom':
      return one(issue.message, (issue.params?.suggestion as string | null | undefined) ?? null);
    default:
      return one(issue.message);
  }
}

function unknownKey(schema: Schema, path: Path, key: string): Finding {
  const parent = schemaAt(schema, path);
  const known = parent === null ? [] : formsOf(parent).flatMap(({ fields }) => Object.keys(fields));
  return { path: [...path, key], reason: 'is not known here', suggestion: didYouMean(key, known) };
}

function notAmong(value: unknown, values: readonly string[]): [string, string | null] {
  const list = values.map((each) => `\`${each}\``).join(', ');
  if (value === undefined) return [`is missing: one of ${list}`, null];
  return [
    `must be ${values.length === 1 ? '' : 'one of '}${list}`,
    typeof value === 'string' ? didYouMean(value, values) : null,
  ];
}

function missing(path: Path, { schema }: IssueContext): Finding {
  const place = schemaAt(schema, path);
  const isList = place !== null && nodeOf(place).kind === 'list';
  return { path, reason: isList ? 'is missing: a list' : 'is missing', suggestion: null };
}

/** What people most often leave out: the unit, the quotes, the brackets. */
function wrongType(path: Path, expected: string, context: IssueContext): Finding {
  const value = valueAt(context.data, path);
  const place = schemaAt(context.schema, path);
  const node = place === null ? null : nodeOf(place);
  const written = node?.kind === 'scalar' ? writtenAs[node.scalar ?? ''] : undefined;
  const isBare = typeof value === 'number' || typeof value === 'boolean' || value instanceof Date;
  const hint = expected === 'string' && isBare ? (written ?? ': put it in quotes') : '';
  const suggestion = expected === 'array' && showValue(path, context) !== null ? asList(value) : null;
  return { path, reason: `must be ${article(expected)}${hint}`, suggestion };
}

const writtenAs: Readonly<Record<string, string>> = {
  duration: ' with a unit, as 500ms, 30s, 5m, 12h or 7d',
  size: ' with a unit, as 512B, 64KiB, 10MiB or 1GiB',
  address: ': host and port, as 127.0.0.1:8080 or [::1]:8080',
};

/** `bearer` → `[bearer]`; null for what is better not repeated. */
function asList(value: unknown): string | null {
  return typeof value === 'string' && /^[\w:/.*-]+(?:[ ,]+[\w:/.*-]+)*$/.test(value) && value.length <= 80
    ? `[${value.split(/[ ,]+/).join(', ')}]`
    : null;
}

/** The branch that came furthest tells most: the one whose first issue lies deepest. One of another type tells nothing. */
function fromUnion(
  issue: Extract<Issue, { code: 'invalid_union' }>,
  context: IssueContext,
  path: Path,
): readonly Finding[] {
  if (issue.errors.length === 0) {
    const options = 'options' in issue ? (issue.options as readonly unknown[]) : [];
    const [reason, suggestion] = notAmong(valueAt(context.data, path), options.map(String));
    return [{ path, reason, suggestion }];
  }
  const fromMapping = fromForms(issue, context, path);
  if (fromMapping !== null) return fromMapping;
  const branches = issue.errors.filter((branch) => typeExpected(branch) === null);
  if (branches.length === 0) {
    const types = issue.errors.map((branch) => article(typeExpected(branch) as string));
    return [{ path, reason: `must be ${[...new Set(types)].join(' or ')}`, suggestion: null }];
  }
  const depth = (issues: readonly Issue[]) => Math.max(...issues.map((each) => each.path.length));
  const [best] = branches.sort((a, b) => depth(b) - depth(a) || a.length - b.length);
  const [only, ...more] = best as Issue[];
  if (only?.code === 'invalid_value' && only.path.length === 0 && more.length === 0) {
    const value = valueAt(context.data, path);
    const [reason, suggestion] = notAmong(value, only.values.map(String));
    const form = typeof value === 'string' ? didYouMean(value, formNames(context, path)) : null;
    return [
      {
        path,
        reason: [reason, ...otherForms(issue, context, path)].join(' or '),
        suggestion: suggestion ?? (form === null ? null : `{ ${form}: … }`),
      },
    ];
  }
  return (best as Issue[]).flatMap((each) => findings(each, context, [...path, ...(each.path as Path)]));
}

/** Where a mapping may have one of several forms, its members tell which is meant; null where it has no choice. */
function fromForms(
  issue: Extract<Issue, { code: 'invalid_union' }>,
  context: IssueContext,
  path: Path,
): readonly Finding[] | null {
  const place = schemaAt(context.schema, path);
  const value = valueAt(context.data, path);
  if (place === null || !isMapping(value) || formsOf(place).length < 2) return null;
  const keys = Object.keys(value);
  const meant = formsOf(place).filter(({ fields }) => keys.some((key) => Object.hasOwn(fields, key)));
  const [form, ...more] = meant;
  if (form === undefined && keys.length > 0) return keys.map((key) => unknownKey(context.schema, path, key));
  if (form === undefined || more.length > 0) {
    const forms = formsOf(place).map(({ fields }) => describeForm(fields));
    return [{ path, reason: `must be one of ${forms.join(', ')}`, suggestion: null }];
  }
  return (issue.errors[form.index] as Issue[]).flatMap((each) =>
    findings(each, context, [...path, ...(each.path as Path)]),
  );
}

interface Form {
  /** Among the options of the union. */
  readonly index: number;
  readonly fields: Readonly<Record<string, Schema>>;
}

/** The forms of a mapping that may stand here: one, or those of a union. */
function formsOf(schema: Schema): readonly Form[] {
  const node = nodeOf(schema);
  if (node.kind === 'object') return [{ index: 0, fields: node.fields }];
  return (node.kind === 'union' ? node.options : []).flatMap((option, index) => {
    const each = nodeOf(option);
    return each.kind === 'object' ? [{ index, fields: each.fields }] : [];
  });
}

const describeForm = (fields: Form['fields']) => `\`{ ${Object.keys(fields).join(', ')}: … }\``;

function formNames({ schema }: IssueContext, path: Path): readonly string[] {
  const place = schemaAt(schema, path);
  return place === null ? [] : formsOf(place).flatMap(({ fields }) => Object.keys(fields));
}

/** What may stand there instead of a word: `a number`, `{ redis: … }`. */
function otherForms(
  issue: Extract<Issue, { code: 'invalid_union' }>,
  { schema }: IssueContext,
  path: Path,
): readonly string[] {
  const place = schemaAt(schema, path);
  const mappings = place === null ? [] : formsOf(place).map(({ fields }) => describeForm(fields));
  const types = issue.errors.map(typeExpected).filter((type) => type !== null && type !== 'object');
  return [...new Set(types.map((type) => article(type as string))), ...mappings];
}

/** What type a branch wants when the value is of another; null when it is of that type. */
function typeExpected([first]: readonly Issue[]): string | null {
  return first?.code === 'invalid_type' && first.path.length === 0 ? first.expected : null;
}

function tooSmall(origin: string, minimum: number): string {
  if (origin === 'array')
    return minimum === 1 ? 'is empty: it needs at least one entry' : `needs at least ${minimum} entries`;
  if (origin === 'string') return minimum === 1 ? 'is empty' : `must be at least ${minimum} characters long`;
  return `must be at least ${minimum}`;
}

function sizeUnit(origin: string): string {
  if (origin === 'string') return ' characters long';
  return origin === 'array' ? ' entries long' : '';
}

function article(expected: string): string {
  const names: Readonly<Record<string, string>> = {
    array: 'a list',
    object: 'a mapping',
    record: 'a mapping',
    string: 'text',
    number: 'a number',
    int: 'a whole number',
    boolean: '`true` or `false`',
  };
  return names[expected] ?? `of the type ${expected}`;
}

/** Only plain values whose place is known and no secret: what is misplaced could be a secret under a mistyped name. */
function showValue(path: Path, { schema, data }: IssueContext): string | null {
  const place = schemaAt(schema, path);
  if (place === null || path.length === 0 || isReferable(place)) return null;
  const value = valueAt(data, path);
  if (Array.isArray(value)) return value.length === 0 ? '[]' : 'a list';
  if (isMapping(value)) return 'a mapping';
  if (typeof value === 'string') return isOfSecrets(place) ? null : showText(value);
  return typeof value === 'number' || typeof value === 'boolean' || value === null ? String(value) : null;
}

/** Without whoever stands in an address. */
const showText = (text: string) => shorten(JSON.stringify(text.replace(/(:\/\/).*@/g, '$1…@')));

const shorten = (text: string) => (text.length <= 80 ? text : `${text.slice(0, 79)}…`);
