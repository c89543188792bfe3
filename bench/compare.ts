/** The comparison: every scenario with every candidate, in turns (A B C A B C), so that all see the same machine. */
import type { Candidate, CandidateName } from './candidate.ts';
import { median } from './median.ts';
import { type Memory, memoryOf, processTree } from './processes.ts';
import { type Measurement, measure, type Scenario } from './scenarios.ts';

/** Medians over the rounds. */
export interface Result {
  readonly cpuMicroseconds: number;
  /** Smallest and largest round, to show how steady the machine was. */
  readonly cpuRange: readonly [number, number];
  readonly requestsPerSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

export type Results = Record<string, Partial<Record<CandidateName, Result>>>;

export interface Pace {
  readonly rounds: number;
  readonly seconds: number;
  readonly directory: string;
}

export async function compare(
  candidates: readonly Candidate[],
  scenarios: readonly Scenario[],
  pace: Pace,
): Promise<Results> {
  const results: Results = {};
  for (const scenario of scenarios) {
    process.stderr.write(`${scenario.title} …\n`);
    results[scenario.name] = await compareScenario(candidates, scenario, pace);
  }
  return results;
}

async function compareScenario(candidates: readonly Candidate[], scenario: Scenario, pace: Pace) {
  const rounds = new Map<CandidateName, Measurement[]>();
  for (const candidate of candidates) {
    // Not counted: compilers and pools get warm.
    await measure(candidate, scenario, pace);
    rounds.set(candidate.name, []);
  }
  for (let round = 0; round < pace.rounds; round += 1) {
    for (const candidate of candidates) {
      rounds.get(candidate.name)?.push(await measure(candidate, scenario, pace));
    }
  }
  return Object.fromEntries([...rounds].map(([name, measurements]) => [name, summarize(measurements)]));
}

function summarize(rounds: readonly Measurement[]): Result {
  const cpu = rounds.map((round) => round.cpuMicroseconds);
  return {
    cpuMicroseconds: median(cpu),
    cpuRange: [Math.min(...cpu), Math.max(...cpu)],
    requestsPerSecond: median(rounds.map((round) => round.requests / round.seconds)),
    p50: median(rounds.map((round) => round.p50)),
    p99: median(rounds.map((round) => round.p99)),
  };
}

/** Memory after the load. */
export function compareMemory(candidates: readonly Candidate[]): Partial<Record<CandidateName, Memory>> {
  return Object.fromEntries(
    candidates.map((candidate) => [candidate.name, memoryOf(processTree(candidate.pid))]),
  );
}
