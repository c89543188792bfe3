/** One logout at the provider ends ten thousand sessions and a thousand WebSockets on two nodes, in the time it takes to notice. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startRedis, until } from '../support/redis-server.ts';
import { startRotatingProvider } from '../support/rotating-provider.ts';
import { postLogout } from './support/ask-logout.ts';
import { secretsOf } from './support/secrets-of.ts';
import { type OpenSocket, openSockets, waysOf } from './support/sockets.ts';
import { openSurroundings } from './support/surroundings.ts';
import { assertCleanOutput } from './support/traces.ts';

const sessions = 10_000;
const socketsOfNode = 500;
/** Milliseconds: what the documentation promises. */
const bound = 2000;

test('LO-048: 10,000 sessions of one person, 1,000 of them with a WebSocket on one of two nodes, end with one back-channel logout in two seconds', async (context) => {
  const redis = await startRedis();
  const provider = await startRotatingProvider();
  const session = { store: { redis: { url: redis.url } } };
  const { fleet, client, seed, close } = await openSurroundings({ provider, session, connections: 40 });
  const [first, second] = fleet.nodes.map(({ url }) => url) as [string, string];
  const open: OpenSocket[] = [];
  try {
    const alice = await seed.beginAll(Array.from({ length: sessions }, () => provider.signIn('alice')));
    const bob = await seed.beginAll(Array.from({ length: 20 }, () => provider.signIn('bob')));
    const setups = (cookies: readonly string[], url: string) =>
      cookies.map((cookie) => ({ url, cookie, host: fleet.host }));
    const hers = await openSockets([
      ...setups(alice.slice(0, socketsOfNode), first),
      ...setups(alice.slice(socketsOfNode, 2 * socketsOfNode), second),
    ]);
    const his = await openSockets([...setups(bob.slice(0, 10), first), ...setups(bob.slice(10), second)]);
    open.push(...hers, ...his);
    assert.equal(fleet.app.open, hers.length + his.length);
    /** Some that have a WebSocket on either node, some that have none, some that no node has seen. */
    const sample = Array.from({ length: 100 }, (_, index) => alice[index * 100] as string);
    const statuses = async (url: string, cookies: readonly string[]) => {
      const replies = await Promise.all(cookies.map((cookie) => client.ask(`${url}/x`, { cookie })));
      return [...new Set(replies.map(({ status }) => status))];
    };
    const known = sample.slice(0, 50);
    for (const url of [first, second]) assert.deepEqual(await statuses(url, known), [200]);

    const token = await provider.logoutToken({ sub: 'alice' });
    const posted = performance.now();
    const answer = await postLogout(client, { url: first, token });
    const answered = performance.now() - posted;
    assert.equal(answer.status, 200);
    assert.deepEqual(await statuses(first, sample), [401], 'at once on the node that was told');
    await until('the other node refuses them', async () => {
      return (await statuses(second, sample)).join() === '401';
    });
    const refused = performance.now() - posted;
    await until('all of her WebSockets have ended', () => hers.every((socket) => socket.ended() !== null));
    const { ways, last } = waysOf(hers);
    context.diagnostic(
      `answered after ${Math.round(answered)} ms, refused by all after ${Math.round(refused)} ms, ` +
        `the last WebSocket closed after ${Math.round(last - posted)} ms`,
    );
    assert.deepEqual(ways, ['1008 session ended']);
    assert.ok(answered < bound, `it took ${answered} ms`);
    assert.ok(last - posted < bound, `the last WebSocket took ${last - posted} ms`);

    assert.ok(
      his.every((socket) => socket.ended() === null),
      'nobody else is disturbed',
    );
    for (const url of [first, second]) assert.deepEqual(await statuses(url, bob), [200]);
    await until('the application has lost hers', () => fleet.app.open === his.length);
    const left = await redis.cli('eval', "return #redis.call('keys', 'sallyport:s:*')", '0');
    assert.equal(Number(left), bob.length, 'and of hers nothing is left in the store');
    assertCleanOutput(fleet.nodes, [...alice.slice(0, 2000), ...bob, token, ...secretsOf(fleet, provider)]);
  } finally {
    for (const socket of open) socket.close();
    await close();
    await provider.close();
    await redis.stop();
  }
});
