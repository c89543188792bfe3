/** The cost of a request does not depend on how many routes are configured. */
import type { BenchClient, Surroundings } from '../candidate.ts';
import { startSallyport } from '../candidates/sallyport.ts';
import type { Pace } from '../compare.ts';
import type { Figure } from '../figure.ts';
import { costChange, inTurns } from '../in-turns.ts';
import { measure, smallGet } from '../scenarios.ts';

const configuredRoutes = 1000;
/** Requests. */
const warmUp = 60_000;

/** Growth in per cent. */
const limit = 10;

/** The routes of the scenarios alone, against the same among 1,000. */
export async function routesFigure(
  surroundings: Surroundings,
  clients: readonly [BenchClient, BenchClient],
  pace: Pace,
): Promise<Figure> {
  await using running = new AsyncDisposableStack();
  const few = await startSallyport(surroundings, clients[0], { home: 'few-routes' });
  running.defer(few.stop);
  const options = { home: 'many-routes', extraRoutes: configuredRoutes };
  const many = await startSallyport(surroundings, clients[1], options);
  running.defer(many.stop);
  const turns = { rounds: pace.rounds, warmUp };
  const rounds = await inTurns([few, many], turns, (gate) => measure(gate, smallGet, pace));
  const { growth, detail } = costChange(rounds, 0, 1);
  return { name: `small GET, 4 to ${configuredRoutes} routes`, measured: growth, limit, unit: ' %', detail };
}
