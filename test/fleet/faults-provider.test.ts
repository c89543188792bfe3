/** The provider is away, or its answer never arrives at the browser: whoever is signed in stays so, on both nodes. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type RedisServer, startRedis, until } from '../support/redis-server.ts';
import { type RotatingProvider, startRotatingProvider } from '../support/rotating-provider.ts';
import { signInAt } from '../support/sign-in-at.ts';
import { createUserAgent } from '../support/user-agent.ts';
import { countServed, faultOf, type Person } from './support/load.ts';
import { secretsOf } from './support/secrets-of.ts';
import { signInAtFleet } from './support/sign-in.ts';
import { openSurroundings, type Surroundings } from './support/surroundings.ts';
import { assertCleanOutput } from './support/traces.ts';

/** Milliseconds in which nobody in the fleet tries again after a failure. */
const backOff = 5000;
const navigation = { accept: 'text/html', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };

describe('two nodes whose provider is away', () => {
  let redis: RedisServer;
  let provider: RotatingProvider;
  let surroundings: Surroundings;
  let { fleet, client, seed } = {} as Surroundings;
  const cookies: string[] = [];
  before(async () => {
    redis = await startRedis();
    provider = await startRotatingProvider();
    surroundings = await openSurroundings({ provider, session: { store: { redis: { url: redis.url } } } });
    ({ fleet, client, seed } = surroundings);
  });
  after(async () => {
    await surroundings?.close();
    await provider?.close();
    await redis?.stop();
  });

  const begin = async (lifetime: number, names: readonly string[]): Promise<Person[]> => {
    const begun = await seed.beginAll(names.map((name) => provider.signIn(name, { lifetime })));
    cookies.push(...begun);
    return names.map((name, index) => ({ name, cookie: begun[index] as string }));
  };

  test('FL-020, FL-021: fresh tokens are served, expired ones are 503, the fleet tries once in a back-off, and everybody is served when it is back', async (context) => {
    const fresh = await begin(300, ['anna', 'bert', 'cleo']);
    const expired = await begin(0, ['dora', 'emil', 'fritz', 'gerda']);
    const { attempts } = provider;
    provider.isDown = true;
    try {
      const began = performance.now();
      let rounds = 0;
      while (performance.now() - began < backOff * 1.6) {
        for (const { url } of fleet.nodes) {
          for (const person of fresh) {
            const reply = await client.ask(`${url}/x`, { cookie: person.cookie });
            assert.deepEqual([reply.status, faultOf(person, reply)], [200, null]);
          }
          const replies = await Promise.all(expired.map(({ cookie }) => client.ask(`${url}/x`, { cookie })));
          for (const [index, reply] of replies.entries()) {
            assert.deepEqual([reply.status, faultOf(expired[index] as Person, reply)], [503, null]);
            assert.equal(reply.setCookies.length, 0);
          }
          const [first] = expired;
          const page = await client.ask(`${url}/x`, { cookie: first?.cookie ?? '', headers: navigation });
          assert.equal(page.status, 503);
          assert.match(String(page.headers['content-type']), /^text\/html/);
        }
        rounds += 1;
        await sleep(100);
      }
      const tried = provider.attempts - attempts;
      const windows = Math.ceil((performance.now() - began) / backOff);
      context.diagnostic(`${rounds} rounds at both nodes, ${tried} tries for ${expired.length} sessions`);
      assert.ok(tried >= expired.length, `${tried} tries`);
      assert.ok(tried <= expired.length * windows, `${tried} tries in ${windows} windows`);
    } finally {
      provider.isDown = false;
    }
    const back = performance.now();
    await until(
      'everybody is served by both nodes',
      async () => {
        const counts = await countServed({ fleet, client, people: [...fresh, ...expired] });
        return counts.every((count) => count === fresh.length + expired.length);
      },
      15_000,
    );
    const took = performance.now() - back;
    context.diagnostic(`served again ${Math.round(took)} ms after it was back`);
    assert.ok(took < backOff * 1.25 + 1000, `it took ${took} ms`);
    assert.equal(provider.refreshes, expired.length, 'each was renewed once');
    assert.equal(provider.reuses, 0);
    for (const node of fleet.nodes) assert.deepEqual(node.events('session.ended'), []);
  });

  test('FL-010: a browser that leaves at the callback finds the next sign-in working, and what it left expires', async () => {
    provider.loginDelay = 300;
    const redeemed = new Promise<string>((resolve) => {
      provider.onRedeem = resolve;
    });
    const headers = { ...navigation, host: fleet.host };
    const [first, second] = fleet.nodes.map(({ url }) => url) as [string, string];
    const sent = await createUserAgent().ask(`${first}/.auth/login`, { headers });
    const callback = await signInAt(String(sent.headers.location), {
      login: 'hugo',
      clientUrl: fleet.publicUrl,
    });
    const cookie = sent.setCookies.map((setCookie) => setCookie.split(';', 1)[0]).join('; ');
    const sessions = async () =>
      (await redis.cli('--scan', '--pattern', 'sallyport:s:*')).split('\n').filter((key) => key !== '');
    const before = (await sessions()).length;
    await assert.rejects(
      client.ask(second + callback.pathname + callback.search, {
        cookie,
        headers: navigation,
        leaveWhen: redeemed,
        reset: true,
      }),
    );
    provider.loginDelay = 0;
    const again = await signInAtFleet(fleet, { login: 'hugo', via: [second, first] });
    cookies.push(again);
    for (const url of [first, second]) {
      assert.equal((await client.ask(`${url}/x`, { cookie: again })).status, 200);
    }
    await sleep(500);
    const left = await sessions();
    assert.ok(left.length - before <= 2, `${left.length - before} records of two sign-ins`);
    for (const key of left) {
      const lifetime = Number(await redis.cli('pttl', key));
      assert.ok(lifetime > 0 && lifetime < 13 * 3_600_000, `${key} lives for ${lifetime} ms`);
    }
  });

  test('no node has written a secret down', () => {
    assertCleanOutput(fleet.nodes, [...cookies, ...secretsOf(fleet, provider)]);
  });
});
