/** Sessions in cookies on two nodes that share a deny-list: one refresh, keys that rotate, browsers that miss answers. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { type RotatingProvider, startRotatingProvider } from '../support/rotating-provider.ts';
import { createSeededRandom } from '../support/seeded-random.ts';
import type { Told } from './support/app.ts';
import { createFleetClient, type FleetClient } from './support/client.ts';
import { type Fleet, type FleetNode, startFleet } from './support/fleet.ts';
import { createJar, type Jar } from './support/jar.ts';
import { createKeyFile, type KeyFile, nodeKeys } from './support/key-file.ts';
import { signInAtFleet } from './support/sign-in.ts';
import { soakTime } from './support/soak.ts';
import { assertCleanOutput } from './support/traces.ts';

let redis: RedisServer;
before(async () => {
  redis = await startRedis();
});
after(() => redis.stop());

interface Scene {
  readonly fleet: Fleet;
  readonly nodes: readonly [FleetNode, FleetNode];
  readonly provider: RotatingProvider;
  readonly client: FleetClient;
  readonly file: KeyFile;
  close(): Promise<void>;
}

async function prepare(session: Readonly<Record<string, unknown>> = {}): Promise<Scene> {
  const provider = await startRotatingProvider();
  const file = createKeyFile();
  const fleet = await startFleet({
    provider,
    session: { store: 'cookie', denyList: { redis: { url: redis.url } }, keys: nodeKeys, ...session },
    prepare: file.place,
  });
  const client = createFleetClient(fleet.host);
  return {
    fleet,
    nodes: fleet.nodes as readonly [FleetNode, FleetNode],
    provider,
    client,
    file,
    async close() {
      client.close();
      await fleet.close();
      await provider.close();
      file.remove();
    },
  };
}

interface Person {
  readonly name: string;
  readonly jar: Jar;
}

async function signInPeople({ fleet, nodes }: Scene, count: number): Promise<Person[]> {
  const urls = nodes.map(({ url }) => url) as [string, string];
  const crowd: Person[] = [];
  for (let index = 0; index < count; index += 1) {
    const name = `person-${index}`;
    const jar = createJar();
    const header = await signInAtFleet(fleet, { login: name, via: urls });
    jar.take(header.split('; '));
    crowd.push({ name, jar });
    urls.reverse();
  }
  return crowd;
}

interface Load {
  readonly problems: string[];
  readonly counts: { served: number; left: number };
  stop(): Promise<void>;
}

/** Everybody at every node, several requests of a browser at a time; some answers never arrive, with their cookies. */
function startLoad({ nodes, client }: Scene, crowd: readonly Person[]): Load {
  const random = createSeededRandom(31);
  const state = { on: true };
  const counts = { served: 0, left: 0 };
  const problems: string[] = [];
  const browse = async (): Promise<void> => {
    for (; state.on; await sleep(random() * 20)) {
      const { name, jar } = crowd[Math.floor(random() * crowd.length)] as Person;
      const leaves = random() < 0.2 ? { leaveAfter: random() * 40, reset: random() < 0.5 } : {};
      const { url } = nodes[random() < 0.5 ? 0 : 1] as FleetNode;
      try {
        const { status, body, setCookies } = await client.ask(`${url}/x`, {
          cookie: jar.header(),
          ...leaves,
        });
        jar.take(setCookies);
        const user = status === 200 ? (JSON.parse(body) as Told).user : null;
        if (user === name) counts.served += 1;
        else problems.push(`${status} for ${user} instead of ${name}`);
      } catch {
        counts.left += 1;
      }
    }
  };
  const running = Promise.all(Array.from({ length: 12 }, browse));
  return {
    problems,
    counts,
    async stop() {
      state.on = false;
      await running;
    },
  };
}

async function assertAllLive({ nodes, client }: Scene, crowd: readonly Person[]): Promise<void> {
  for (const { url } of nodes) {
    for (const { name, jar } of crowd) {
      const { status, body, setCookies } = await client.ask(`${url}/end`, { cookie: jar.header() });
      jar.take(setCookies);
      assert.equal(status, 200, `the session of ${name}`);
      assert.equal((JSON.parse(body) as Told).user, name);
    }
  }
  for (const node of nodes) {
    for (const name of ['session.ended', 'session.refresh-failed', 'store.failed'])
      assert.deepEqual(node.events(name), []);
  }
}

test('FL-061: sessions in cookies: 500 requests at once over two nodes with expired tokens: one token call, 500 answers with the new token', async () => {
  const scene = await prepare();
  const { nodes, provider, client } = scene;
  provider.lifetime = 1;
  try {
    const crowd = await signInPeople(scene, 3);
    await sleep(1000);
    provider.lifetime = 300;
    provider.delay = 100;
    for (const { name, jar } of crowd) {
      const before = provider.refreshes;
      const cookie = jar.header();
      const replies = await Promise.all(
        Array.from({ length: 500 }, (_, index) =>
          client.ask(`${(nodes[index % 2] as FleetNode).url}/herd`, { cookie }),
        ),
      );
      assert.deepEqual([...new Set(replies.map(({ status }) => status))], [200]);
      const tokens = new Set(replies.map(({ body }) => (JSON.parse(body) as Told).authorization));
      assert.match([...tokens].join(), new RegExp(`^Bearer at\\.${name}\\.[^.]+\\.1$`));
      assert.deepEqual([provider.refreshes - before, provider.reuses], [1, 0]);
      for (const { setCookies } of replies)
        assert.ok(setCookies.length > 0, 'every answer brings the cookies');
    }
    assertCleanOutput(nodes, [provider.clientSecret, ...crowd.map(({ jar }) => jar.header())]);
  } finally {
    await scene.close();
  }
});

test('FL-062: sessions in cookies, tokens of two seconds and of any size, answers that never arrive: no session is lost, no refresh token comes twice', async (context) => {
  const scene = await prepare();
  const { nodes, provider } = scene;
  const random = createSeededRandom(62);
  provider.lifetime = 2;
  provider.onRefresh = () => {
    provider.delay = random() * 200;
    // One piece or two: the number changes from one refresh to the next.
    provider.noise = random() < 0.5 ? 40 : 3000;
  };
  try {
    const crowd = await signInPeople(scene, 30);
    const load = startLoad(scene, crowd);
    await sleep(soakTime({ full: 60_000, short: 6000 }));
    await load.stop();
    const { served, left } = load.counts;
    context.diagnostic(`${served} answers, ${left} given up, ${provider.refreshes} refreshes`);
    assert.deepEqual(load.problems.slice(0, 5), [], `${load.problems.length} failed, ${served} did not`);
    await assertAllLive(scene, crowd);
    assert.equal(provider.reuses, 0);
    assert.ok(provider.refreshes > 40 && left > 50);
    assertCleanOutput(nodes, [provider.clientSecret, ...crowd.map(({ jar }) => jar.header())]);
  } finally {
    await scene.close();
  }
});

test('FL-043, SC-014: sessions in cookies: keys are rotated under load, one node after the other: everybody gets new cookies, nobody is signed out', async (context) => {
  const scene = await prepare({ idleTimeout: '10s' });
  const { nodes, provider, file } = scene;
  const dwell = soakTime({ full: 8000, short: 500 });
  provider.onRefresh = () => {
    provider.lifetime = 2;
  };
  try {
    const crowd = await signInPeople(scene, 20);
    const load = startLoad(scene, crowd);
    for (const step of [undefined, '--promote', '--drop'] as const) {
      // Cookies are made anew every second at the latest, a tenth of the idle limit.
      if (step === '--drop') await sleep(3000);
      await file.rotate(step);
      for (const node of nodes) {
        await file.bring(node);
        await sleep(dwell);
      }
    }
    await load.stop();
    context.diagnostic(`${load.counts.served} answers, ${load.counts.left} given up`);
    assert.deepEqual(load.problems.slice(0, 5), [], `${load.problems.length} failed`);
    await assertAllLive(scene, crowd);
    assert.equal(provider.reuses, 0);
    assertCleanOutput(nodes, [...file.keys, ...crowd.map(({ jar }) => jar.header())]);
  } finally {
    await scene.close();
  }
});

test('FL-043: sessions in cookies: a key that seals on one node before the other knows it: the cookies stay, and work once it has come', async () => {
  const scene = await prepare();
  const { fleet, nodes, client, file } = scene;
  const [first, second] = nodes;
  const ask = (node: FleetNode, cookie: string) => client.ask(`${node.url}/x`, { cookie });
  try {
    await file.rotate();
    await file.rotate('--promote');
    await file.bring(first);
    const cookie = await signInAtFleet(fleet, { login: 'early', via: [first.url, first.url] });
    const refused = await ask(second, cookie);
    assert.deepEqual([refused.status, refused.setCookies], [401, []]);
    assert.equal((await ask(first, cookie)).status, 200);
    await file.bring(second);
    for (const node of nodes) assert.equal((await ask(node, cookie)).status, 200);
    assertCleanOutput(nodes, [...file.keys, cookie]);
  } finally {
    await scene.close();
  }
});
