/** One refresh for a session in the whole fleet, whoever dies, fails or comes late. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SallyportError } from '../../src/core/errors.ts';
import { createLocks } from '../../src/stores/locks.ts';
import { createMemoryStore } from '../../src/stores/memory-store.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createFaultyStore } from '../support/faulty-store.ts';
import {
  createFleet,
  createSessionFixture,
  type Fixture,
  headWith,
  until,
} from '../support/session-fixture.ts';

const second = 1000;
const minute = 60 * second;
const turns = async (count = 6) => {
  for (let i = 0; i < count; i += 1) await new Promise((resolve) => setImmediate(resolve));
};
const down = () => {
  throw new SallyportError('ERR_PROVIDER_UNAVAILABLE', 'down');
};

/** Refuses a refresh token that was used before, and the whole family from then on. */
function punishReuse({ provider }: Pick<Fixture, 'provider'>, lifetime: number, work = turns) {
  const used = new Set<string | null>();
  const punished = { count: 0 };
  provider.script(async ({ tokens }) => {
    const reused = used.has(tokens.refreshToken);
    used.add(tokens.refreshToken);
    await work();
    if (!reused) return provider.renewed({ lifetime });
    punished.count += 1;
    return { kind: 'rejected', reason: 'invalid-grant' };
  });
  return punished;
}

for (const isAsync of [false, true]) {
  test(`FL-060: 500 requests on three nodes with an expired token make one refresh (${isAsync ? 'network' : 'local'})`, async () => {
    const { nodes, clock, provider, close } = createFleet(3, { isAsync });
    const { cookie } = await nodes[0]!.signIn('alice', { lifetime: 5 * minute });
    for (const node of nodes) assert.ok(await node.sessionOf(cookie));
    punishReuse(nodes[0]!, 5 * minute);
    clock.advance(6 * minute);
    const answers = await Promise.all(Array.from({ length: 500 }, (_, i) => nodes[i % 3]!.sessionOf(cookie)));
    assert.equal(provider.refreshes.length, 1);
    assert.deepEqual([...new Set(answers.map((session) => session?.tokens.accessToken))], ['access-2']);
    assert.equal(nodes.flatMap((node) => node.named('session.refreshed')).length, 1);
    await close();
  });
}

test('FL-062: sessions with tokens that live seconds survive a provider that punishes reuse, on three nodes', async () => {
  const { nodes, clock, provider, close } = createFleet(3, { isAsync: true });
  const begun = await Promise.all(
    Array.from({ length: 20 }, (_, i) => nodes[i % 3]!.signIn(`person-${i}`, { lifetime: 2 * second })),
  );
  const punished = punishReuse(nodes[0]!, 2 * second);
  for (let round = 0; round < 30; round += 1) {
    clock.advance(700);
    // Who waits for another node looks again after real milliseconds.
    await new Promise((resolve) => setTimeout(resolve, 60));
    const answers = begun.flatMap(({ cookie }) => nodes.map((node) => node.sessionOf(cookie)));
    // Some of them are not waited for, as of clients that went away.
    const waited = await Promise.all(answers.filter((_, i) => i % 3 !== round % 3));
    assert.ok(
      waited.every((session) => session !== null),
      `round ${round}`,
    );
  }
  await Promise.allSettled(nodes.map((node) => node.sessions.close()));
  assert.equal(punished.count, 0);
  assert.ok(provider.refreshes.length > 100);
  assert.deepEqual(
    nodes.flatMap((node) => node.named('session.ended')),
    [],
  );
  await close();
});

test('the lock of a node that was killed is taken over within its lease', async () => {
  const { nodes, clock, provider, shared, close } = createFleet(2);
  const [a] = nodes as [Fixture];
  const { session, cookie } = await a.signIn('alice', { lifetime: minute });
  clock.advance(2 * minute);
  const dead = createLocks({ store: shared.memory, clock });
  assert.equal((await dead.acquire(`r:${session.key}`)).kind, 'acquired');
  dead.close();
  const waiting = a.sessionOf(cookie);
  await new Promise((resolve) => setTimeout(resolve, 120));
  assert.equal(provider.refreshes.length, 0);
  clock.advance(3 * second);
  assert.equal((await waiting)?.tokens.refreshToken, 'refresh-2');
  await close();
});

test('a lock is free again as soon as its refresh is done, also when that was an end', async () => {
  const { nodes, clock, provider, shared, close } = createFleet(1);
  const [a] = nodes as [Fixture];
  const one = await a.signIn('alice', { lifetime: minute });
  const two = await a.signIn('bob', { lifetime: minute });
  provider.script(({ subject }) =>
    subject === 'alice' ? provider.renewed() : { kind: 'rejected', reason: 'invalid-grant' },
  );
  clock.advance(2 * minute);
  assert.ok(await a.sessionOf(one.cookie));
  assert.equal(await a.sessionOf(two.cookie), null);
  for (const { session } of [one, two]) assert.equal(await shared.memory.get(`l:r:${session.key}`), null);
  await close();
});

test('who waits too long for another node gets a 503, and the session lives on', async () => {
  const { nodes, clock, provider, shared, close } = createFleet(1);
  const [a] = nodes as [Fixture];
  const { session, cookie } = await a.signIn('alice', { lifetime: minute });
  clock.advance(2 * minute);
  const stuck = createLocks({ store: shared.memory, clock, lease: minute });
  const lock = await stuck.acquire(`r:${session.key}`);
  assert.ok(lock.kind === 'acquired');
  const waiting = a.authenticate(cookie);
  const failed = assert.rejects(waiting, { code: 'ERR_PROVIDER_UNAVAILABLE' });
  await turns();
  clock.advance(9 * second);
  await failed;
  assert.equal(provider.refreshes.length, 0);
  await lock.release();
  clock.advance(2 * second);
  assert.equal((await a.sessionOf(cookie))?.tokens.refreshToken, 'refresh-2');
  await close();
});

test('FL-021: after a failed try no node asks the provider again before the back-off is over', async () => {
  const { nodes, clock, provider, close } = createFleet(3);
  const { cookie } = await nodes[0]!.signIn('alice', { lifetime: minute });
  provider.script(down);
  clock.advance(2 * minute);
  for (let i = 0; i < 12; i += 1) {
    await assert.rejects(nodes[i % 3]!.authenticate(cookie), {
      code: 'ERR_PROVIDER_UNAVAILABLE',
      status: 503,
    });
  }
  assert.equal(provider.refreshes.length, 1);
  assert.equal(nodes.flatMap((node) => node.named('session.refresh-failed')).length, 1, 'told of once');
  clock.advance(7 * second);
  await Promise.allSettled(nodes.map((node) => node.authenticate(cookie)));
  assert.equal(provider.refreshes.length, 2);
  provider.script(() => provider.renewed());
  clock.advance(7 * second);
  for (const node of nodes) assert.equal((await node.sessionOf(cookie))?.tokens.refreshToken, 'refresh-2');
  assert.equal(provider.refreshes.length, 3);
  await close();
});

test('a node that was away while its lease ran out cannot put its tokens over those of its successor', async () => {
  const { nodes, clock, provider, close } = createFleet(2, { isAsync: true });
  const [a, b] = nodes as [Fixture, Fixture];
  const { cookie } = await a.signIn('alice', { lifetime: minute });
  assert.ok(await b.sessionOf(cookie));
  const { promise, resolve } = Promise.withResolvers<void>();
  provider.script(
    async () => {
      const renewed = provider.renewed({ refreshToken: 'of-the-late-one' });
      await promise;
      return renewed;
    },
    () => provider.renewed({ refreshToken: 'of-the-successor' }),
  );
  clock.advance(2 * minute);
  const late = a.sessionOf(cookie);
  await until(() => provider.refreshes.length === 1);
  clock.advance(4 * second);
  assert.equal((await b.sessionOf(cookie))?.tokens.refreshToken, 'of-the-successor');
  resolve();
  await late;
  await turns(10);
  const after = createSessionFixture(a.shared);
  for (const node of [a, b, after]) {
    assert.equal((await node.sessionOf(cookie))?.tokens.refreshToken, 'of-the-successor');
  }
  await Promise.all([close(), after.sessions.close()]);
});

test('a refresh that was refused after its lease ran out waits for what the successor found, and ends nothing', async () => {
  const { nodes, clock, provider, shared, close } = createFleet(2);
  const [a, b] = nodes as [Fixture, Fixture];
  const { session, cookie } = await a.signIn('alice', { lifetime: minute });
  const answers = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
  provider.script(
    async () => {
      await answers[0].promise;
      return { kind: 'rejected', reason: 'invalid-grant' };
    },
    async () => {
      await answers[1].promise;
      return provider.renewed();
    },
  );
  clock.advance(2 * minute);
  const late = a.sessionOf(cookie);
  await until(() => provider.refreshes.length === 1);
  clock.advance(4 * second);
  const successor = b.sessionOf(cookie);
  await until(() => provider.refreshes.length === 2);
  answers[0].resolve();
  await turns();
  assert.notEqual(await shared.memory.get(session.key), null, 'not over: somebody else is at it');
  answers[1].resolve();
  assert.equal((await successor)?.tokens.refreshToken, 'refresh-2');
  assert.equal((await late)?.tokens.refreshToken, 'refresh-2');
  assert.equal(provider.refreshes.length, 2);
  assert.deepEqual(
    nodes.flatMap((node) => node.named('session.ended')),
    [],
  );
  await close();
});

test('FL-001: when the lock cannot be had because the store fails, the provider is not called', async () => {
  const clock = createFakeClock();
  const store = createFaultyStore(createMemoryStore({ clock }));
  const f = createSessionFixture({ clock, store });
  const { cookie } = await f.signIn('alice', { lifetime: minute });
  for (const operation of ['addIfAbsent', 'get'] as const) {
    store.fail(operation);
    clock.advance(2 * minute);
    await assert.rejects(f.authenticate(cookie), { code: 'ERR_STORE_UNAVAILABLE', status: 503 });
    assert.equal(f.provider.refreshes.length, 0);
  }
  store.fail();
  clock.advance(2 * second);
  const waiting = f.sessionOf(cookie);
  await new Promise((resolve) => setTimeout(resolve, 150));
  assert.equal(f.provider.refreshes.length, 0, 'who may have held a lock comes first');
  clock.advance(3 * second);
  assert.ok(await waiting, 'and soon after the store is back it goes on');
  await f.sessions.close();
});

test('while renewed tokens could not be written, no other node uses the old refresh token', async () => {
  const clock = createFakeClock();
  const store = createFaultyStore(createMemoryStore({ clock }));
  const f = createSessionFixture({ clock, store });
  const other = createSessionFixture({ ...f.shared, store });
  const { cookie } = await f.signIn('alice', { lifetime: minute });
  clock.advance(2 * minute);
  store.fail('compareAndSwap');
  assert.equal((await f.sessionOf(cookie))?.tokens.refreshToken, 'refresh-2');
  const waiting = other.sessionOf(cookie);
  await new Promise((resolve) => setTimeout(resolve, 80));
  assert.equal(f.provider.refreshes.length, 1);
  store.fail();
  clock.advance(2100);
  assert.equal((await waiting)?.tokens.refreshToken, 'refresh-2');
  assert.equal(f.provider.refreshes.length, 1);
  await Promise.all([f.sessions.close(), other.sessions.close()]);
});

test('LO-025: a logout at the provider during a refresh on another node: nothing comes back, the new token is revoked', async () => {
  const { nodes, clock, provider, shared, close } = createFleet(2, { isAsync: true });
  const [a, b] = nodes as [Fixture, Fixture];
  const { session, cookie } = await a.signIn('alice', { lifetime: minute, claims: { sid: 'one' } });
  assert.ok(await b.sessionOf(cookie));
  const { promise, resolve } = Promise.withResolvers<void>();
  provider.script(async () => {
    await promise;
    return provider.renewed();
  });
  clock.advance(2 * minute);
  const waiting = a.authenticate(cookie);
  await until(() => provider.refreshes.length === 1);
  const logout = { provider: 'main', subject: null, sid: 'one', issuedAt: Math.floor(clock.now() / 1000) };
  assert.equal(await b.sessions.directory.endByProvider(logout, 'backchannel-logout'), 1);
  resolve();
  assert.equal((await waiting).kind, 'rejected');
  await turns();
  assert.equal(await shared.memory.get(session.key), null);
  assert.deepEqual((await b.sessions.directory.list({ subject: 'alice' })).sessions, []);
  assert.deepEqual(provider.revoked, ['refresh-2']);
  for (const node of nodes) assert.equal(await node.sessionOf(cookie), null);
  await close();
});

test('FL-068: a thousand sessions that expire in the same second: the provider gets a bounded number of calls at a time', async () => {
  const f = createSessionFixture();
  const begun = await Promise.all(
    Array.from({ length: 1000 }, (_, i) => f.signIn(`person-${i}`, { lifetime: 5 * minute })),
  );
  let atOnce = 0;
  let most = 0;
  f.provider.script(async () => {
    atOnce += 1;
    most = Math.max(most, atOnce);
    await turns(1);
    atOnce -= 1;
    return f.provider.renewed();
  });
  f.clock.advance(4 * minute + 30 * second);
  for (const { cookie } of begun) assert.ok(!(f.sessions.authenticate(headWith(cookie)) instanceof Promise));
  await until(() => atOnce === 0);
  assert.ok(f.provider.refreshes.length <= 64, 'nobody waits for these: what is too much comes later');
  f.clock.advance(minute);
  const answers = await Promise.all(begun.map(({ cookie }) => f.sessionOf(cookie)));
  assert.ok(
    answers.every((session) => session !== null && session.tokens.accessTokenExpiresAt > f.clock.now()),
  );
  assert.ok(most <= 64, `${most} at once`);
  assert.equal(f.provider.refreshes.length, 1000);
  await f.sessions.close();
});

for (const jump of [60 * minute, -60 * minute, 24 * 60 * minute, -24 * 60 * minute]) {
  test(`FL-050: after the wall clock jumped by ${jump / minute} min a failed try or a dead node keeps nobody out for long`, async () => {
    const f = createSessionFixture({ config: { idleTimeout: '48h', absoluteTimeout: '72h' } });
    const { session, cookie } = await f.signIn('alice', { lifetime: minute });
    f.clock.advance(2 * minute);
    f.provider.script(down, () => f.provider.renewed());
    await assert.rejects(f.authenticate(cookie));
    f.clock.jumpTo(f.clock.now() + jump);
    f.clock.advance(7 * minute);
    assert.ok(await f.sessionOf(cookie), session.logId);
    await turns();
    assert.equal((await f.sessionOf(cookie))?.tokens.refreshToken, 'refresh-2');
    await f.sessions.close();
  });
}

test('FL-005: a record that comes from behind does not make a node use an old refresh token', async () => {
  const { nodes, clock, provider, shared, close } = createFleet(1, { config: { idleTimeout: '2h' } });
  const [a] = nodes as [Fixture];
  const { session, cookie } = await a.signIn('alice', { lifetime: minute });
  const before = await shared.memory.get(session.key);
  clock.advance(2 * minute);
  assert.equal((await a.sessionOf(cookie))?.tokens.refreshToken, 'refresh-2');
  const get = shared.memory.get.bind(shared.memory);
  Object.assign(shared.memory, { get: (key: string) => (key === session.key ? before : get(key)) });
  clock.advance(61 * minute - 1);
  assert.ok(await a.sessionOf(cookie));
  assert.deepEqual(
    provider.refreshes.map(({ tokens }) => tokens.refreshToken),
    ['refresh-1', 'refresh-2'],
  );
  await close();
});
