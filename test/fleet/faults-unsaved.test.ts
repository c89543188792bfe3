/** Redis is killed in the middle of refreshes: tokens that the provider has already rotated are with one node alone. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startRedis, until } from '../support/redis-server.ts';
import { startRotatingProvider } from '../support/rotating-provider.ts';
import { countServed, faultOf, type Person, startLoad } from './support/load.ts';
import { secretsOf } from './support/secrets-of.ts';
import { openSurroundings } from './support/surroundings.ts';
import { assertCleanOutput } from './support/traces.ts';

/** Milliseconds from when Redis answers again until everybody is served everywhere. */
const recovery = 5000;

const outages = [
  { what: 'for less than the lease of a lock', length: 1000 },
  { what: 'for longer than the lease of a lock', length: 4500 },
];

for (const { what, length } of outages) {
  test(`FL-061, FL-009: Redis is away ${what} while tokens are renewed: both nodes are asked all the time, and nobody is signed out`, async (context) => {
    const redis = await startRedis({ persist: true });
    const provider = await startRotatingProvider();
    const session = { store: { redis: { url: redis.url } } };
    const { fleet, client, seed, close } = await openSurroundings({ provider, session });
    const names = Array.from({ length: 30 }, (_, index) => `person-${index}`);
    let load: ReturnType<typeof startLoad> | null = null;
    try {
      const cookies = await seed.beginAll(names.map((name) => provider.signIn(name, { lifetime: 0 })));
      const people = names.map((name, index): Person => ({ name, cookie: cookies[index] as string }));
      const everybody = { fleet, client, people };
      provider.delay = 700;
      const allArrived = new Promise<void>((resolve) => {
        const seen = new Set<string>();
        provider.onRefresh = (subject) => void (seen.add(subject).size === people.length && resolve());
      });
      const waiting = people.map(({ cookie }, index) =>
        client.ask(`${fleet.nodes[index % 2]?.url}/x`, { cookie }),
      );
      await allArrived;
      await redis.kill();
      load = startLoad(everybody);
      for (const [index, reply] of (await Promise.all(waiting)).entries()) {
        assert.equal(faultOf(people[index] as Person, reply), null);
      }
      await sleep(length);
      provider.delay = 0;
      await redis.restart();
      const back = performance.now();
      await until('everybody is served by both nodes', async () => {
        assert.deepEqual(load?.wrong, []);
        return (await countServed(everybody)).every((count) => count === people.length);
      });
      const took = performance.now() - back;
      context.diagnostic(`recovered ${Math.round(took)} ms after Redis was back`);
      await load.stop();
      assert.deepEqual(load.wrong, []);
      assert.equal(provider.reuses, 0);
      assert.equal(provider.refreshes, people.length, 'one refresh for each');
      assert.ok(took < recovery, `it took ${took} ms`);
      for (const node of fleet.nodes) assert.deepEqual(node.events('session.ended'), []);
      assertCleanOutput(fleet.nodes, [...cookies, ...secretsOf(fleet, provider)]);
    } finally {
      await load?.stop();
      await close();
      await provider.close();
      await redis.stop();
    }
  });
}
