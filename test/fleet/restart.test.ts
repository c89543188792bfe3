/** A fleet whose nodes are restarted one after the other behind a load balancer, while everybody works on. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../support/free-port.ts';
import { startRedis, until } from '../support/redis-server.ts';
import { startRotatingProvider } from '../support/rotating-provider.ts';
import { createSeededRandom } from '../support/seeded-random.ts';
import type { Told } from './support/app.ts';
import { startBalancer } from './support/balancer.ts';
import { createFleetClient } from './support/client.ts';
import { startFleet } from './support/fleet.ts';
import { openSeed } from './support/seed.ts';
import { signInAtFleet } from './support/sign-in.ts';
import { soakTime } from './support/soak.ts';
import { assertCleanOutput } from './support/traces.ts';

const people = 40;

test('FL-040, FL-042: rolling restarts of both nodes under load: no request fails and nobody is signed out', async (context) => {
  const redis = await startRedis();
  const provider = await startRotatingProvider();
  provider.lifetime = 2;
  const publicUrl = `http://127.0.0.1:${await freePort()}`;
  const fleet = await startFleet({
    provider,
    publicUrl,
    session: { store: { redis: { url: redis.url } } },
    // Several times as long as the balancer takes to hear of it.
    config: { listen: { timeouts: { notice: '1s' } } },
  });
  const balancer = await startBalancer(publicUrl, fleet.nodes);
  const seed = await openSeed(fleet);
  const client = createFleetClient(fleet.host, 30);
  const random = createSeededRandom(40);
  const names = Array.from({ length: people }, (_, index) => `person-${index}`);
  const cookies = await seed.beginAll(names.map((name) => provider.signIn(name, { lifetime: 1 })));
  const load = { on: true, served: 0, signIns: 0 };
  const problems: string[] = [];

  /** On a connection that was kept when it may be sent again, else on a new one, where nothing can come between. */
  const browse = async (): Promise<void> => {
    while (load.on) {
      const index = Math.floor(random() * people);
      const cookie = cookies[index] as string;
      const isPost = random() < 0.3;
      try {
        const { status, body } = isPost
          ? await client.ask(`${publicUrl}/post`, {
              cookie,
              method: 'POST',
              body: 'once',
              headers: { connection: 'close' },
            })
          : await client.askAgain(`${publicUrl}/get`, { cookie });
        const user = status === 200 ? (JSON.parse(body) as Told).user : null;
        if (user === names[index]) load.served += 1;
        else problems.push(`${isPost ? 'POST' : 'GET'}: ${status} for ${user}`);
      } catch (error) {
        problems.push(`${isPost ? 'POST' : 'GET'}: ${(error as Error).message}`);
      }
      await sleep(random() * 10);
    }
  };

  /** Logins that begin on one node and may end on another, or after its restart. */
  const signIn = async (): Promise<void> => {
    for (; load.on; await sleep(100)) {
      try {
        const login = `guest-${load.signIns}`;
        const cookie = await signInAtFleet(fleet, { login, via: [publicUrl, publicUrl] });
        const { status } = await client.askAgain(`${publicUrl}/first`, { cookie });
        if (status !== 200) problems.push(`${status} right after a sign-in`);
        load.signIns += 1;
      } catch (error) {
        problems.push(`sign-in: ${(error as Error).message}`);
      }
    }
  };

  try {
    const running = Promise.all([...Array.from({ length: 16 }, browse), signIn()]);
    const deadline = performance.now() + soakTime({ full: 60_000, short: 12_000 });
    let restarts = 0;
    while (performance.now() < deadline || restarts < 4) {
      const node = fleet.nodes[restarts % 2];
      assert.ok(node);
      await sleep(500);
      assert.equal(await node.stop(), 0);
      assert.equal(node.events('process.stopped')[0]?.drained, true);
      assertCleanOutput([node], [...cookies, provider.clientSecret]);
      await node.start();
      await until('the node is back', () => balancer.serves(node));
      restarts += 1;
    }
    load.on = false;
    await running;
    context.diagnostic(
      `${restarts} restarts, ${load.served} answers, ${client.resent} sent again, ${load.signIns} sign-ins, ${provider.refreshes} refreshes`,
    );
    assert.deepEqual(problems.slice(0, 5), [], `${problems.length} requests failed of ${load.served}`);
    assert.ok(load.served > 500, `${load.served} answers`);
    assert.ok(provider.refreshes > people, `${provider.refreshes} refreshes`);
    assert.equal(provider.reuses, 0);
    for (const { url } of fleet.nodes) {
      for (const cookie of cookies) assert.equal((await client.ask(`${url}/end`, { cookie })).status, 200);
    }
    assertCleanOutput(fleet.nodes, [...cookies, provider.clientSecret]);
  } finally {
    load.on = false;
    client.close();
    await seed.close();
    await balancer.close();
    await fleet.close();
    await provider.close();
    await redis.stop();
  }
});
