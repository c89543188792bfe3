/** Ends that come in the middle of beginnings, clocks of the store that go back, stores that fell behind. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTombstones } from '../../src/sessions/tombstones.ts';
import { createMemoryStore } from '../../src/stores/memory-store.ts';
import type { Entry, Store } from '../../src/stores/store.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createFaultyStore } from '../support/faulty-store.ts';
import { createFleet, createSessionFixture, type Fixture } from '../support/session-fixture.ts';

const second = 1000;
const minute = 60 * second;
const turns = async (count = 6) => {
  for (let i = 0; i < count; i += 1) await new Promise((resolve) => setImmediate(resolve));
};

test('LO-024: a session that an operator ends while it begins is no session, not even in the process that began it', async () => {
  const clock = createFakeClock();
  const store = createFaultyStore(createMemoryStore({ clock }));
  const f = createSessionFixture({ clock, store });
  // The record is written, and the answers about logouts are still on their way.
  const letGo = store.hold('get');
  const signingIn = f.signIn('alice');
  await turns();
  assert.equal(
    await f.sessions.directory.end({ provider: 'main', subject: 'alice' }, { reason: 'operator' }),
    1,
  );
  letGo();
  const { cookie } = await signingIn;
  assert.equal(await f.sessionOf(cookie), null);
  assert.equal(await store.count('s:'), 0);
  await f.sessions.close();
});

/** Locks and records of this store get versions of an hour ago from now on, as of a server whose clock went back. */
function turnBack(store: Store): Store {
  const behind = 3_600_000_000;
  const lower = (key: string, version: number | null) =>
    version !== null && key.startsWith('l:') ? version - behind : version;
  const higher = (key: string, version: number) => (key.startsWith('l:') ? version + behind : version);
  return {
    ...store,
    addIfAbsent: async (key: string, entry: Entry) => lower(key, await store.addIfAbsent(key, entry)),
    compareAndSwap: async (key: string, version: number, entry: Entry) =>
      lower(key, await store.compareAndSwap(key, higher(key, version), entry)),
    delete: (key: string, version?: number) =>
      store.delete(key, version === undefined ? undefined : higher(key, version)),
  };
}

test('FL-005, FL-050: tokens of a refresh after the clock of the store went back are taken over by every node', async () => {
  const { nodes, clock, provider, shared, keyRing, close } = createFleet(2, { isAsync: true });
  const [a, b] = nodes as [Fixture, Fixture];
  const { cookie } = await a.signIn('alice', { lifetime: minute });
  provider.script(() => provider.renewed({ lifetime: minute }));
  clock.advance(2 * minute);
  for (const node of [a, b]) assert.equal((await node.sessionOf(cookie))?.tokens.refreshToken, 'refresh-2');
  const later = createSessionFixture({ clock, provider, keyRing, store: turnBack(shared.node()) });
  clock.advance(2 * minute);
  assert.equal((await later.sessionOf(cookie))?.tokens.refreshToken, 'refresh-3');
  await turns();
  for (const node of [a, b]) assert.equal((await node.sessionOf(cookie))?.tokens.refreshToken, 'refresh-3');
  assert.equal(provider.refreshes.length, 2, 'no refresh token was sent twice');
  await Promise.all([close(), later.sessions.close()]);
});

test('FL-005: a store that lost a refresh in a failover and was written to since gets the newer tokens back', async () => {
  const { nodes, clock, shared, close } = createFleet(1);
  const [a] = nodes as [Fixture];
  const { session, cookie } = await a.signIn('alice', { lifetime: 10 * second });
  const before = await shared.memory.get(session.key);
  assert.ok(before?.label);
  clock.advance(11 * second);
  assert.equal((await a.sessionOf(cookie))?.tokens.refreshToken, 'refresh-2');
  // The record of before the refresh, under a version of after it: somebody slid what the failover left.
  await shared.node().set(session.key, { ...before, label: before.label });
  await turns();
  assert.equal((await a.sessionOf(cookie))?.tokens.refreshToken, 'refresh-2');
  await turns();
  const after = createSessionFixture(a.shared);
  assert.equal((await after.sessionOf(cookie))?.tokens.refreshToken, 'refresh-2');
  await Promise.all([close(), after.sessions.close()]);
});

test('tokens that the store could not take are written in the moment it tells again', async () => {
  const clock = createFakeClock();
  const memory = createMemoryStore({ clock });
  const store = createFaultyStore(memory);
  const watched = { lost: () => {}, regained: () => {} };
  const f = createSessionFixture({
    clock,
    store: { ...store, watch: (_prefix, watcher) => Object.assign(watched, watcher) },
  });
  const { session, cookie } = await f.signIn('alice', { lifetime: minute });
  clock.advance(2 * minute);
  f.provider.script(() => {
    watched.lost();
    store.fail('compareAndSwap', 'get');
    return f.provider.renewed();
  });
  await assert.rejects(
    f.authenticate(cookie).then(() => f.authenticate(cookie)),
    {
      code: 'ERR_STORE_UNAVAILABLE',
    },
  );
  store.fail();
  watched.regained();
  await turns();
  const after = createSessionFixture({ ...f.shared, store: memory });
  assert.equal((await after.sessionOf(cookie))?.tokens.refreshToken, 'refresh-2');
  assert.equal((await memory.get(`l:r:${session.key}`)) ?? null, null, 'the lock is free again');
  await Promise.all([f.sessions.close(), after.sessions.close()]);
});

test('LO-024: of two logouts noted at once on two nodes the later one counts, whichever is written last', async () => {
  const clock = createFakeClock();
  const memory = createMemoryStore({ clock });
  const store = createFaultyStore(memory);
  const slow = createTombstones({ store, clock }, 10 * minute);
  const fast = createTombstones({ store: memory, clock }, 10 * minute);
  const iat = Math.floor(clock.now() / 1000);
  const letGo = store.hold('get');
  const laying = slow.lay('tag', iat);
  await fast.lay('tag', iat + 5);
  letGo();
  await laying;
  assert.ok(await fast.covers(['tag'], { startedAt: clock.now() - 1, issuedAt: iat + 3 }));
});

test('FL-051: a node whose clock is behind does not wait out a back-off twice', async () => {
  const start = Date.UTC(2030, 0, 1);
  const clocks = [createFakeClock(start), createFakeClock(start - 30 * second)] as const;
  // The store goes by its own clock, as Redis does.
  const store = createMemoryStore({ clock: clocks[0] });
  const a = createSessionFixture({ clock: clocks[0], store });
  const b = createSessionFixture({ ...a.shared, clock: clocks[1] });
  const advance = (time: number) => {
    for (const clock of clocks) clock.advance(time);
  };
  const { cookie } = await a.signIn('alice', { lifetime: minute });
  assert.ok(await b.sessionOf(cookie));
  advance(2 * minute);
  a.provider.script(() => Promise.reject(new Error('down')));
  for (const node of [a, b]) await assert.rejects(node.authenticate(cookie), { status: 503 });
  assert.equal(a.provider.refreshes.length, 1);
  a.provider.script(() => a.provider.renewed());
  advance(8 * second);
  assert.ok(await b.sessionOf(cookie));
  await Promise.all([a.sessions.close(), b.sessions.close()]);
});

test('LO-032: a session whose sid is as long as a logout may name it is ended by that logout, and listed', async () => {
  const f = createSessionFixture();
  const { directory } = f.sessions;
  for (const sid of ['s'.repeat(257), '€'.repeat(1000)]) {
    const { session, cookie } = await f.signIn('alice', { claims: { sub: 'alice', sid } });
    assert.ok(await f.sessionOf(cookie));
    const { sessions } = await directory.list({ provider: 'main', sid });
    assert.deepEqual(
      sessions.map(({ logId }) => logId),
      [session.logId],
    );
    const logout = { provider: 'main', subject: null, sid, issuedAt: Math.floor(f.clock.now() / 1000) };
    assert.equal(await directory.endByProvider(logout, 'backchannel-logout'), 1);
    assert.equal(await f.sessionOf(cookie), null);
  }
  await f.sessions.close();
});

test('LO-026: the list of a person with thousands of sessions lets others in between', async () => {
  const f = createSessionFixture();
  for (let i = 0; i < 3000; i += 1) await f.signIn('alice');
  let passed = 0;
  let over = false;
  const pass = (): void => {
    passed += 1;
    if (!over) setImmediate(pass);
  };
  setImmediate(pass);
  const { sessions } = await f.sessions.directory.list({ provider: 'main', subject: 'alice' });
  over = true;
  assert.equal(sessions.length, 100);
  assert.ok(passed >= 10, `${passed}`);
  await f.sessions.close();
});
