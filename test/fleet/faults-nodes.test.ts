/** Nodes and workers that are killed in the middle of a refresh: another one takes over, and no session is in a state between. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { type RedisServer, startRedis, until } from '../support/redis-server.ts';
import { type RotatingProvider, startRotatingProvider } from '../support/rotating-provider.ts';
import { secretsOf } from './support/secrets-of.ts';
import { openSurroundings, type Surroundings } from './support/surroundings.ts';
import { assertCleanOutput } from './support/traces.ts';
import { workersOf } from './support/workers.ts';

/** Milliseconds that a lock outlives its holder. */
const lease = 3000;
/** Milliseconds: the lease, the pauses between two looks, and a machine that is busy. */
const takeover = lease + 1500;

let provider: RotatingProvider;
before(async () => {
  provider = await startRotatingProvider();
});
after(() => provider.close());
beforeEach(() => Object.assign(provider, { delay: 0, lifetime: 300, onRefresh: null }));

/** Resolves when so many refreshes have arrived at the provider; none of them is looked at or answered, ever. */
function holdRefreshes(count: number): Promise<void> {
  return new Promise((arrived) => {
    let seen = 0;
    provider.onRefresh = () => {
      seen += 1;
      if (seen === count) arrived();
      return new Promise(() => {});
    };
  });
}

/** Resolves when so many have arrived; each rotates its token, and the answer comes late. */
function loseAnswers(count: number): Promise<void> {
  provider.delay = 2000;
  return new Promise((arrived) => {
    let seen = 0;
    provider.onRefresh = () => {
      seen += 1;
      if (seen === count) arrived();
    };
  });
}

describe('a node is killed in the middle of a refresh', () => {
  let redis: RedisServer;
  let surroundings: Surroundings;
  let { fleet, client, seed } = {} as Surroundings;
  const cookies: string[] = [];
  before(async () => {
    redis = await startRedis();
    surroundings = await openSurroundings({ provider, session: { store: { redis: { url: redis.url } } } });
    ({ fleet, client, seed } = surroundings);
  });
  after(async () => {
    await surroundings?.close();
    await redis?.stop();
  });

  const begin = async (count: number): Promise<string[]> => {
    const people = Array.from({ length: count }, (_, index) =>
      provider.signIn(`person-${index}`, { lifetime: 0 }),
    );
    const begun = await seed.beginAll(people);
    cookies.push(...begun);
    return begun;
  };
  /** Kills the first node as soon as it is in the middle of a refresh of each of these. */
  const killDuring = async (begun: readonly string[], underWay: Promise<void>): Promise<void> => {
    const [first] = fleet.nodes;
    assert.ok(first);
    const lost = begun.map((cookie) => assert.rejects(client.ask(`${first.url}/x`, { cookie })));
    await underWay;
    first.cli().process.kill('SIGKILL');
    await Promise.all([first.cli().exited, ...lost]);
    assertCleanOutput([first], [...cookies, ...secretsOf(fleet, provider)]);
    Object.assign(provider, { delay: 0, onRefresh: null });
  };

  test('FL-061: the provider has not seen the refresh yet: the other node makes it within the lease, and the sessions live', async (context) => {
    const [first, second] = fleet.nodes;
    assert.ok(first && second);
    const begun = await begin(10);
    const { refreshes } = provider;
    await killDuring(begun, holdRefreshes(begun.length));
    const killed = performance.now();
    const replies = await Promise.all(
      begun.flatMap((cookie) => [1, 2, 3].map(() => client.ask(`${second.url}/x`, { cookie }))),
    );
    const took = performance.now() - killed;
    context.diagnostic(`taken over ${Math.round(took)} ms after the end`);
    assert.deepEqual([...new Set(replies.map(({ status }) => status))], [200]);
    assert.ok(took < takeover, `it took ${took} ms`);
    assert.equal(provider.refreshes - refreshes, begun.length);
    assert.equal(provider.reuses, 0);
    await first.start();
    for (const cookie of begun) assert.equal((await client.ask(`${first.url}/x`, { cookie })).status, 200);
    assert.equal(provider.refreshes - refreshes, begun.length, 'the node that is new takes what is there');
  });

  test('FL-025, FL-061: the provider has taken the refresh token: the session ends cleanly and once, and the next sign-in works', async (context) => {
    const [first, second] = fleet.nodes;
    assert.ok(first && second);
    const begun = await begin(5);
    const { attempts } = provider;
    await killDuring(begun, loseAnswers(begun.length));
    const killed = performance.now();
    const ask = () =>
      Promise.all(begun.flatMap((cookie) => [1, 2, 3].map(() => client.ask(`${second.url}/x`, { cookie }))));
    const statuses = (replies: Awaited<ReturnType<typeof ask>>) => [
      ...new Set(replies.map(({ status }) => status)),
    ];
    assert.deepEqual(statuses(await ask()), [401]);
    const took = performance.now() - killed;
    context.diagnostic(`ended ${Math.round(took)} ms after the end of the node`);
    assert.ok(took < takeover, `it took ${took} ms`);
    for (let round = 0; round < 3; round += 1) assert.deepEqual(statuses(await ask()), [401]);
    assert.equal(provider.attempts - attempts, 2 * begun.length, 'each was tried once more, and never again');
    assert.equal(second.events('session.refresh-failed').length, begun.length);
    await first.start();
    for (const cookie of begun) assert.equal((await client.ask(`${first.url}/x`, { cookie })).status, 401);
    const again = await seed.begin(provider.signIn('person-0'));
    cookies.push(again);
    for (const { url } of fleet.nodes) {
      assert.equal((await client.ask(`${url}/x`, { cookie: again })).status, 200);
    }
    assert.equal(provider.attempts - attempts, 2 * begun.length);
  });

  test('no node has written a secret down', () => {
    assertCleanOutput(fleet.nodes, [...cookies, ...secretsOf(fleet, provider)]);
  });
});

test('FL-061: all workers are killed in the middle of a refresh: those in their place make it within the lease', async (context) => {
  const { fleet, client, seed, close } = await openSurroundings({
    provider,
    size: 1,
    session: { store: 'sqlite' },
    config: { fleet: false, workers: 2 },
    seedConfig: ({ nodes: [node] }) => ({ dataDir: join(node?.folder ?? '', 'data') }),
  });
  const [gate] = fleet.nodes;
  assert.ok(gate);
  try {
    const { refreshes, reuses } = provider;
    const people = Array.from({ length: 6 }, (_, index) =>
      provider.signIn(`worker-${index}`, { lifetime: 0 }),
    );
    const cookies = await seed.beginAll(people);
    const underWay = holdRefreshes(cookies.length);
    const lost = cookies.map((cookie) => assert.rejects(client.ask(`${gate.url}/x`, { cookie })));
    await underWay;
    for (const pid of workersOf(gate)) process.kill(pid, 'SIGKILL');
    const killed = performance.now();
    await Promise.all(lost);
    provider.onRefresh = null;
    await until('other workers serve', () => gate.events('worker.started').length >= 4);
    const began = performance.now();
    const replies = await Promise.all(
      cookies.flatMap((cookie) =>
        [1, 2, 3, 4].map(() => client.ask(`${gate.url}/x`, { cookie, headers: { connection: 'close' } })),
      ),
    );
    const took = performance.now() - began;
    context.diagnostic(`taken over ${Math.round(performance.now() - killed)} ms after the end`);
    assert.deepEqual([...new Set(replies.map(({ status }) => status))], [200]);
    assert.ok(took < takeover, `it took ${took} ms once others served`);
    assert.equal(provider.refreshes - refreshes, cookies.length);
    assert.equal(provider.reuses, reuses);
    assertCleanOutput(fleet.nodes, [...cookies, ...secretsOf(fleet, provider)]);
  } finally {
    await close();
  }
});
