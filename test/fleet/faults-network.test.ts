/** The network between nodes and Redis: cut for one node while somebody signs out at the other, and slow for both. */
import assert from 'node:assert/strict';
import { after, before, describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type RedisProxy, startRedisProxy } from '../support/redis-proxy.ts';
import { type RedisServer, startRedis, until } from '../support/redis-server.ts';
import { type RotatingProvider, startRotatingProvider } from '../support/rotating-provider.ts';
import { logOutAtProvider } from './support/ask-logout.ts';
import { faultOf, type Person } from './support/load.ts';
import { connectOver } from './support/rewire.ts';
import { secretsOf } from './support/secrets-of.ts';
import { openSocket } from './support/sockets.ts';
import { openSurroundings, type Surroundings } from './support/surroundings.ts';
import { assertCleanOutput } from './support/traces.ts';

let redis: RedisServer;
let provider: RotatingProvider;
before(async () => {
  redis = await startRedis();
  provider = await startRotatingProvider();
});
after(async () => {
  await provider.close();
  await redis.stop();
});

interface Setting extends Surroundings {
  readonly proxy: RedisProxy;
}

/** `over`: which nodes reach Redis over the proxy. */
async function start(context: TestContext, over: (index: number) => boolean): Promise<Setting> {
  const proxy = await startRedisProxy(context, redis.port);
  let index = 0;
  const opened = await openSurroundings({
    provider,
    session: { store: { redis: { url: redis.url } } },
    prepare(node) {
      if (over(index)) connectOver(node, proxy.url);
      index += 1;
    },
  });
  return { ...opened, proxy };
}

interface Cut {
  readonly what: string;
  readonly cut: (proxy: RedisProxy) => void | Promise<void>;
  readonly mend: (proxy: RedisProxy) => void | Promise<void>;
}

const cuts: readonly Cut[] = [
  {
    what: 'is half-open: nothing comes through and nobody is told',
    cut: (proxy) => proxy.swallow(),
    mend(proxy) {
      proxy.pass();
      proxy.cut();
    },
  },
  {
    what: 'is cut, and new connections are refused',
    cut: (proxy) => proxy.refuse(),
    mend: (proxy) => proxy.listen(),
  },
];

describe('one node that has lost Redis', () => {
  for (const { what, cut, mend } of cuts) {
    test(`LO-048, FL-004: its connection ${what}; somebody signs out at the other node: it is served for a second at most, then 503, and what is open ends when it is back`, async (context) => {
      const { fleet, client, seed, proxy, close } = await start(context, (index) => index === 1);
      const { host } = fleet;
      const [connected, lonely] = fleet.nodes.map(({ url }) => url) as [string, string];
      const statusAt = async (url: string, cookie: string) =>
        (await client.ask(`${url}/x`, { cookie })).status;
      try {
        const cookie = await seed.begin(provider.signIn('alice'));
        const other = await seed.begin(provider.signIn('bob'));
        const socket = await openSocket({ url: lonely, host, cookie });
        const others = await openSocket({ url: lonely, host, cookie: other });
        for (const url of [connected, lonely]) {
          for (const one of [cookie, other]) assert.equal(await statusAt(url, one), 200);
        }
        // Until nothing is read for them any more: what follows shall come from what the node has in memory.
        await sleep(500);
        await cut(proxy);
        const { status } = await logOutAtProvider(client, connected, { provider, sub: 'alice' });
        assert.equal(status, 200);
        const signedOut = performance.now();
        let lastServed = signedOut;
        while (performance.now() - signedOut < 3000) {
          const answered = await client.ask(`${lonely}/x`, { cookie });
          assert.ok([200, 503].includes(answered.status), `${answered.status}`);
          assert.equal(answered.setCookies.length, 0);
          if (answered.status === 200) lastServed = performance.now();
          assert.equal(await statusAt(connected, cookie), 401);
          assert.equal(await statusAt(connected, other), 200, 'the other node is not disturbed');
          await sleep(10);
        }
        const served = lastServed - signedOut;
        assert.ok(served < 1200, `it was served for ${served} ms`);
        assert.equal(await statusAt(lonely, other), 503);
        assert.equal((await client.ask(`${lonely}/public/x`)).status, 200);
        assert.equal(others.ended(), null, 'nobody else is thrown out by the outage');

        await mend(proxy);
        const mended = performance.now();
        await until('it answers rightly', async () => {
          const [hers, his] = [await statusAt(lonely, cookie), await statusAt(lonely, other)];
          assert.ok([401, 503].includes(hers), `${hers}`);
          assert.ok([200, 503].includes(his), `${his}`);
          return hers === 401 && his === 200;
        });
        const recovered = performance.now() - mended;
        await until('her WebSocket has ended', () => socket.ended() !== null);
        const ended = (socket.ended()?.at ?? 0) - mended;
        context.diagnostic(
          `served for ${Math.round(served)} ms, right ${Math.round(recovered)} ms and the WebSocket closed ${Math.round(ended)} ms after it was mended`,
        );
        assert.equal(socket.ended()?.code, 1008);
        assert.ok(recovered < 5000, `it took ${recovered} ms`);
        assert.equal(others.ended(), null);
        others.close();
        assertCleanOutput(fleet.nodes, [cookie, other, ...secretsOf(fleet, provider)]);
      } finally {
        await close();
      }
    });
  }
});

test('FL-071: Redis becomes slow for both nodes under load: what is known is served as before, what is not waits or is 503, and nothing piles up', async (context) => {
  const { fleet, client, seed, proxy, close } = await start(context, () => true);
  const { nodes } = fleet;
  const names = Array.from({ length: 600 }, (_, index) => `person-${index}`);
  /** All of them at both nodes, so many at once; all at once when not said. */
  const askAll = async (group: readonly Person[], atOnce = group.length) => {
    const counts = { served: 0, unavailable: 0, slowest: 0 };
    const one = async (person: Person, url: string): Promise<void> => {
      const began = performance.now();
      const reply = await client.askAgain(`${url}/x`, { cookie: person.cookie });
      counts.slowest = Math.max(counts.slowest, performance.now() - began);
      assert.equal(faultOf(person, reply), null);
      if (reply.status === 503) counts.unavailable += 1;
      else counts.served += 1;
    };
    for (let first = 0; first < group.length; first += atOnce) {
      const some = group.slice(first, first + atOnce);
      await Promise.all(nodes.flatMap(({ url }) => some.map((person) => one(person, url))));
    }
    return counts;
  };
  try {
    const cookies = await seed.beginAll(names.map((name) => provider.signIn(name)));
    const people = names.map((name, index): Person => ({ name, cookie: cookies[index] as string }));
    const [known, fresh, late] = [people.slice(0, 200), people.slice(200, 400), people.slice(400)];
    await askAll(known);
    const before = nodes.map((node) => node.rss());
    proxy.delay(200);
    await sleep(1000);
    const quick = await askAll(known);
    assert.equal(quick.unavailable, 0);
    const slow = await askAll(fresh, 20);
    assert.ok(slow.unavailable < slow.served / 10, `slow is not away: ${slow.unavailable} times 503`);
    assert.ok(slow.slowest > 200, 'the delay was there');

    // Slower than a command may be: whoever is not known is 503, again and again, and nothing is left behind.
    proxy.delay(1500);
    const away = { unavailable: 0, slowest: 0 };
    for (let round = 0; round < 5; round += 1) {
      const { served, unavailable, slowest } = await askAll(late);
      assert.equal(served, 0);
      away.unavailable += unavailable;
      away.slowest = Math.max(away.slowest, slowest);
    }
    assert.equal((await client.ask(`${nodes[0]?.url}/public/x`)).status, 200);
    const grown = nodes.map((node, index) => (node.rss() - (before[index] ?? 0)) / 1_048_576);
    proxy.delay(0);
    const mended = performance.now();
    await until('everybody is served', async () => (await askAll(people)).unavailable === 0);
    const took = performance.now() - mended;
    context.diagnostic(
      `slowest at 200 ms: ${Math.round(quick.slowest)} ms known, ${Math.round(slow.slowest)} ms not known; ` +
        `slowest 503: ${Math.round(away.slowest)} ms; memory ${grown.map(Math.round).join(' and ')} MiB more; ` +
        `recovered after ${Math.round(took)} ms`,
    );
    assert.ok(away.slowest < 3000, `a 503 took ${away.slowest} ms`);
    assert.ok(took < 5000, `it took ${took} ms`);
    for (const mebibytes of grown) assert.ok(mebibytes < 150, `${mebibytes} MiB more`);
    for (const node of nodes) assert.deepEqual(node.events('session.ended'), []);
    assertCleanOutput(nodes, [...cookies, ...secretsOf(fleet, provider)]);
  } finally {
    await close();
  }
});
