/** Redis killed, stopped and emptied under two nodes that serve: 503 at most, nobody else's answer, and back by itself. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type RedisServer, startRedis, until } from '../support/redis-server.ts';
import { type RotatingProvider, startRotatingProvider } from '../support/rotating-provider.ts';
import { countServed, faultOf, type Load, type Person, startLoad } from './support/load.ts';
import { secretsOf } from './support/secrets-of.ts';
import { openSocket } from './support/sockets.ts';
import { openSurroundings, type Surroundings } from './support/surroundings.ts';
import { assertCleanOutput } from './support/traces.ts';

/** Milliseconds from when Redis answers again until everybody is served everywhere. */
const recovery = 5000;
/** Milliseconds of `session.store.redis.timeout`, by default. */
const commandTimeout = 500;
/** Milliseconds after which a node knows that it is told of nothing. */
const silence = 1000;

describe('two nodes whose Redis fails', () => {
  let redis: RedisServer;
  let provider: RotatingProvider;
  let surroundings: Surroundings;
  let { fleet, client, seed } = {} as Surroundings;
  let people: Person[];
  let pids: readonly (number | undefined)[];
  before(async () => {
    redis = await startRedis({ persist: true });
    provider = await startRotatingProvider();
    surroundings = await openSurroundings({ provider, session: { store: { redis: { url: redis.url } } } });
    ({ fleet, client, seed } = surroundings);
    pids = fleet.nodes.map((node) => node.cli().process.pid);
    const names = Array.from({ length: 40 }, (_, index) => `person-${index}`);
    const cookies = await seed.beginAll(names.map((name) => provider.signIn(name)));
    people = names.map((name, index) => ({ name, cookie: cookies[index] as string }));
  });
  after(async () => {
    await surroundings?.close();
    await provider?.close();
    await redis?.stop();
  });

  const everybody = () => ({ fleet, client, people });
  const isEverybodyServed = async () =>
    (await countServed(everybody())).every((count) => count === people.length);
  /** While Redis is away, and both nodes know it: nobody is served, and everybody is told to come again. */
  const assertAway = async (): Promise<void> => {
    for (const { url } of fleet.nodes) {
      const replies = await Promise.all(people.map(({ cookie }) => client.ask(`${url}/away`, { cookie })));
      assert.deepEqual([...new Set(replies.map(({ status }) => status))], [503]);
      for (const [index, reply] of replies.entries()) {
        assert.equal(faultOf(people[index] as Person, reply), null);
        assert.deepEqual(reply.setCookies, [], 'and no cookie is taken away');
      }
      assert.equal((await client.ask(`${url}/public/away`)).status, 200);
      const asPage = { accept: 'text/html', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };
      const page = await client.ask(`${url}/away`, { cookie: people[0]?.cookie ?? '', headers: asPage });
      assert.equal(page.status, 503, 'not a redirect to a login either');
    }
  };
  /** Milliseconds. */
  const untilRecovered = async (): Promise<number> => {
    const began = performance.now();
    await until('everybody is served by both nodes', isEverybodyServed);
    return performance.now() - began;
  };
  const assertUnharmed = (load: Load): void => {
    assert.deepEqual(load.wrong, []);
    assert.deepEqual(
      fleet.nodes.map((node) => node.cli().process.pid),
      pids,
      'no gate was started again',
    );
    for (const node of fleet.nodes) assert.equal(node.cli().process.exitCode, null);
  };

  test('FL-001, FL-002, FL-009: Redis is killed under load and comes back with its data: 503 meanwhile, and nobody is signed out', async (context) => {
    assert.ok(await isEverybodyServed());
    const load = startLoad(everybody());
    try {
      await until('there is load', () => load.served > 100);
      await redis.kill();
      await until('it is noticed', () => load.unavailable > 0);
      await sleep(silence);
      await assertAway();
      const served = load.served;
      await sleep(500);
      assert.equal(load.served, served, 'nobody is served while nobody knows who is signed in');
      await redis.restart();
      const took = await untilRecovered();
      context.diagnostic(
        `recovered ${Math.round(took)} ms after Redis was back; ${load.unavailable} times 503`,
      );
      assert.ok(took < recovery, `it took ${took} ms`);
      await load.stop();
      assertUnharmed(load);
      for (const node of fleet.nodes) {
        assert.deepEqual(node.events('session.ended'), []);
        assert.ok(node.events('store.lost').length > 0);
        await until('it is told of changes again', () => {
          return node.events('store.regained').length === node.events('store.lost').length;
        });
      }
      assert.equal(provider.attempts, 0);
    } finally {
      await load.stop();
    }
  });

  test('FL-004: Redis is stopped with its connections open: 503 within the time of a command, and nothing else is slower for it', async (context) => {
    await until('everybody is served', isEverybodyServed);
    const load = startLoad(everybody());
    try {
      await until('there is load', () => load.served > 100);
      load.resetTimes();
      redis.freeze();
      await sleep(silence);
      const frozen = load.served;
      await assertAway();
      await sleep(1000);
      assert.equal(load.served, frozen);
      const { slowest, slowestPublic } = load;
      redis.thaw();
      const took = await untilRecovered();
      context.diagnostic(
        `the slowest 503 took ${Math.round(slowest)} ms, the slowest public answer ${Math.round(slowestPublic)} ms; ` +
          `recovered after ${Math.round(took)} ms`,
      );
      assert.ok(slowest < commandTimeout + 1000, `the slowest answer took ${slowest} ms`);
      assert.ok(slowestPublic < commandTimeout, `the slowest public answer took ${slowestPublic} ms`);
      assert.ok(took < recovery, `it took ${took} ms`);
      await load.stop();
      assertUnharmed(load);
      for (const node of fleet.nodes) assert.deepEqual(node.events('session.ended'), []);
    } finally {
      redis.thaw();
      await load.stop();
    }
  });

  test('FL-009: Redis goes and comes many times within seconds: nobody is signed out, and the nodes do not storm it', async (context) => {
    await until('everybody is served', isEverybodyServed);
    const load = startLoad(everybody());
    try {
      let connections = 0;
      const count = async (): Promise<void> => {
        const stats = await redis.cli('info', 'stats');
        connections += Number(/total_connections_received:(\d+)/.exec(stats)?.[1]);
      };
      for (let times = 0; times < 5; times += 1) {
        await redis.kill();
        await sleep(100 * times);
        await redis.restart();
        await sleep(200);
        if (times < 4) await count();
      }
      const took = await untilRecovered();
      await count();
      context.diagnostic(`recovered after ${Math.round(took)} ms with ${connections} connections`);
      assert.ok(took < recovery, `it took ${took} ms`);
      assert.ok(connections < 100, `${connections} connections were made`);
      await load.stop();
      assertUnharmed(load);
    } finally {
      await load.stop();
    }
  });

  test('FL-007: Redis is killed and comes back empty: everybody is to sign in again, what is open ends, and new sessions work', async (context) => {
    await until('everybody is served', isEverybodyServed);
    const { host, nodes } = fleet;
    const sockets = await Promise.all(
      nodes.map(({ url }) => openSocket({ url, host, cookie: people[0]?.cookie ?? '' })),
    );
    const load = startLoad({ ...everybody(), allows: (status) => status === 401 });
    try {
      await redis.kill();
      rmSync(join(redis.dir, 'appendonlydir'), { recursive: true, force: true });
      await redis.restart();
      const began = performance.now();
      await until('everybody is told to sign in', async () => {
        for (const { url } of nodes) {
          for (const { cookie } of people) {
            const { status } = await client.ask(`${url}/empty`, { cookie });
            assert.notEqual(status, 302);
            if (status !== 401) return false;
          }
        }
        return true;
      });
      const took = performance.now() - began;
      assert.ok(took < recovery, `it took ${took} ms`);
      await until('the WebSockets have ended', () => sockets.every((socket) => socket.ended() !== null));
      assert.deepEqual(
        sockets.map((socket) => socket.ended()?.code),
        [1008, 1008],
      );
      await load.stop();
      assertUnharmed(load);
      let cookies: readonly string[] = [];
      // The connection of the seed is one more that has to come back.
      await until('sessions can be begun', async () => {
        cookies = await seed.beginAll(people.map(({ name }) => provider.signIn(name))).catch(() => []);
        return cookies.length > 0;
      });
      const before = people;
      people = people.map(({ name }, index) => ({ name, cookie: cookies[index] as string }));
      const again = await untilRecovered();
      context.diagnostic(`401 after ${Math.round(took)} ms, new sessions after ${Math.round(again)} ms`);
      for (const { cookie } of before.slice(0, 5)) {
        for (const { url } of nodes) assert.equal((await client.ask(`${url}/old`, { cookie })).status, 401);
      }
      const secrets = [...before, ...people].map(({ cookie }) => cookie);
      assertCleanOutput(nodes, [...secrets, ...secretsOf(fleet, provider)]);
    } finally {
      for (const socket of sockets) socket.close();
      await load.stop();
    }
  });
});
