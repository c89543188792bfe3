/** The master dies under load: behind sentinels, and in a cluster. No wrong answer, 503 at most, and back soon after the new one is there. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type RedisServer, startCluster, startSentinel, until } from '../support/redis-server.ts';
import { startRotatingProvider } from '../support/rotating-provider.ts';
import { countServed, type Load, startLoad } from './support/load.ts';
import { secretsOf } from './support/secrets-of.ts';
import { openSurroundings } from './support/surroundings.ts';
import { assertCleanOutput } from './support/traces.ts';

/** Milliseconds from when the new master is there until everybody is served everywhere. */
const recovery = 5000;

interface Failover {
  /** `session.store.redis`. */
  readonly redis: Readonly<Record<string, unknown>>;
  /** Resolves when every record is on the replicas. */
  readonly inStep: () => Promise<void>;
  /** Kills the master; resolves when the new one is told of. */
  readonly failOver: () => Promise<void>;
  /** Starts again what was killed; resolves when it follows. */
  readonly comeBack: () => Promise<void>;
  readonly tell: (text: string) => void;
}

async function survives(failover: Failover): Promise<void> {
  const provider = await startRotatingProvider();
  const { fleet, client, seed, close } = await openSurroundings({
    provider,
    session: { store: { redis: failover.redis } },
  });
  const names = Array.from({ length: 60 }, (_, index) => `person-${index}`);
  let load: Load | null = null;
  try {
    const cookies = await seed.beginAll(names.map((name) => provider.signIn(name)));
    const people = names.map((name, index) => ({ name, cookie: cookies[index] as string }));
    const everybody = { fleet, client, people };
    const isEverybodyServed = async () =>
      (await countServed(everybody)).every((count) => count === people.length);
    assert.ok(await isEverybodyServed());
    await failover.inStep();
    load = startLoad(everybody);
    await until('there is load', () => (load?.served ?? 0) > 100);
    const began = performance.now();
    await failover.failOver();
    const failedOver = performance.now();
    await until('everybody is served by both nodes', isEverybodyServed);
    const took = performance.now() - failedOver;
    failover.tell(
      `the new master was there after ${Math.round(failedOver - began)} ms, everybody was served ${Math.round(took)} ms later; ` +
        `${load.served} answers, ${load.unavailable} times 503`,
    );
    assert.ok(took < recovery, `it took ${took} ms`);
    assert.ok(load.unavailable > 0, 'the failover was noticed');
    await failover.comeBack();
    await sleep(1500);
    const again = await seed.begin(provider.signIn('afterwards'));
    for (const { url } of fleet.nodes) {
      await until('a new session works', async () => {
        const { status } = await client.ask(`${url}/x`, { cookie: again });
        assert.ok(status === 200 || status === 503, `${status}`);
        return status === 200;
      });
    }
    await load.stop();
    assert.deepEqual(load.wrong, []);
    assert.ok(await isEverybodyServed());
    for (const node of fleet.nodes) assert.deepEqual(node.events('session.ended'), []);
    assertCleanOutput(fleet.nodes, [...cookies, again, ...secretsOf(fleet, provider)]);
  } finally {
    await load?.stop();
    await close();
    await provider.close();
  }
}

const isReplicaOf = async (server: RedisServer, master: RedisServer): Promise<boolean> => {
  const told = await server.cli('info', 'replication').catch(() => '');
  return told.includes('master_link_status:up') && told.includes(`master_port:${master.port}`);
};
const size = async (server: RedisServer) => Number(await server.cli('dbsize'));

test('FL-006: the master behind three sentinels is killed under load, and comes back as a replica', async (context) => {
  const sentinel = await startSentinel({ count: 3 });
  try {
    let master = await sentinel.master();
    const other = (): RedisServer => {
      const [first, second] = sentinel.servers;
      return first === master ? second : first;
    };
    await survives({
      redis: { sentinel: { master: sentinel.name, nodes: sentinel.addresses } },
      inStep: () =>
        until('the replica is in step', async () => (await size(master)) === (await size(other()))),
      async failOver() {
        const before = master;
        await before.kill();
        await until('there is another master', async () => {
          master = await sentinel.master();
          return master !== before && (await master.cli('role')).startsWith('master');
        });
      },
      async comeBack() {
        await other().restart();
        await until('the old master follows the new one', () => isReplicaOf(other(), master), 20_000);
      },
      tell: (text) => context.diagnostic(text),
    });
  } finally {
    await sentinel.stop();
  }
});

test('FL-006: one of the three masters of a cluster is killed under load, and comes back as a replica', async (context) => {
  const cluster = await startCluster(3, { replicas: true });
  try {
    const [killed, , , replica] = cluster.nodes as [RedisServer, RedisServer, RedisServer, RedisServer];
    await survives({
      redis: { cluster: { nodes: cluster.addresses } },
      inStep: () =>
        until('the replica is in step', async () => (await size(killed)) === (await size(replica))),
      async failOver() {
        await killed.kill();
        await until('there is another master', async () => (await replica.cli('role')).startsWith('master'));
        await until('the others know it', async () => {
          const told = await Promise.all(
            cluster.nodes.filter((node) => node !== killed).map((node) => node.cli('cluster', 'info')),
          );
          return told.every((text) => text.includes('cluster_state:ok'));
        });
      },
      async comeBack() {
        await killed.restart();
        await until('the old master follows the new one', () => isReplicaOf(killed, replica), 20_000);
      },
      tell: (text) => context.diagnostic(text),
    });
  } finally {
    await cluster.stop();
  }
});
