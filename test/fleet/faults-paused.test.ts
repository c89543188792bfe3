/** A node that stands still in the middle of a refresh, as a virtual machine that is moved, and goes on when another has taken over. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type RedisServer, startRedis, until } from '../support/redis-server.ts';
import { type RotatingProvider, startRotatingProvider } from '../support/rotating-provider.ts';
import { createFleetClient, type FleetClient } from './support/client.ts';
import { type Fleet, startFleet } from './support/fleet.ts';
import { openSeed, type Seed } from './support/seed.ts';

let provider: RotatingProvider;
before(async () => {
  provider = await startRotatingProvider();
});
after(() => provider.close());
beforeEach(() => Object.assign(provider, { delay: 0, lifetime: 300, onRefresh: null }));

describe('a node stands still in the middle of a refresh', () => {
  let redis: RedisServer;
  let fleet: Fleet;
  let client: FleetClient;
  let seed: Seed;
  before(async () => {
    redis = await startRedis();
    fleet = await startFleet({ provider, session: { store: { redis: { url: redis.url } } } });
    client = createFleetClient(fleet.host);
    seed = await openSeed(fleet);
  });
  after(async () => {
    fleet?.nodes[0]?.cli().process.kill('SIGCONT');
    await seed?.close();
    client?.close();
    await fleet?.close();
    await redis?.stop();
  });

  const nodes = () => {
    const [paused, other] = fleet.nodes;
    assert.ok(paused && other);
    return { paused, other, pid: paused.cli().process };
  };
  const statusAt = async (url: string, cookie: string): Promise<number> =>
    (await client.ask(`${url}/x`, { cookie })).status;

  test('FL-061: what it was refused meanwhile ends nothing: the tokens of the other one count, at both', async () => {
    const { paused, other, pid } = nodes();
    const cookie = await seed.begin(provider.signIn('refused', { lifetime: 0 }));
    const arrived = Promise.withResolvers<void>();
    const released = Promise.withResolvers<void>();
    provider.onRefresh = () => {
      provider.onRefresh = null;
      arrived.resolve();
      return released.promise;
    };
    const late = client.ask(`${paused.url}/x`, { cookie }).catch(() => null);
    await arrived.promise;
    pid.kill('SIGSTOP');
    assert.equal(await statusAt(other.url, cookie), 200);
    released.resolve();
    await sleep(200);
    pid.kill('SIGCONT');
    await late;
    for (const { url } of [paused, other]) assert.equal(await statusAt(url, cookie), 200);
    assert.deepEqual([...paused.events('session.ended'), ...other.events('session.ended')], []);
  });

  test('LO-025, FL-061: what it was given meanwhile brings back no session that the other one had to end', async () => {
    const { paused, other, pid } = nodes();
    const cookie = await seed.begin(provider.signIn('given', { lifetime: 0 }));
    const { refreshes } = provider;
    const arrived = Promise.withResolvers<void>();
    provider.delay = 500;
    provider.onRefresh = () => {
      provider.onRefresh = null;
      arrived.resolve();
    };
    const late = client.ask(`${paused.url}/x`, { cookie }).catch(() => null);
    await arrived.promise;
    pid.kill('SIGSTOP');
    await until('the provider has rotated', () => provider.refreshes === refreshes + 1);
    assert.equal(await statusAt(other.url, cookie), 401);
    pid.kill('SIGCONT');
    await late;
    for (const { url } of [paused, other]) assert.equal(await statusAt(url, cookie), 401);
    assert.equal((await redis.cli('keys', '*:l:*')).trim(), '', 'no lock is left');
  });
});
