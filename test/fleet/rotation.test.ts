/** Keys that are changed on two nodes, one after the other, while everybody works on; and in the wrong order. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type RedisServer, startRedis, until } from '../support/redis-server.ts';
import { type RotatingProvider, startRotatingProvider } from '../support/rotating-provider.ts';
import { createSeededRandom } from '../support/seeded-random.ts';
import type { Told } from './support/app.ts';
import { createFleetClient, type FleetClient } from './support/client.ts';
import { type Fleet, type FleetNode, startFleet } from './support/fleet.ts';
import { createKeyFile, type KeyFile, nodeKeys } from './support/key-file.ts';
import { signInAtFleet } from './support/sign-in.ts';
import { soakTime } from './support/soak.ts';
import { assertCleanOutput } from './support/traces.ts';
import { sampleOf } from './support/workers.ts';

const people = 30;
/** Milliseconds. */
const idleTimeout = 6000;

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
    session: { store: { redis: { url: redis.url } }, keys: nodeKeys, ...session },
    prepare: file.place,
  });
  const client = createFleetClient(fleet.host, 20);
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
  readonly cookie: string;
}

/** Half of them get tokens that last, half of them such as have to be renewed all the time. */
async function signInPeople({ fleet, nodes, provider }: Scene): Promise<Person[]> {
  provider.onRefresh = () => {
    provider.lifetime = 2;
  };
  const crowd: Person[] = [];
  for (let index = 0; index < people; index += 1) {
    provider.lifetime = index % 2 === 0 ? 300 : 2;
    const name = `person-${index}`;
    const { url } = nodes[(index >> 1) % 2] as FleetNode;
    crowd.push({ name, cookie: await signInAtFleet(fleet, { login: name, via: [url, url] }) });
  }
  return crowd;
}

interface Load {
  readonly problems: string[];
  readonly counts: { served: number; signIns: number };
  stop(): Promise<void>;
}

/** Everybody at every node; and people who sign in at one node and go on at the other. */
function startLoad({ fleet, nodes, client }: Scene, crowd: readonly Person[]): Load {
  const random = createSeededRandom(43);
  const state = { on: true };
  const counts = { served: 0, signIns: 0 };
  const problems: string[] = [];

  const visit = async ({ name, cookie }: Person, url: string, what: string): Promise<void> => {
    try {
      const { status, body } = await client.ask(`${url}/x`, { cookie });
      const user = status === 200 ? (JSON.parse(body) as Told).user : null;
      if (user === name) counts.served += 1;
      else problems.push(`${what}: ${status} for ${user} instead of ${name}`);
    } catch (error) {
      problems.push(`${what}: ${(error as Error).message}`);
    }
  };
  const browse = async (): Promise<void> => {
    for (; state.on; await sleep(random() * 20)) {
      const person = crowd[Math.floor(random() * crowd.length)] as Person;
      await visit(person, (nodes[random() < 0.5 ? 0 : 1] as FleetNode).url, 'a request');
    }
  };
  const signIn = async (): Promise<void> => {
    for (; state.on; await sleep(50)) {
      const name = `guest-${counts.signIns}`;
      const urls = nodes.map(({ url }) => url) as [string, string];
      if (counts.signIns % 2 === 1) urls.reverse();
      try {
        const cookie = await signInAtFleet(fleet, { login: name, via: urls });
        for (const url of urls) await visit({ name, cookie }, url, 'after a sign-in');
        counts.signIns += 1;
      } catch (error) {
        problems.push(`a sign-in: ${(error as Error).message}`);
      }
    }
  };
  const running = Promise.all([...Array.from({ length: 10 }, browse), signIn()]);
  return {
    problems,
    counts,
    async stop() {
      state.on = false;
      await running;
    },
  };
}

async function openedWithOldKeys(nodes: readonly FleetNode[]): Promise<number> {
  const expositions = await Promise.all(
    nodes.map(async ({ adminUrl }) => (await fetch(`${adminUrl}/metrics`)).text()),
  );
  return expositions.reduce((sum, text) => sum + sampleOf(text, 'sallyport_opened_with_old_key_total'), 0);
}

/** As the guide says: until nothing has been opened with an old key for as long as a session may be idle. */
async function untilNothingIsOld(nodes: readonly FleetNode[]): Promise<void> {
  let count = -1;
  let since = 0;
  await until(
    'the old key is not used any more',
    async () => {
      const now = await openedWithOldKeys(nodes);
      if (now !== count) since = performance.now();
      count = now;
      return performance.now() - since > idleTimeout;
    },
    60_000,
  );
}

test('FL-043, SC-014: keys are rotated under load, one node after the other: no request fails, nobody is signed out, and the old key is seen to go out of use', async (context) => {
  const scene = await prepare({ idleTimeout: `${idleTimeout}ms` });
  const { nodes, client, file, provider } = scene;
  const dwell = soakTime({ full: 8000, short: 1000 });
  /** The fleet is mixed for a while. */
  const bringToAll = async (): Promise<void> => {
    for (const node of nodes) {
      await file.bring(node);
      await sleep(dwell);
    }
  };
  try {
    const crowd = await signInPeople(scene);
    const load = startLoad(scene, crowd);
    try {
      const [before] = file.ids();
      await file.rotate();
      await bringToAll();
      assert.equal(await openedWithOldKeys(nodes), 0, 'the new key seals nothing yet');
      await file.rotate('--promote');
      await bringToAll();
      assert.ok((await openedWithOldKeys(nodes)) > 0, 'what was sealed before is opened with the old key');
      await untilNothingIsOld(nodes);
      await file.rotate('--drop');
      await bringToAll();
      assert.ok(!file.ids().includes(before as string));
    } finally {
      await load.stop();
    }
    const { served, signIns } = load.counts;
    context.diagnostic(`${served} answers, ${signIns} sign-ins, ${provider.refreshes} refreshes`);
    assert.deepEqual(load.problems.slice(0, 5), [], `${load.problems.length} failed, ${served} did not`);
    assert.ok(served > 1000 && signIns > 10);
    for (const { url } of nodes) {
      for (const { cookie } of crowd) assert.equal((await client.ask(url, { cookie })).status, 200);
    }
    assert.equal(provider.reuses, 0);
    for (const node of nodes) {
      // Those who signed in and did not come back are idle.
      assert.deepEqual(
        node.events('session.ended').filter(({ reason }) => reason !== 'idle'),
        [],
      );
      for (const name of ['record.discarded', 'keys.reload-failed', 'store.failed'])
        assert.deepEqual(node.events(name), []);
    }
    assertCleanOutput(nodes, [...file.keys, ...crowd.map(({ cookie }) => cookie)]);
  } finally {
    await scene.close();
  }
});

test('FL-043: a key that seals on one node before the other knows it: no session there, none is deleted, and all work once the key has come', async () => {
  // Activity is written down every second, under the key that seals.
  const scene = await prepare({ idleTimeout: '10s' });
  const { fleet, nodes, client, file } = scene;
  const [first, second] = nodes;
  const ask = (node: FleetNode, cookie: string) => client.ask(`${node.url}/x`, { cookie });
  try {
    const known = await signInAtFleet(fleet, { login: 'known', via: [first.url, second.url] });
    for (const node of nodes) assert.equal((await ask(node, known)).status, 200);
    await file.rotate();
    await file.rotate('--promote');
    await file.bring(first);
    const early = await signInAtFleet(fleet, { login: 'early', via: [first.url, first.url] });
    await until('the first node has sealed the known session anew', async () => {
      assert.equal((await ask(first, known)).status, 200);
      const replies = await Promise.all(Array.from({ length: 5 }, () => ask(second, known)));
      assert.ok(replies.every(({ status, setCookies }) => status === 200 || setCookies.length === 0));
      return replies.some(({ status }) => status === 401);
    });
    for (const cookie of [early, known]) {
      for (let round = 0; round < 3; round += 1) {
        const refused = await ask(second, cookie);
        assert.deepEqual([refused.status, refused.setCookies], [401, []], 'the cookie stays');
        assert.equal((await ask(first, cookie)).status, 200, 'the session stays');
      }
    }
    await assert.rejects(
      signInAtFleet(fleet, { login: 'late', via: [first.url, second.url] }),
      /the callback answered 4\d\d/,
    );
    const other = await signInAtFleet(fleet, { login: 'other', via: [second.url, second.url] });
    assert.equal((await ask(first, other)).status, 200, 'the other way it works');
    await file.bring(second);
    for (const cookie of [early, known, other]) assert.equal((await ask(second, cookie)).status, 200);
    for (const node of nodes) assert.deepEqual(node.events('record.discarded'), []);
    assertCleanOutput(nodes, [...file.keys, early, known, other]);
  } finally {
    await scene.close();
  }
});

test('SC-015: a key that is dropped too early: what it sealed is no session on any node, and is one again when the key is back', async () => {
  const scene = await prepare();
  const { fleet, nodes, client, file } = scene;
  const [first, second] = nodes;
  const bringToAll = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => file.bring(node)));
  };
  const askAll = (cookie: string) => Promise.all(nodes.map(({ url }) => client.ask(`${url}/x`, { cookie })));
  const statusOf = async (cookie: string) => (await askAll(cookie)).map(({ status }) => status);
  try {
    const unused = await signInAtFleet(fleet, { login: 'unused', via: [second.url, first.url] });
    assert.deepEqual(await statusOf(unused), [200, 200], 'both nodes know it');
    for (const step of [undefined, '--promote'] as const) {
      await file.rotate(step);
      await bringToAll();
    }
    await file.rotate('--drop');
    await bringToAll();
    for (let round = 0; round < 3; round += 1) {
      const replies = await askAll(unused);
      assert.deepEqual(
        replies.map(({ status, setCookies }) => [status, setCookies]),
        [
          [401, []],
          [401, []],
        ],
      );
    }
    const returned = await signInAtFleet(fleet, { login: 'unused', via: [first.url, second.url] });
    assert.deepEqual(await statusOf(returned), [200, 200], 'one signs in again, and that is that');
    file.undo();
    await bringToAll();
    assert.deepEqual(await statusOf(unused), [200, 200]);
    for (const node of nodes) assert.deepEqual(node.events('record.discarded'), []);
    assertCleanOutput(nodes, [...file.keys, unused, returned]);
  } finally {
    await scene.close();
  }
});
