/**
 * What two workers carry against one when each has a core for itself. Load generator and application need cores too, so on
 * a small machine throughput does not tell, and it is derived from what decides it: twice as much as one worker, less what
 * a request costs more where there are two, less what stays idle when one has more connections than the other.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchClient, Candidate, Surroundings } from '../candidate.ts';
import { startSallyport } from '../candidates/sallyport.ts';
import type { Pace } from '../compare.ts';
import { openConnections } from '../connections.ts';
import type { Figure } from '../figure.ts';
import { costChange, inTurns } from '../in-turns.ts';
import { median } from '../median.ts';
import { processTree } from '../processes.ts';
import { measure, type Scenario, smallGet } from '../scenarios.ts';

const limit = 1.7;

/** The kernel deals connections out by a hash: the more of them, the more even. */
const scenario: Scenario = { ...smallGet, connections: 256 };

/** Requests, for two processes to be as warm as one. */
const warmUp = 120_000;

interface Shared {
  readonly requests: number;
  /** Of all processes of the gate, per request. */
  readonly cpuMicroseconds: number;
  /** Part of the connections that came to the process with the most, 0.5 to 1. */
  readonly largestShare: number;
  readonly perSecond: number;
}

export async function workersFigure(
  surroundings: Surroundings,
  clients: readonly [BenchClient, BenchClient],
  pace: Pace,
): Promise<Figure> {
  await using running = new AsyncDisposableStack();
  const one = await startSallyport(surroundings, clients[0], { home: 'one-worker' });
  running.defer(one.stop);
  const two = await startSallyport(surroundings, clients[1], { home: 'two-workers', workers: 2 });
  running.defer(two.stop);
  const turns = { rounds: pace.rounds, warmUp };
  const rounds = await inTurns([one, two], turns, (gate) => measureShared(gate, pace));
  const capacities = rounds.map(([alone, both]) => {
    const { cpuMicroseconds: inCompany, largestShare } = both as Shared;
    return (alone as Shared).cpuMicroseconds / inCompany / largestShare;
  });
  return {
    name: 'two workers against one, derived from CPU',
    measured: median(capacities),
    limit,
    bound: 'at least',
    unit: '×',
    detail: describe(rounds),
  };
}

function describe(rounds: readonly (readonly Shared[])[]): string {
  const middle = (of: keyof Shared, side: 0 | 1) =>
    median(rounds.map((row) => row[side]?.[of] ?? Number.NaN));
  const share = (middle('largestShare', 1) * 100).toFixed(0);
  const rates = ([0, 1] as const).map((side) => middle('perSecond', side).toFixed(0)).join(' to ');
  return `${costChange(rounds, 0, 1).detail}, ${share} % of connections at one of them; ${rates} requests/s, machine shared with load and application`;
}

async function measureShared(gate: Candidate, pace: Pace): Promise<Shared> {
  const measuring = measure(gate, scenario, pace);
  await sleep((pace.seconds * 1000) / 2);
  const counts = openConnections(processTree(gate.pid), Number(new URL(gate.url).port));
  const { cpuMicroseconds, requests, seconds } = await measuring;
  const largestShare = Math.max(...counts) / counts.reduce((sum, count) => sum + count, 0);
  return { cpuMicroseconds, requests, largestShare, perSecond: requests / seconds };
}
