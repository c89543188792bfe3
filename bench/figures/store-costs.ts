/** What the rounds of `stores.ts` say, against what is promised. */
import type { Figure } from '../figure.ts';
import { costChange } from '../in-turns.ts';

/** Sides in the order in which they are measured: whoever is compared stands next to each other. */
export type Four<T> = readonly [sqliteMany: T, sqliteOne: T, redisOne: T, redisMany: T];
const [sqliteMany, sqliteOne, redisOne, redisMany] = [0, 1, 2, 3] as const;

/** One side, one round. */
export interface StoreMeasurement {
  readonly requests: number;
  /** Of the gate, per request. */
  readonly cpuMicroseconds: number;
  /** That Redis was given, heartbeats aside. */
  readonly commands: number;
  /** Of redis-server, in all. */
  readonly redisMicroseconds: number;
}

type Rounds = readonly (readonly StoreMeasurement[])[];

export interface StoreRounds {
  readonly rounds: Rounds;
  /** Memory of each gate without garbage, in bytes. */
  readonly held: readonly number[];
  /** In the full stores. */
  readonly sessions: number;
}

/** Per cent. */
const costLimit = 10;
/** Two equal gates differ by half of it. For a million sessions it is 15 bytes each. */
const memoryLimitMegabytes = 15;
/** For 1,000 requests. A session that is in use is written now and then; a command a request would be 1,000. */
const commandsLimit = 1;

export function judgeStores({ rounds, held, sessions }: StoreRounds): readonly Figure[] {
  const count = sessions.toLocaleString('en');
  return [
    storesAgainstEachOther(rounds),
    commandsFigure(rounds),
    growthOfCost(`1 to ${count} sessions in SQLite, CPU`, costChange(rounds, sqliteOne, sqliteMany)),
    growthOfCost(`1 to ${count} sessions in Redis, CPU`, costChange(rounds, redisOne, redisMany)),
    growthOfMemory(`1 to ${count} sessions in SQLite, memory of the gate`, held, [sqliteOne, sqliteMany]),
    growthOfMemory(`1 to ${count} sessions in Redis, memory of the gate`, held, [redisOne, redisMany]),
  ];
}

function storesAgainstEachOther(rounds: Rounds): Figure {
  const { growth, detail } = costChange(rounds, sqliteOne, redisOne);
  const name = 'known session, CPU on SQLite and on Redis, difference';
  return { name, measured: Math.abs(growth), limit: costLimit, unit: ' %', detail };
}

function commandsFigure(rounds: Rounds): Figure {
  const all = rounds.map((row) => row[redisOne] as StoreMeasurement);
  const sum = (of: (one: StoreMeasurement) => number) => all.reduce((total, one) => total + of(one), 0);
  const requests = sum((one) => one.requests);
  const commands = sum((one) => one.commands);
  const microseconds = sum((one) => one.redisMicroseconds) / requests;
  return {
    name: 'known session, commands to Redis for 1,000 requests',
    measured: (commands / requests) * 1000,
    limit: commandsLimit,
    unit: '',
    detail: `${commands} in ${requests} requests; redis-server ${microseconds.toFixed(2)} µs per request`,
  };
}

function growthOfCost(name: string, { growth, detail }: ReturnType<typeof costChange>): Figure {
  return { name, measured: growth, limit: costLimit, unit: ' %', detail };
}

function growthOfMemory(
  name: string,
  held: readonly number[],
  [from, to]: readonly [number, number],
): Figure {
  const [before, after] = [(held[from] ?? Number.NaN) / 1e6, (held[to] ?? Number.NaN) / 1e6];
  const detail = `${before.toFixed(1)} MB to ${after.toFixed(1)} MB`;
  return { name, measured: after - before, limit: memoryLimitMegabytes, unit: ' MB', detail };
}
