/**
 * Four gates in turns, each beside the one that it is compared with: one session in SQLite and one in Redis, and the same
 * among a million stored ones.
 */
import { join } from 'node:path';
import type { BenchClient, Candidate, Surroundings } from '../candidate.ts';
import { type GateOptions, startSallyport } from '../candidates/sallyport.ts';
import type { Pace } from '../compare.ts';
import type { Figure } from '../figure.ts';
import { fillRedis } from '../fill/redis.ts';
import type { StoreSize } from '../fill/sessions.ts';
import { fillSqlite } from '../fill/sqlite.ts';
import { collectable, heldBytes } from '../held-memory.ts';
import { inTurns } from '../in-turns.ts';
import { cpuMicroseconds } from '../processes.ts';
import { type BenchRedis, startRedis } from '../redis.ts';
import { measure, smallGet } from '../scenarios.ts';
import { type Four, judgeStores, type StoreMeasurement } from './store-costs.ts';

/** Requests. */
const warmUp = 60_000;

export interface StoresPace extends Pace {
  /** In the full stores. */
  readonly sessions: number;
}

export interface StoresOutcome {
  readonly figures: readonly Figure[];
  readonly sizes: readonly StoreSize[];
}

interface Side {
  readonly gate: Candidate;
  /** Null: SQLite. */
  readonly redis: BenchRedis | null;
}

export async function storeFigures(
  surroundings: Surroundings,
  clients: Four<BenchClient>,
  pace: StoresPace,
): Promise<StoresOutcome> {
  await using running = new AsyncDisposableStack();
  const { directory } = surroundings;
  const start = async (client: BenchClient, options: GateOptions): Promise<Candidate> => {
    const gate = await startSallyport(surroundings, client, options);
    running.defer(gate.stop);
    return gate;
  };
  /** Makes the session that is copied. */
  const startAndStop = async (client: BenchClient, options: GateOptions): Promise<void> => {
    const gate = await startSallyport(surroundings, client, options);
    await gate.stop();
  };
  const startServer = async (name: string): Promise<BenchRedis> => {
    const redis = await startRedis(directory, name);
    running.defer(redis.stop);
    return redis;
  };

  const [few, many] = [await startServer('redis-one'), await startServer('redis-many')];
  const options: Four<GateOptions> = [
    { home: 'gate-sqlite-many', environment: collectable },
    { home: 'gate-sqlite-one', environment: collectable },
    { home: 'gate-redis-one', environment: collectable, store: { redis: { url: few.url } } },
    { home: 'gate-redis-many', environment: collectable, store: { redis: { url: many.url } } },
  ];
  process.stderr.write(`${pace.sessions} sessions in SQLite and in Redis …\n`);
  await startAndStop(clients[0], options[0]);
  const inSqlite = fillSqlite(join(directory, options[0].home, 'data'), pace.sessions);
  await startAndStop(clients[3], options[3]);
  const inRedis = await fillRedis(many, pace.sessions);
  const sides: Four<Side> = [
    { gate: await start(clients[0], options[0]), redis: null },
    { gate: await start(clients[1], options[1]), redis: null },
    { gate: await start(clients[2], options[2]), redis: few },
    { gate: await start(clients[3], options[3]), redis: many },
  ];
  const turns = { rounds: pace.rounds, warmUp };
  const rounds = await inTurns(sides, turns, (side) => measureSide(side, pace));
  const held: number[] = [];
  for (const { gate } of sides) held.push(await heldBytes(gate.pid));
  return { figures: judgeStores({ rounds, held, sessions: pace.sessions }), sizes: [inSqlite, inRedis] };
}

async function measureSide({ gate, redis }: Side, pace: Pace): Promise<StoreMeasurement> {
  const before = await spentBy(redis);
  const { requests, cpuMicroseconds } = await measure(gate, smallGet, pace);
  const after = await spentBy(redis);
  return {
    requests,
    cpuMicroseconds,
    commands: after.commands - before.commands,
    redisMicroseconds: after.microseconds - before.microseconds,
  };
}

/** Commands for the sake of requests, and the time of the whole server. */
async function spentBy(
  redis: BenchRedis | null,
): Promise<{ readonly commands: number; readonly microseconds: number }> {
  if (redis === null) return { commands: 0, microseconds: 0 };
  const microseconds = cpuMicroseconds([redis.pid]);
  let commands = 0;
  for (const [command, calls] of await redis.calls()) {
    // Heartbeats, and this very question.
    if (command !== 'ping' && command !== 'info') commands += calls;
  }
  return { commands, microseconds };
}
