/** How often a sign-in waits for Redis. */
import type { BenchClient, Surroundings } from '../candidate.ts';
import { startSallyport } from '../candidates/sallyport.ts';
import type { Figure } from '../figure.ts';
import { startRedis } from '../redis.ts';
import { startRedisRelay } from '../redis-relay.ts';
import { signIn } from '../sign-in.ts';

const limit = 3;

/** Each sign-in with a browser of its own, from the first request to the page behind it. */
export async function loginFigure(
  surroundings: Surroundings,
  client: BenchClient,
  times: number,
): Promise<Figure> {
  await using running = new AsyncDisposableStack();
  const redis = await startRedis(surroundings.directory, 'redis-login');
  running.defer(redis.stop);
  const relay = await startRedisRelay(redis.port);
  running.defer(relay.stop);
  const options = { home: 'gate-login', store: { redis: { url: relay.url } } };
  const gate = await startSallyport(surroundings, client, options);
  running.defer(gate.stop);
  relay.take();
  let most = { roundTrips: 0, commands: '' };
  for (let i = 0; i < times; i += 1) {
    await signIn(`${gate.url}/`, 'alice');
    const counted = relay.take();
    if (counted.roundTrips > most.roundTrips) most = counted;
  }
  return {
    name: 'sign-in, round trips to Redis',
    measured: most.roundTrips,
    limit,
    unit: '',
    detail: `the most in ${times} sign-ins: ${most.commands}`,
  };
}
