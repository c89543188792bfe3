/** The same sessions on several nodes: caches follow the store, and an end anywhere is an end everywhere. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { test } from 'node:test';
import { SallyportError } from '../../src/core/errors.ts';
import { createKeyRing } from '../../src/keys/create-key-ring.ts';
import { createMemoryStore } from '../../src/stores/memory-store.ts';
import { createSqliteStore } from '../../src/stores/sqlite-store.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createFaultyStore } from '../support/faulty-store.ts';
import { createFleet, createSessionFixture, headWith, until } from '../support/session-fixture.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const second = 1000;
const minute = 60 * second;
const turns = async (count = 4) => {
  for (let i = 0; i < count; i += 1) await new Promise((resolve) => setImmediate(resolve));
};
const heads = { slide: true } as const;

for (const isAsync of [false, true]) {
  const kind = isAsync ? 'a store over the network' : 'a store on this machine';

  test(`LO-048: a session that one node ends is refused by the others at once, with ${kind}`, async () => {
    const { nodes, close } = createFleet(3, { isAsync });
    const [a, b, c] = nodes as [(typeof nodes)[0], (typeof nodes)[0], (typeof nodes)[0]];
    const { session, cookie } = await a.signIn();
    for (const node of nodes) assert.ok(await node.sessionOf(cookie));
    const told: string[] = [];
    b.sessions.hold(session, (why) => told.push(why));
    await c.sessions.end(session, 'logout');
    await turns(6);
    assert.deepEqual(told, ['elsewhere']);
    for (const node of nodes) assert.equal(await node.sessionOf(cookie), null);
    assert.equal(nodes.flatMap((node) => node.named('session.ended')).length, 1, 'told of by one node');
    await close();
  });

  test(`SC-003: groups that changed with a refresh on one node count on the others at once, with ${kind}`, async () => {
    const { nodes, clock, provider, close } = createFleet(2, { isAsync });
    const [a, b] = nodes as [(typeof nodes)[0], (typeof nodes)[0]];
    const { cookie } = await a.signIn('alice', { lifetime: minute });
    assert.ok(await b.sessionOf(cookie));
    provider.script(() => provider.renewed({ claims: { sub: 'alice', groups: ['none'] } }));
    clock.advance(2 * minute);
    assert.deepEqual((await a.sessionOf(cookie))?.identity.claims.groups, ['none']);
    await turns(6);
    assert.deepEqual((await b.sessionOf(cookie))?.identity.claims.groups, ['none']);
    assert.equal(provider.refreshes.length, 1);
    await close();
  });

  test(`while the store cannot tell of changes every request reads its session, with ${kind}`, async () => {
    const { nodes, stores, close } = createFleet(2, { isAsync });
    const [a, b] = nodes as [(typeof nodes)[0], (typeof nodes)[0]];
    const { session, cookie } = await a.signIn();
    assert.ok(await b.sessionOf(cookie));
    stores[1]?.lose();
    for (let i = 0; i < 3; i += 1) {
      stores[1]?.resetCounts();
      assert.ok(await b.sessionOf(cookie));
      assert.equal(stores[1]?.calls.get('get'), 1);
    }
    await a.sessions.end(session, 'logout');
    assert.equal(await b.sessionOf(cookie), null);
    await close();
  });

  test(`when the store tells again each session is read once before it is used, with ${kind}`, async () => {
    const { nodes, stores, close } = createFleet(2, { isAsync });
    const [a, b] = nodes as [(typeof nodes)[0], (typeof nodes)[0]];
    const kept = await a.signIn('alice');
    const ended = await a.signIn('bob');
    for (const { cookie } of [kept, ended]) assert.ok(await b.sessionOf(cookie));
    stores[1]?.lose();
    await a.sessions.end(ended.session, 'logout');
    stores[1]?.regain();
    stores[1]?.resetCounts();
    assert.equal(await b.sessionOf(ended.cookie), null);
    for (let i = 0; i < 3; i += 1) assert.ok(await b.sessionOf(kept.cookie));
    assert.equal(stores[1]?.calls.get('get'), 2);
    await close();
  });

  test(`LO-048: what is held on a node that cannot be told ends within a second or two, with ${kind}`, async () => {
    const { nodes, stores, close } = createFleet(2, { isAsync });
    const [a, b] = nodes as [(typeof nodes)[0], (typeof nodes)[0]];
    const { session, cookie } = await a.signIn();
    assert.ok(await b.sessionOf(cookie));
    const told: string[] = [];
    b.sessions.hold(session, (why) => told.push(why));
    stores[1]?.lose();
    await a.sessions.end(session, 'logout');
    await until(() => told.length === 1);
    assert.deepEqual(told, ['elsewhere']);
    await close();
  });
}

test('a session that is known costs no call to the store, also after a look by another node', async () => {
  const { nodes, stores, close } = createFleet(2);
  const [a, b] = nodes as [(typeof nodes)[0], (typeof nodes)[0]];
  const { cookie } = await a.signIn();
  assert.ok(await b.sessionOf(cookie));
  for (const store of stores) store.resetCounts();
  for (let i = 0; i < 100; i += 1) {
    for (const node of [a, b]) {
      const answer = node.sessions.authenticate(headWith(cookie));
      assert.ok(!(answer instanceof Promise) && answer.kind === 'session');
    }
  }
  for (const store of stores) assert.deepEqual([...store.calls], []);
  await close();
});

test('LO-048, SC-023: two processes on one SQLite file see what the other ends, within a second', async (context) => {
  const path = join(temporaryFolder(context), 'sessions.db');
  const clock = createFakeClock();
  const stores = [createSqliteStore({ path }, { clock }), createSqliteStore({ path }, { clock })] as const;
  const a = createSessionFixture({ clock, store: stores[0] });
  const b = createSessionFixture({ ...a.shared, store: stores[1] });
  const own = [await a.signIn('alice'), await a.signIn('alice')];
  const bob = await b.signIn('bob');
  const told: string[] = [];
  for (const { cookie, session } of own) {
    assert.ok(await b.sessionOf(cookie));
    b.sessions.hold(session, (why) => told.push(why));
  }
  assert.equal(
    await a.sessions.directory.end({ provider: 'main', subject: 'alice' }, { reason: 'operator' }),
    2,
  );
  await until(() => told.length === 2, 1000);
  for (const { cookie } of own) assert.equal(await b.sessionOf(cookie), null);
  assert.ok(await a.sessionOf(bob.cookie));
  await Promise.all([a.sessions.close(), b.sessions.close()]);
  for (const store of stores) await store.close();
});

test('requests that do not slide see an end elsewhere as well', async () => {
  const { nodes, close } = createFleet(2);
  const [a, b] = nodes as [(typeof nodes)[0], (typeof nodes)[0]];
  const { session, cookie } = await a.signIn();
  assert.ok(await b.sessionOf(cookie, false));
  await a.sessions.end(session, 'logout');
  await turns();
  assert.equal(await b.sessionOf(cookie, false), null);
  await close();
});

test('a change that comes during a read is read as well: the first answer is not trusted for long', async () => {
  const clock = createFakeClock();
  const memory = createMemoryStore({ clock });
  const store = createFaultyStore(memory);
  const watched = { changed: (_key: string) => {} };
  const f = createSessionFixture({
    clock,
    store: { ...store, watch: (_prefix, watcher) => Object.assign(watched, { changed: watcher.changed }) },
  });
  const { session, cookie } = await f.signIn();
  const letGo = store.hold('get');
  watched.changed(session.key);
  const waiting = f.sessionOf(cookie);
  // The first read has its answer already and has not told it: what it says is older than this.
  memory.delete(session.key);
  watched.changed(session.key);
  const later = f.sessionOf(cookie);
  letGo();
  assert.equal(await later, null);
  await waiting;
  assert.equal(await f.sessionOf(cookie), null);
  await f.sessions.close();
});

test('a change that comes during the first read of a session is not missed', async () => {
  const clock = createFakeClock();
  const memory = createMemoryStore({ clock });
  const store = createFaultyStore(memory);
  const watched = { changed: (_key: string) => {} };
  const one = createSessionFixture({ clock, store: memory });
  const { session, cookie } = await one.signIn();
  const f = createSessionFixture({
    ...one.shared,
    store: { ...store, watch: (_prefix, watcher) => Object.assign(watched, { changed: watcher.changed }) },
  });
  const letGo = store.hold('get');
  const waiting = f.sessionOf(cookie);
  memory.delete(session.key);
  watched.changed(session.key);
  letGo();
  await waiting;
  assert.equal(await f.sessionOf(cookie), null);
  await Promise.all([f.sessions.close(), one.sessions.close()]);
});

test('FL-001: while the store is lost and fails, a cached session is a 503 too, and what is held stays open', async () => {
  const clock = createFakeClock();
  const store = createFaultyStore(createMemoryStore({ clock }));
  const watched = { lost: () => {}, regained: () => {} };
  const f = createSessionFixture({
    clock,
    store: { ...store, watch: (_prefix, watcher) => Object.assign(watched, watcher) },
  });
  const { session, cookie } = await f.signIn();
  const told: string[] = [];
  f.sessions.hold(session, (why) => told.push(why));
  watched.lost();
  store.fail('get');
  for (let i = 0; i < 3; i += 1) {
    assert.throws(
      () => f.sessions.authenticate(headWith(cookie)),
      (error) => error instanceof SallyportError && error.status === 503 && error.retryAfter !== null,
    );
  }
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.deepEqual(told, []);
  store.fail();
  watched.regained();
  assert.ok(await f.sessionOf(cookie));
  clock.advance(31 * minute);
  await until(() => told.length === 1);
  assert.deepEqual(told, ['idle'], 'limits count all the while');
  await f.sessions.close();
});

test('thousands of changes at once neither block the process nor flood the store', async () => {
  const { nodes, stores, shared, close } = createFleet(2, { isAsync: true });
  const [a, b] = nodes as [(typeof nodes)[0], (typeof nodes)[0]];
  const begun = await Promise.all(Array.from({ length: 2000 }, (_, i) => a.signIn(`person-${i}`)));
  await Promise.all(begun.map(({ cookie }) => b.sessionOf(cookie)));
  let ended = 0;
  for (const { session } of begun) b.sessions.hold(session, () => (ended += 1));
  stores[1]?.resetCounts();
  let inFlight = 0;
  let most = 0;
  const get = shared.memory.get.bind(shared.memory);
  Object.assign(shared.memory, {
    get(key: string) {
      inFlight += 1;
      most = Math.max(most, inFlight);
      setImmediate(() => (inFlight -= 1));
      return get(key);
    },
  });
  await a.sessions.directory.end({}, { reason: 'operator' });
  await until(() => ended === 2000);
  assert.ok(most <= 64, `${most} reads at once`);
  assert.ok((stores[1]?.calls.get('get') ?? 0) <= 2100);
  await close();
});

test('an older answer of a store that is behind takes nothing back, and the store gets what is newer', async () => {
  const { nodes, stores, clock, provider, shared, close } = createFleet(1);
  const [a] = nodes as [(typeof nodes)[0]];
  const { session, cookie } = await a.signIn('alice', { lifetime: minute });
  const before = await shared.memory.get(session.key);
  assert.ok(before?.label);
  clock.advance(2 * minute);
  assert.equal((await a.sessionOf(cookie))?.tokens.refreshToken, 'refresh-2');
  // As after a failover that lost the last writes: an older version is all there is.
  const { memory } = shared;
  const swap = memory.compareAndSwap.bind(memory);
  let rolledBack = true;
  Object.assign(memory, {
    get: (key: string) => (rolledBack && key === session.key ? before : null),
    compareAndSwap(key: string, version: number, entry: Parameters<typeof swap>[2]) {
      if (key === session.key && rolledBack && version !== before.version) return null;
      if (key !== session.key) return swap(key, version, entry);
      rolledBack = false;
      return memory.set(key, entry);
    },
  });
  stores[0]?.regain();
  assert.equal((await a.sessionOf(cookie))?.tokens.refreshToken, 'refresh-2', 'FL-005');
  await until(() => !rolledBack);
  assert.equal((await a.sessionOf(cookie))?.tokens.refreshToken, 'refresh-2');
  assert.equal(provider.refreshes.length, 1);
  await close();
});

test('SC-014, SC-015: when a key is dropped, what it sealed is refused and what was sealed anew goes on', async () => {
  const [old, next] = [randomBytes(32), randomBytes(32)] as const;
  const clock = createFakeClock();
  const store = createMemoryStore({ clock });
  const before = createSessionFixture({ clock, store, keyRing: createKeyRing([old]) });
  const [active, asleep] = [await before.signIn('alice'), await before.signIn('bob')];
  const keyRing = createKeyRing([next, old]);
  const f = createSessionFixture({ ...before.shared, keyRing });
  assert.ok(await f.sessionOf(active.cookie));
  await turns();
  const told: string[] = [];
  f.sessions.hold(asleep.session, (why) => told.push(why));
  keyRing.replace([next]);
  f.sessions.reverify();
  assert.ok(await f.sessionOf(active.cookie), 'sealed anew under the first key when it was used');
  const refused = await f.authenticate(asleep.cookie);
  assert.equal(refused.kind === 'rejected' && refused.reason, 'unknown-key');
  assert.notEqual(await store.get(asleep.session.key), null, 'another node may still open it');
  await Promise.all([f.sessions.close(), before.sessions.close()]);
});

test('SC-015: a session that is cached and held ends here when its key is dropped, and opens again when it is back', async () => {
  const [old, next] = [randomBytes(32), randomBytes(32)] as const;
  const keyRing = createKeyRing([old]);
  const f = createSessionFixture({ keyRing });
  const { session, cookie } = await f.signIn();
  const free = await f.signIn();
  const told: string[] = [];
  f.sessions.hold(session, (why) => told.push(why));
  keyRing.replace([next]);
  f.sessions.reverify();
  const refused = await f.authenticate(free.cookie);
  assert.deepEqual(
    refused.kind === 'rejected' && refused.setCookies,
    [],
    'the cookie stays: another node has the key',
  );
  await until(() => told.length === 1);
  assert.deepEqual(told, ['unreadable']);
  assert.equal(await f.sessionOf(cookie), null);
  keyRing.replace([next, old]);
  for (const one of [cookie, free.cookie]) assert.ok(await f.sessionOf(one));
  await f.sessions.close();
});

test('FL-051: nodes half a minute apart share sessions', async () => {
  const start = Date.UTC(2030, 0, 1);
  const [behind, ahead] = [createFakeClock(start - 30 * second), createFakeClock(start + 30 * second)];
  const store = createMemoryStore({ clock: createFakeClock(start) });
  const a = createSessionFixture({ clock: ahead, store });
  const b = createSessionFixture({ ...a.shared, clock: behind, provider: a.provider });
  const first = await a.signIn('alice', { lifetime: 5 * minute });
  const other = await b.signIn('bob', { lifetime: 5 * minute });
  for (const node of [a, b]) {
    assert.ok(await node.sessionOf(first.cookie));
    assert.ok(await node.sessionOf(other.cookie));
  }
  await Promise.all([a.sessions.close(), b.sessions.close()]);
});

test('FL-010: a sign-in whose answer never arrives leaves a record that expires, and the next one works', async () => {
  const f = createSessionFixture();
  const { session } = await f.signIn();
  const next = await f.signIn();
  assert.ok(await f.sessionOf(next.cookie));
  f.clock.advance(34 * minute);
  assert.equal(await f.store.get(session.key), null);
  await f.sessions.close();
});

test('a hold on a session that has ended already is told at once, and one on a session that nobody caches is checked', async () => {
  const { nodes, close } = createFleet(2, { config: { cacheSize: 1 } });
  const [a, b] = nodes as [(typeof nodes)[0], (typeof nodes)[0]];
  const { session, cookie } = await a.signIn();
  assert.ok(await b.sessionOf(cookie));
  assert.ok(await b.sessionOf((await a.signIn('bob')).cookie), 'pushes alice out of the cache');
  await a.sessions.end(session, 'logout');
  await turns();
  const told: string[] = [];
  b.sessions.hold(session, (why) => told.push(why));
  a.sessions.hold(session, (why) => told.push(why));
  await turns();
  assert.deepEqual(told.sort(), ['elsewhere', 'logout']);
  await close();
});

test('a held session is never pushed out of the cache', async () => {
  const f = createSessionFixture({ config: { cacheSize: 2 } });
  const { session, cookie } = await f.signIn();
  const told: string[] = [];
  f.sessions.hold(session, (why) => told.push(why));
  for (let i = 0; i < 50; i += 1) await f.signIn(`other-${i}`);
  assert.ok(!(f.sessions.authenticate(headWith(cookie), heads) instanceof Promise));
  await f.sessions.end(session, 'logout');
  assert.deepEqual(told, ['logout']);
  await f.sessions.close();
});
