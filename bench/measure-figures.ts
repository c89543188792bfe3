/** All figures beside the comparison, one part after the other. */
import type { BenchClient, Candidate, Surroundings } from './candidate.ts';
import type { Pace } from './compare.ts';
import type { Figure } from './figure.ts';
import { bearerFigures } from './figures/bearer.ts';
import { loginFigure } from './figures/login.ts';
import { memoryFigures } from './figures/memory.ts';
import { routesFigure } from './figures/routes.ts';
import { startFigure } from './figures/start.ts';
import type { Four } from './figures/store-costs.ts';
import { storeFigures } from './figures/stores.ts';
import { workersFigure } from './figures/workers.ts';
import type { StoreSize } from './fill/sessions.ts';

export const figureNames = ['memory', 'stores', 'login', 'workers', 'routes', 'bearer', 'start'] as const;

export interface FigureWork {
  readonly surroundings: Surroundings;
  /** For the gates of one part at a time. */
  readonly clients: Four<BenchClient>;
  /** The gate of the comparison, warm. */
  readonly gate: Candidate;
  readonly quick: boolean;
  readonly wants: (name: (typeof figureNames)[number]) => boolean;
}

export interface FigureOutcome {
  readonly figures: readonly Figure[];
  readonly sizes: readonly StoreSize[];
}

export async function measureFigures(work: FigureWork): Promise<FigureOutcome> {
  const { surroundings, clients, quick, wants } = work;
  const { directory } = surroundings;
  const pace: Pace = { rounds: quick ? 4 : 10, seconds: quick ? 1 : 2, directory };
  const pair = [clients[0], clients[1]] as const;
  const figures: Figure[] = [];
  const sizes: StoreSize[] = [];
  process.stderr.write('figures …\n');
  if (wants('memory')) figures.push(...(await memoryFigures(work.gate)));
  if (wants('stores')) {
    const sessions = quick ? 20_000 : 1_000_000;
    const stores = await storeFigures(surroundings, clients, { ...pace, sessions });
    figures.push(...stores.figures);
    sizes.push(...stores.sizes);
  }
  if (wants('login')) figures.push(await loginFigure(surroundings, clients[0], quick ? 5 : 20));
  if (wants('workers')) figures.push(await workersFigure(surroundings, pair, pace));
  if (wants('routes')) figures.push(await routesFigure(surroundings, pair, pace));
  if (wants('bearer')) {
    const bearerPace = quick
      ? { rounds: 3, warmUp: 10_000, flood: 3 }
      : { rounds: 6, warmUp: 20_000, flood: 32 };
    figures.push(...(await bearerFigures(surroundings, clients[0], bearerPace)));
  }
  if (wants('start')) figures.push(await startFigure(surroundings, clients[0], quick ? 3 : 7));
  return { figures, sizes };
}
