/** One refresh for the whole fleet: two nodes, one Redis, providers that take a refresh token once and end all if it comes again. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../support/free-port.ts';
import { startRealProvider } from '../support/real-provider.ts';
import { type RedisServer, startRedis, until } from '../support/redis-server.ts';
import { startRotatingProvider } from '../support/rotating-provider.ts';
import { createSeededRandom } from '../support/seeded-random.ts';
import type { Told } from './support/app.ts';
import { createFleetClient, type FleetClient, type Reply } from './support/client.ts';
import { type Fleet, startFleet } from './support/fleet.ts';
import { openSeed } from './support/seed.ts';
import { signInAtFleet } from './support/sign-in.ts';
import { soakTime } from './support/soak.ts';
import { assertCleanOutput } from './support/traces.ts';

const herd = 500;
/** Seconds that access tokens live while they are to expire. */
const shortLife = 2;

let redis: RedisServer;
before(async () => {
  redis = await startRedis();
});
after(() => redis.stop());

const session = () => ({ store: { redis: { url: redis.url } } });

/** A certified provider, which rotates refresh tokens and revokes the family of one that comes again. */
async function startRealFleet() {
  const publicUrl = `http://127.0.0.1:${await freePort()}`;
  const client = { clientId: 'app', clientSecret: 'the secret of a client of a fleet' };
  const provider = await startRealProvider({
    clients: [{ ...client, redirectUris: [`${publicUrl}/.auth/callback`] }],
    ttl: { accessToken: shortLife },
  });
  const fleet = await startFleet({
    provider: { ...client, issuer: provider.issuer },
    session: session(),
    publicUrl,
  });
  return { provider, fleet, secrets: [client.clientSecret] };
}

const urlsOf = (fleet: Fleet) => fleet.nodes.map(({ url }) => url) as [string, string];

/** The access token that the application got with each of these answers. */
const tokensOf = (replies: readonly Reply[]): ReadonlySet<string | null> =>
  new Set(replies.map(({ body }) => (JSON.parse(body) as Told).authorization));

/** Signs in at both nodes in turn, so that each of them knows every session. */
async function signInMany(fleet: Fleet, client: FleetClient, count: number): Promise<string[]> {
  const [first, second] = urlsOf(fleet);
  const cookies: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const via = index % 2 === 0 ? ([first, second] as const) : ([second, first] as const);
    cookies.push(await signInAtFleet(fleet, { login: `person-${index}`, via }));
  }
  for (const cookie of cookies) {
    for (const url of [first, second]) assert.equal((await client.ask(url, { cookie })).status, 200);
  }
  return cookies;
}

test('FL-061: 500 requests at once over two nodes on an expired session: one token call, 500 answers with the new token', async () => {
  const { provider, fleet, secrets } = await startRealFleet();
  const client = createFleetClient(fleet.host);
  try {
    const cookies = await signInMany(fleet, client, 3);
    await sleep(shortLife * 1000 + 500);
    provider.ttl.accessToken = 300;
    for (const cookie of cookies) {
      const calls = provider.stats().token;
      const replies = await Promise.all(
        Array.from({ length: herd }, (_, index) => {
          const url = urlsOf(fleet)[index % 2] as string;
          return client.ask(`${url}/herd/${index}`, { cookie });
        }),
      );
      assert.deepEqual([...new Set(replies.map(({ status }) => status))], [200]);
      assert.equal(provider.stats().token - calls, 1, 'token calls');
      assert.equal(tokensOf(replies).size, 1, 'access tokens that reached the application');
    }
    assertCleanOutput(fleet.nodes, [...secrets, ...cookies]);
  } finally {
    client.close();
    await fleet.close();
    await provider.close();
  }
});

test('FL-063: the request that began a refresh goes away: the refresh is finished for all others, on both nodes', async () => {
  const provider = await startRotatingProvider();
  provider.delay = 300;
  const fleet = await startFleet({ provider, session: session() });
  const [first, second] = urlsOf(fleet);
  const client = createFleetClient(fleet.host);
  const seed = await openSeed(fleet);
  const arrival = () =>
    new Promise<string>((resolve) => {
      provider.onRefresh = resolve;
    });
  try {
    const cookie = await seed.begin(provider.signIn('leader', { lifetime: 0 }));
    const arrived = arrival();
    const left = assert.rejects(client.ask(first, { cookie, leaveWhen: arrived, reset: true }));
    await arrived;
    const others = await Promise.all(
      Array.from({ length: 100 }, (_, index) => client.ask(index % 2 === 0 ? first : second, { cookie })),
    );
    await left;
    assert.deepEqual([...new Set(others.map(({ status }) => status))], [200]);
    assert.match([...tokensOf(others)].join(), /^Bearer at\.leader\.[^.]+\.1$/);
    assert.deepEqual([provider.refreshes, provider.reuses], [1, 0]);

    // Nobody waits for this one at all: its tokens are kept all the same.
    const alone = await seed.begin(provider.signIn('alone', { lifetime: 0 }));
    await assert.rejects(client.ask(first, { cookie: alone, leaveWhen: arrival() }));
    await until('the refresh is over', () => provider.refreshes === 2);
    const reply = await client.ask(second, { cookie: alone });
    assert.match([...tokensOf([reply])].join(), /^Bearer at\.alone\.[^.]+\.1$/);
    assert.deepEqual([provider.refreshes, provider.reuses], [2, 0]);
    assertCleanOutput(fleet.nodes, [cookie, alone, provider.clientSecret]);
  } finally {
    await seed.close();
    client.close();
    await fleet.close();
    await provider.close();
  }
});

interface Soak {
  readonly fleet: Fleet;
  readonly client: FleetClient;
  readonly cookies: readonly string[];
  /** Milliseconds. */
  readonly duration: number;
}

interface Soaked {
  readonly answered: number;
  readonly left: number;
  /** How often each status other than 200 was seen. */
  readonly others: ReadonlyMap<number, number>;
}

/** Requests of everybody on every node, some of which are given up at any moment. */
async function soak({ fleet, client, cookies, duration }: Soak): Promise<Soaked> {
  const random = createSeededRandom(62);
  const urls = urlsOf(fleet);
  const others = new Map<number, number>();
  const counts = { answered: 0, left: 0 };
  const deadline = performance.now() + duration;
  const worker = async (): Promise<void> => {
    while (performance.now() < deadline) {
      const cookie = cookies[Math.floor(random() * cookies.length)] as string;
      const url = urls[Math.floor(random() * urls.length)] as string;
      const leaves = random() < 0.3 ? { leaveAfter: random() * 30, reset: random() < 0.5 } : {};
      try {
        const { status } = await client.ask(`${url}/soak`, { cookie, ...leaves });
        counts.answered += 1;
        if (status !== 200) others.set(status, (others.get(status) ?? 0) + 1);
      } catch {
        counts.left += 1;
      }
      await sleep(random() * 20);
    }
  };
  await Promise.all(Array.from({ length: 20 }, worker));
  return { ...counts, others };
}

/** Every session, at every node. */
async function assertAllLive({ fleet, client, cookies }: Omit<Soak, 'duration'>): Promise<void> {
  for (const url of urlsOf(fleet)) {
    const replies = await Promise.all(cookies.map((cookie) => client.ask(`${url}/end`, { cookie })));
    const lost = replies.filter(({ status }) => status !== 200);
    assert.deepEqual(lost, [], `${lost.length} of ${cookies.length} sessions are lost`);
  }
  for (const node of fleet.nodes) {
    assert.deepEqual(node.events('session.refresh-failed'), []);
    assert.deepEqual(node.events('session.ended'), []);
  }
}

test('FL-062: 50 sessions with tokens of two seconds, requests given up at random, a certified provider: no session is lost', async (context) => {
  const { provider, fleet, secrets } = await startRealFleet();
  const client = createFleetClient(fleet.host, 40);
  const duration = soakTime({ full: 120_000, promised: 120_000, short: 10_000 });
  try {
    const cookies = await signInMany(fleet, client, 50);
    const calls = provider.stats().token;
    const soaked = await soak({ fleet, client, cookies, duration });
    assert.deepEqual([...soaked.others], [], `of ${soaked.answered} answers`);
    await assertAllLive({ fleet, client, cookies });
    const refreshes = provider.stats().token - calls;
    context.diagnostic(`${soaked.answered} answers, ${soaked.left} given up, ${refreshes} refreshes`);
    assert.ok(refreshes > (cookies.length * duration) / (4 * shortLife * 1000), `${refreshes} refreshes`);
    assert.ok(soaked.left > 100, `${soaked.left} requests were given up`);
    assertCleanOutput(fleet.nodes, [...secrets, ...cookies]);
  } finally {
    client.close();
    await fleet.close();
    await provider.close();
  }
});

test('FL-062: the same at a slow provider that counts: no refresh token comes twice', async (context) => {
  const provider = await startRotatingProvider();
  const random = createSeededRandom(63);
  provider.lifetime = shortLife;
  provider.onRefresh = () => {
    provider.delay = random() * 250;
  };
  const fleet = await startFleet({ provider, session: session() });
  const client = createFleetClient(fleet.host, 40);
  const seed = await openSeed(fleet);
  const duration = soakTime({ full: 60_000, short: 6000 });
  try {
    const people = Array.from({ length: 50 }, (_, index) =>
      provider.signIn(`person-${index}`, { lifetime: 1 }),
    );
    const cookies = await seed.beginAll(people);
    const soaked = await soak({ fleet, client, cookies, duration });
    assert.deepEqual([...soaked.others], [], `of ${soaked.answered} answers`);
    await assertAllLive({ fleet, client, cookies });
    context.diagnostic(
      `${soaked.answered} answers, ${soaked.left} given up, ${provider.refreshes} refreshes`,
    );
    assert.equal(provider.reuses, 0);
    assert.ok(provider.refreshes > (cookies.length * duration) / (4 * shortLife * 1000));
    assertCleanOutput(fleet.nodes, [...cookies, provider.clientSecret]);
  } finally {
    await seed.close();
    client.close();
    await fleet.close();
    await provider.close();
  }
});
