/** A thousand people on two nodes, with everything that shuffles connections: each answer belongs to who asked. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startRedis } from '../support/redis-server.ts';
import { startRotatingProvider } from '../support/rotating-provider.ts';
import { createSeededRandom } from '../support/seeded-random.ts';
import type { Told } from './support/app.ts';
import { type Asking, createFleetClient, type Reply } from './support/client.ts';
import { startFleet } from './support/fleet.ts';
import { openSeed } from './support/seed.ts';
import { soakTime } from './support/soak.ts';
import { assertCleanOutput } from './support/traces.ts';

const people = 1000;
/** Seconds that tokens live. */
const lifetime = 8;

interface Person {
  readonly name: string;
  readonly cookie: string;
}

interface Asked extends Asking {
  readonly path: string;
}

/** What somebody asks: their name is in everything that must come back. */
function makeUp({ name, cookie }: Person, random: () => number): Asked {
  const path = `/${name}/${Math.floor(random() * 1e9)}`;
  const leaves = random() < 0.2 ? { leaveAfter: random() * 25, reset: random() < 0.5 } : {};
  if (random() >= 0.3) return { path, cookie, ...leaves };
  // Now and then longer than one read of a socket.
  const body = `${name} `.repeat(1 + Math.floor(random() ** 4 * 20_000));
  return { path, cookie, method: 'POST', body, headers: { 'content-type': 'text/plain' }, ...leaves };
}

/** Why an answer is not the one of this person to this request, or null. */
function problemOf(reply: Reply, { name }: Person, asked: Asked): string | null {
  if (reply.status !== 200) return `${reply.status} for ${name}`;
  const told: Told = JSON.parse(reply.body);
  if (told.user !== name) return `${told.user} instead of ${name}`;
  if (!told.authorization?.startsWith(`Bearer at.${name}.`)) return `the token of another one for ${name}`;
  if (told.target !== asked.path) return `${told.target} instead of ${asked.path}`;
  if (told.method !== (asked.method ?? 'GET')) return `${told.method} for ${name}`;
  return told.body === (asked.body ?? '') ? null : `another body for ${name}`;
}

test('FL-069: 1,000 people on two nodes with aborts, resets, kept connections and tokens that expire: every answer is its own', async (context) => {
  const redis = await startRedis();
  const provider = await startRotatingProvider();
  const fleet = await startFleet({ provider, session: { store: { redis: { url: redis.url } } } });
  const seed = await openSeed(fleet);
  const client = createFleetClient(fleet.host, 40);
  const random = createSeededRandom(69);
  provider.lifetime = lifetime;
  provider.onRefresh = () => {
    provider.delay = random() * 100;
  };
  const counts = { answered: 0, left: 0 };
  const wrong: string[] = [];
  try {
    const names = Array.from({ length: people }, (_, index) => `person-${index}`);
    // They do not all come back in the same second.
    const signedIn = names.map((name) => provider.signIn(name, { lifetime: 1 + random() * lifetime }));
    const cookies = await seed.beginAll(signedIn);
    const crowd = names.map((name, index): Person => ({ name, cookie: cookies[index] as string }));
    const urls = fleet.nodes.map(({ url }) => url);
    const deadline = performance.now() + soakTime({ full: 60_000, promised: 60_000, short: 15_000 });

    const worker = async (): Promise<void> => {
      while (performance.now() < deadline) {
        const person = crowd[Math.floor(random() * people)] as Person;
        const url = urls[Math.floor(random() * urls.length)] as string;
        const asked = makeUp(person, random);
        try {
          const problem = problemOf(await client.ask(url + asked.path, asked), person, asked);
          counts.answered += 1;
          if (problem !== null) wrong.push(problem);
        } catch {
          counts.left += 1;
        }
        await sleep(random() * 10);
      }
    };
    await Promise.all(Array.from({ length: 32 }, worker));

    context.diagnostic(
      `${counts.answered} answers, ${counts.left} given up, ${provider.refreshes} refreshes`,
    );
    assert.deepEqual(wrong.slice(0, 5), [], `${wrong.length} of ${counts.answered} answers are wrong`);
    assert.ok(counts.answered > 1000 && counts.left > 100 && provider.refreshes > people / 2);
    const visit = async (person: Person, url: string): Promise<string | null> => {
      const asked = { path: `/${person.name}/end`, cookie: person.cookie };
      return problemOf(await client.ask(url + asked.path, asked), person, asked);
    };
    for (const url of urls) {
      const problems = await Promise.all(crowd.map((person) => visit(person, url)));
      assert.deepEqual(
        problems.filter((problem) => problem !== null),
        [],
      );
    }
    assert.equal(provider.reuses, 0);
    for (const node of fleet.nodes) {
      for (const name of ['session.ended', 'session.refresh-failed', 'record.discarded'])
        assert.deepEqual(node.events(name), []);
    }
    const tokens = signedIn.map(({ tokens: { accessToken } }) => accessToken);
    assertCleanOutput(fleet.nodes, [...cookies, ...tokens, provider.clientSecret]);
  } finally {
    client.close();
    await seed.close();
    await fleet.close();
    await provider.close();
    await redis.stop();
  }
});
