/** The outcome of a run: as a table for a terminal and as JSON for everything else. */
import { cpus, loadavg, totalmem } from 'node:os';
import type { CandidateName } from './candidate.ts';
import type { Results } from './compare.ts';
import { type Figure, isMet } from './figure.ts';
import type { StoreSize } from './fill/sessions.ts';
import type { Memory } from './processes.ts';
import { scenarios } from './scenarios.ts';

export interface Report {
  /** ISO date. */
  readonly date: string;
  readonly machine: Machine;
  readonly versions: Readonly<Record<string, string>>;
  readonly rounds: number;
  readonly secondsPerRound: number;
  readonly results: Results;
  /** Bytes, after the load. */
  readonly memory: Partial<Record<CandidateName, Memory>>;
  readonly figures: readonly Figure[];
  readonly sizes: readonly StoreSize[];
}

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  /** Of the last minute, before the run: above 1, others were busy too. */
  readonly loadBefore: number;
}

export const candidateNames: readonly CandidateName[] = ['nginx', 'mod_auth_openidc', 'sallyport'];

export function describeMachine(): Machine {
  const all = cpus();
  return {
    cpu: all[0]?.model.trim() ?? 'unknown',
    cores: all.length,
    memoryGiB: Math.round(totalmem() / 1024 ** 3),
    loadBefore: Number((loadavg()[0] ?? 0).toFixed(2)),
  };
}

export function formatReport(report: Report): string {
  const { machine, versions } = report;
  const head = `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, load before ${machine.loadBefore}
${Object.entries(versions)
  .map(([name, version]) => `${name} ${version}`)
  .join(', ')}
${report.rounds} rounds of ${report.secondsPerRound} s each, in turns; medians. Access logs off for all.
nginx: one worker. Apache: event MPM, one process of 64 threads. The gate: one process.`;
  const tables = [comparisonTable(report.results), memoryTable(report), figureTable(report.figures)];
  return [head, ...tables, sizeTable(report.sizes)].filter((part) => part !== '').join('\n\n');
}

function comparisonTable(results: Results): string {
  const rows = scenarios.flatMap(({ name, title }) => {
    const ofAll = results[name];
    if (ofAll === undefined) return [];
    return candidateNames.flatMap((candidate) => {
      const result = ofAll[candidate];
      if (result === undefined) return [];
      const ratio = result.cpuMicroseconds / (ofAll.nginx?.cpuMicroseconds ?? Number.NaN);
      const [low, high] = result.cpuRange;
      return [
        [
          title,
          candidate,
          result.cpuMicroseconds.toFixed(1),
          `${low.toFixed(1)}–${high.toFixed(1)}`,
          Number.isNaN(ratio) ? '' : `${ratio.toFixed(2)} ×`,
          result.requestsPerSecond.toFixed(0),
          result.p50.toFixed(2),
          result.p99.toFixed(2),
        ],
      ];
    });
  });
  if (rows.length === 0) return '';
  return table(['', '', 'CPU µs', 'range', 'of nginx', 'per second', 'p50 ms', 'p99 ms'], rows);
}

function memoryTable({ memory }: Report): string {
  const rows = candidateNames.flatMap((name) => {
    const of = memory[name];
    return of === undefined ? [] : [[name, (of.rss / 1e6).toFixed(0), (of.pss / 1e6).toFixed(0)]];
  });
  return rows.length === 0 ? '' : table(['memory after the load', 'RSS MB', 'PSS MB'], rows);
}

function figureTable(figures: readonly Figure[]): string {
  if (figures.length === 0) return '';
  const number = (value: number, unit: string) => `${value.toFixed(unit === '×' ? 2 : 1)}${unit}`;
  return table(
    ['figure', 'measured', 'limit', '', ''],
    figures.map((figure) => [
      figure.name,
      number(figure.measured, figure.unit),
      `${figure.bound === 'at least' ? '≥' : '≤'} ${number(figure.limit, figure.unit)}`,
      isMet(figure) ? 'met' : 'NOT MET',
      figure.detail,
    ]),
  );
}

function sizeTable(sizes: readonly StoreSize[]): string {
  if (sizes.length === 0) return '';
  return table(
    ['stored sessions', 'number', 'bytes each', 'of them record'],
    sizes.map(({ store, sessions, bytesPerSession, recordBytes }) => [
      store,
      `${sessions}`,
      bytesPerSession.toFixed(0),
      `${recordBytes}`,
    ]),
  );
}

/** Columns as wide as they need to be: text to the left, numbers to the right. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const isNumber = head.map((_, column) =>
    rows.every((row) => /^[\d.,–\s×%MBms≤≥-]*$/.test(row[column] ?? '')),
  );
  return all
    .map((row) =>
      row
        .map((cell, column) => {
          const width = widths[column] as number;
          return isNumber[column] ? cell.padStart(width) : cell.padEnd(width);
        })
        .join('   ')
        .trimEnd(),
    )
    .join('\n');
}
