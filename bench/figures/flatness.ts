/** The cost of a request does not depend on how many sessions are stored or how many routes are configured. */
import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { BenchClient, Candidate, Surroundings } from '../candidate.ts';
import { type GateOptions, startSallyport } from '../candidates/sallyport.ts';
import type { Pace } from '../compare.ts';
import type { Figure } from '../figure.ts';
import { median } from '../median.ts';
import { measure, scenarios } from '../scenarios.ts';

export const storedSessions = 100_000;
export const configuredRoutes = 1000;

/** Growth in per cent. */
const limit = 10;

export interface FlatnessClients {
  readonly base: BenchClient;
  readonly other: BenchClient;
}

/** One session in the store, against one among 100,000. */
export async function sessionsFigure(
  surroundings: Surroundings,
  clients: FlatnessClients,
  pace: Pace,
): Promise<Figure> {
  const options: GateOptions = { home: 'many-sessions', extraRoutes: 0, cookie: null };
  const first = await startSallyport(surroundings, clients.other, options);
  await first.stop();
  multiplySessions(join(surroundings.directory, options.home, 'data'), storedSessions);
  const many = await startSallyport(surroundings, clients.other, { ...options, cookie: first.cookie });
  return against(`small GET, 1 to ${storedSessions} stored sessions`, many, { surroundings, clients, pace });
}

/** The routes of the scenarios alone, against the same among 1,000. */
export async function routesFigure(
  surroundings: Surroundings,
  clients: FlatnessClients,
  pace: Pace,
): Promise<Figure> {
  const options: GateOptions = { home: 'many-routes', extraRoutes: configuredRoutes, cookie: null };
  const many = await startSallyport(surroundings, clients.other, options);
  return against(`small GET, 4 to ${configuredRoutes} routes`, many, { surroundings, clients, pace });
}

interface Comparison {
  readonly surroundings: Surroundings;
  readonly clients: FlatnessClients;
  readonly pace: Pace;
}

/** In turns, and judged by the median of the ratios of neighbours, which drift of the machine hardly moves. */
async function against(name: string, many: Candidate, comparison: Comparison): Promise<Figure> {
  const { surroundings, clients, pace } = comparison;
  const scenario = scenarios[0] as (typeof scenarios)[number];
  const options: GateOptions = { home: 'base', extraRoutes: 0, cookie: null };
  const one = await startSallyport(surroundings, clients.base, options).catch(async (error: unknown) => {
    await many.stop();
    throw error;
  });
  const costs: { one: number; many: number }[] = [];
  try {
    for (const gate of [one, many, one, many]) await measure(gate, scenario, pace);
    for (let round = 0; round < pace.rounds; round += 1) {
      // Who goes first alternates, or a drift would always count against the same side.
      const order = round % 2 === 0 ? ([one, many] as const) : ([many, one] as const);
      const [a, b] = [await measure(order[0], scenario, pace), await measure(order[1], scenario, pace)];
      const [ofOne, ofMany] = round % 2 === 0 ? [a, b] : [b, a];
      costs.push({ one: ofOne.cpuMicroseconds, many: ofMany.cpuMicroseconds });
    }
  } finally {
    await Promise.all([one.stop(), many.stop()]);
  }
  const growth = median(costs.map((cost) => cost.many / cost.one)) * 100 - 100;
  const [from, to] = [median(costs.map((cost) => cost.one)), median(costs.map((cost) => cost.many))];
  return {
    name,
    measured: growth,
    limit,
    unit: ' %',
    detail: `${from.toFixed(1)} µs to ${to.toFixed(1)} µs`,
  };
}

/** Fills the store of a stopped gate with copies of its session under keys of their own. */
function multiplySessions(dataDir: string, count: number): void {
  const file = readdirSync(dataDir).find((name) => /\.(sqlite|db)$/.test(name));
  if (file === undefined) throw new Error(`no database in ${dataDir}`);
  const database = new DatabaseSync(join(dataDir, file));
  try {
    const rows = database.prepare('SELECT key, value, expires_at FROM records').all();
    const session = rows.sort((a, b) => Number(b.expires_at) - Number(a.expires_at))[0];
    if (session === undefined) throw new Error('the gate stored no session');
    const key = String(session.key);
    const prefix = key.slice(0, key.lastIndexOf(':') + 1);
    const insert = database.prepare('INSERT INTO records (key, value, expires_at) VALUES (?, ?, ?)');
    database.exec('BEGIN');
    for (let stored = rows.length; stored < count; stored += 1) {
      const random = randomBytes(key.length)
        .toString('base64url')
        .slice(0, key.length - prefix.length);
      insert.run(`${prefix}${random}`, session.value as Uint8Array, session.expires_at as number);
    }
    database.exec('COMMIT');
  } finally {
    database.close();
  }
}
