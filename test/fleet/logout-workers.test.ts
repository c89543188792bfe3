/** A logout over two workers that share one SQLite file: each hears of it from the file. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { until } from '../support/redis-server.ts';
import { startRotatingProvider } from '../support/rotating-provider.ts';
import { logOutAtProvider } from './support/ask-logout.ts';
import { secretsOf } from './support/secrets-of.ts';
import { type OpenSocket, openSockets, waysOf } from './support/sockets.ts';
import { openSurroundings } from './support/surroundings.ts';
import { assertCleanOutput } from './support/traces.ts';
import { answeredBy } from './support/workers.ts';

const sessions = 1000;
/** Milliseconds: what the documentation promises. */
const bound = 2000;

test('LO-048: 1,000 sessions of one person on two workers end with one back-channel logout, and 100 WebSockets within two seconds', async (context) => {
  const provider = await startRotatingProvider();
  const { fleet, client, seed, close } = await openSurroundings({
    provider,
    size: 1,
    session: { store: 'sqlite' },
    config: { fleet: false, workers: 2 },
    seedConfig: ({ nodes: [node] }) => ({ dataDir: join(node?.folder ?? '', 'data') }),
  });
  const [gate] = fleet.nodes;
  assert.ok(gate);
  const { url } = gate;
  const open: OpenSocket[] = [];
  /** On a connection of its own each, so that the kernel chooses a worker. */
  const statuses = async (cookies: readonly string[]) => {
    const headers = { connection: 'close' };
    const replies = await Promise.all(cookies.map((cookie) => client.ask(`${url}/x`, { cookie, headers })));
    return [...new Set(replies.map(({ status }) => status))];
  };
  try {
    const alice = await seed.beginAll(Array.from({ length: sessions }, () => provider.signIn('alice')));
    const bob = await seed.beginAll(Array.from({ length: 20 }, () => provider.signIn('bob')));
    const setups = (cookies: readonly string[]) =>
      cookies.map((cookie) => ({ url, cookie, host: fleet.host }));
    const hers = await openSockets(setups(alice.slice(0, 100)));
    const his = await openSockets(setups(bob));
    open.push(...hers, ...his);
    const sample = Array.from({ length: 40 }, (_, index) => alice[index * 20] as string);
    await until('both workers know the sample', async () => {
      assert.deepEqual(await statuses(sample), [200]);
      return answeredBy(gate).size === 2;
    });

    const posted = performance.now();
    const { status } = await logOutAtProvider(client, url, { provider, sub: 'alice' });
    const answered = performance.now() - posted;
    assert.equal(status, 200);
    await until('both workers refuse them', async () => (await statuses(sample)).join() === '401');
    const refused = performance.now() - posted;
    await until('all of her WebSockets have ended', () => hers.every((socket) => socket.ended() !== null));
    const { ways, last } = waysOf(hers);
    context.diagnostic(
      `answered after ${Math.round(answered)} ms, refused by both after ${Math.round(refused)} ms, ` +
        `the last WebSocket closed after ${Math.round(last - posted)} ms`,
    );
    assert.deepEqual(ways, ['1008 session ended']);
    assert.ok(answered < bound, `it took ${answered} ms`);
    assert.ok(last - posted < bound, `the last WebSocket took ${last - posted} ms`);
    for (let round = 0; round < 5; round += 1) assert.deepEqual(await statuses(sample), [401]);
    assert.ok(
      his.every((socket) => socket.ended() === null),
      'nobody else is disturbed',
    );
    assert.deepEqual(await statuses(bob), [200]);
    assertCleanOutput(fleet.nodes, [...alice, ...bob, ...secretsOf(fleet, provider)]);
  } finally {
    for (const socket of open) socket.close();
    await close();
    await provider.close();
  }
});
