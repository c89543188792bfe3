/**
 * Settings that stand flat in environment variables and in a TOML file, the environment first. Each knows where it came
 * from, so that whatever is said about it can say that too.
 */
import { didYouMean } from '../did-you-mean.ts';
import type { Problem } from '../problem.ts';
import { isMapping } from '../schema-tree.ts';
import { parseSource } from '../source.ts';
import type { ConverterInput } from './converter.ts';

export interface Setting {
  /** As people know it: `LISTEN_URL`. */
  readonly name: string;
  readonly value: unknown;
  /** `environment variable LISTEN_URL`, `settings.toml line 3`. */
  readonly where: string;
  /** The variable that holds it; null when it stands in the file. */
  readonly variable: string | null;
}

export type ReportSetting = (setting: Pick<Setting, 'name' | 'where'>, reason: string) => void;

export interface FlatSettings {
  get(name: string): Setting | null;
  /** The file cannot be read: whatever is not there could stand in it. */
  readonly isBroken: boolean;
  /** What is wrong with the file, and what was reported. */
  readonly problems: Problem[];
  readonly report: ReportSetting;
}

/** `names` in upper case, as variables have them; in the file case makes no difference. */
export function readFlatSettings(names: readonly string[], { env, file }: ConverterInput): FlatSettings {
  const problems: Problem[] = [];
  const report: ReportSetting = ({ name, where }, reason) => {
    problems.push({ path: name, value: null, reason, suggestion: null, where });
  };
  const settings = new Map<string, Setting>();
  const inFile = file === null ? [] : readFile(file, problems);
  const isBroken = problems.length > 0;
  for (const setting of inFile) {
    if (names.includes(setting.name)) settings.set(setting.name, setting);
    else problems.push(unknownSetting(setting, names));
  }
  for (const name of names) {
    const value = env[name];
    if (value === undefined) continue;
    settings.set(name, { name, value, where: `environment variable ${name}`, variable: name });
  }
  return { get: (name) => settings.get(name) ?? null, isBroken, problems, report };
}

function readFile({ name, text }: NonNullable<ConverterInput['file']>, problems: Problem[]): Setting[] {
  const source = parseSource(text, 'toml');
  if (source.ok) {
    const data = isMapping(source.data) ? source.data : {};
    return Object.entries(data).map(([key, value]) => ({
      name: key.toUpperCase(),
      value,
      where: whereOf(key, name, text),
      variable: null,
    }));
  }
  for (const { reason, position } of source.problems) {
    const where = position === null ? name : `${name} line ${position.line}`;
    problems.push({ path: '', value: null, reason, suggestion: null, where });
  }
  return [];
}

/** The parser gives no positions. A key that stands flat begins its line; one that cannot be found has its file alone. */
function whereOf(key: string, file: string, text: string): string {
  const lines = text.split('\n').map((line) => /^\s*\[*\s*["']?([^\s"'=\].]+)/.exec(line)?.[1]);
  const index = lines.indexOf(key);
  return index === -1 ? file : `${file} line ${index + 1}`;
}

/** A setting that nobody reads is most often one that is misspelt, and what it was to demand is not demanded. */
function unknownSetting({ name, where }: Setting, names: readonly string[]): Problem {
  const suggestion = didYouMean(name, names)?.toLowerCase() ?? null;
  return { path: name.toLowerCase(), value: null, reason: 'is not known here', suggestion, where };
}

/** Text, not empty; null when it is none, which has been reported. */
export function textOf(setting: Setting, report: ReportSetting): string | null {
  const { value } = setting;
  if (typeof value === 'string' && value !== '' && !value.includes('\0')) return value;
  report(setting, value === '' ? 'is empty: give it a value, or leave it out' : 'must be text');
  return null;
}

/** A whole number of at least `least`; null when it is none, which has been reported. */
export function numberOf(setting: Setting, least: number, report: ReportSetting): number | null {
  const { value } = setting;
  const number = typeof value === 'string' && /^\d{1,9}$/.test(value) ? Number(value) : value;
  if (typeof number === 'number' && Number.isInteger(number) && number >= least && number < 1e9)
    return number;
  report(setting, `must be a whole number of at least ${least}`);
  return null;
}
