/** The idle and the absolute limit, whatever the clock, the cache and long-lived connections do. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SessionEndReason } from '../../src/core/session.ts';
import { createMemoryStore } from '../../src/stores/memory-store.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createFaultyStore } from '../support/faulty-store.ts';
import { createSessionFixture, headWith, until } from '../support/session-fixture.ts';

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const config = { idleTimeout: '30m', absoluteTimeout: '12h' };
const longToken = { lifetime: 100 * hour };

/** The same sessions in a process that has just started: nothing in its memory. */
const restarted = (f: ReturnType<typeof createSessionFixture>) =>
  createSessionFixture({ config, clock: f.clock, store: f.store, keyRing: f.keyRing, provider: f.provider });

test('SC-017: a session that was idle for a second less than the limit goes on, a second more ends it', async () => {
  const f = createSessionFixture({ config });
  const { session, cookie } = await f.signIn('alice', longToken);
  for (let round = 0; round < 3; round += 1) {
    f.clock.advance(30 * minute - second);
    assert.ok(await f.sessionOf(cookie), `round ${round}`);
    // Activity is written in the background.
    await new Promise((resolve) => setImmediate(resolve));
  }
  f.clock.advance(30 * minute + second);
  const answer = await f.authenticate(cookie);
  assert.equal(answer.kind === 'rejected' && answer.reason, 'idle');
  assert.deepEqual(f.named('session.ended'), [{ session: session.logId, reason: 'idle' }]);
  assert.equal(await f.sessionOf(cookie), null);
  await f.sessions.close();
});

test('SC-017: the limits hold for a session that is read from the store, and it never ends late', async () => {
  const f = createSessionFixture({ config });
  const { cookie } = await f.signIn('alice', longToken);
  f.clock.advance(30 * minute - second);
  assert.ok(await restarted(f).sessionOf(cookie));
  f.clock.advance(30 * minute + second);
  assert.equal(await restarted(f).sessionOf(cookie), null);
});

test('activity outlives a restart to within a minute', async () => {
  const f = createSessionFixture({ config });
  const { cookie } = await f.signIn('alice', longToken);
  for (let i = 0; i < 100; i += 1) {
    f.clock.advance(30 * second);
    assert.ok(await f.sessionOf(cookie));
  }
  f.clock.advance(28 * minute);
  assert.ok(await restarted(f).sessionOf(cookie));
});

test('sliding is written down now and then, not for every request', async () => {
  const clock = createFakeClock();
  const store = createFaultyStore(createMemoryStore({ clock }));
  const f = createSessionFixture({ config, clock, store });
  const { cookie } = await f.signIn('alice', longToken);
  const read = store.calls.get('get') ?? 0;
  for (let i = 0; i < 600; i += 1) {
    clock.advance(second);
    assert.ok(await f.sessionOf(cookie));
  }
  assert.ok((store.calls.get('compareAndSwap') ?? 0) <= 10);
  assert.equal(store.calls.get('get') ?? 0, read);
  await f.sessions.close();
});

test('SC-018: constant activity and refresh do not carry a session past its absolute limit', async () => {
  const f = createSessionFixture({ config });
  const { session, cookie } = await f.signIn('alice', { lifetime: 5 * minute });
  f.provider.script(() => f.provider.renewed({ lifetime: 5 * minute }));
  let lived = 0;
  for (; lived < 24 * 60 && (await f.sessionOf(cookie)) !== null; lived += 1) f.clock.advance(minute);
  assert.equal(lived, 12 * 60);
  assert.ok(f.provider.refreshes.length > 100);
  assert.deepEqual(f.named('session.ended'), [{ session: session.logId, reason: 'absolute' }]);
  await until(() => f.store.get(session.key) === null);
  await f.sessions.close();
});

test('SC-019: requests that ask not to slide do not keep a session alive', async () => {
  const f = createSessionFixture({ config });
  const { cookie } = await f.signIn('alice', longToken);
  for (let i = 0; i < 29; i += 1) {
    f.clock.advance(minute);
    assert.ok(await f.sessionOf(cookie, false));
  }
  f.clock.advance(minute);
  assert.equal(await f.sessionOf(cookie, false), null);
  await f.sessions.close();
});

test('SC-019: a session tells when it ends, and that moves with activity', async () => {
  const f = createSessionFixture({ config });
  const { session, cookie } = await f.signIn('alice', longToken);
  assert.equal(session.expiresAt, f.clock.now() + 30 * minute);
  f.clock.advance(10 * second);
  assert.equal((await f.sessionOf(cookie, false))?.expiresAt, session.expiresAt);
  assert.equal((await f.sessionOf(cookie))?.expiresAt, session.expiresAt + 10 * second);
  f.clock.advance(12 * hour - 10 * second);
  assert.equal(session.absoluteExpiresAt, f.clock.now());
  await f.sessions.close();
});

test('SC-021: a snapshot that was judged stays as it was when the session ends; the next request is refused', async () => {
  const f = createSessionFixture({ config });
  const { cookie } = await f.signIn('alice', longToken);
  const judged = await f.sessionOf(cookie);
  const before = JSON.stringify(judged);
  f.clock.advance(31 * minute);
  assert.equal(await f.sessionOf(cookie), null);
  assert.equal(JSON.stringify(judged), before);
  await f.sessions.close();
});

test('SC-017: a session that another process sees in use does not end as idle in this one', async () => {
  const f = createSessionFixture({ config });
  const { session, cookie } = await f.signIn('alice', longToken);
  const told: string[] = [];
  f.sessions.hold(session, (why) => told.push(why));
  const other = restarted(f);
  for (let i = 0; i < 8; i += 1) {
    f.clock.advance(5 * minute);
    assert.ok(await other.sessionOf(cookie));
    // Activity is written in the background.
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  assert.ok(await f.sessionOf(cookie));
  assert.deepEqual(told, []);
  f.clock.advance(31 * minute);
  assert.equal(await other.sessionOf(cookie), null);
  await until(() => told.length === 1);
  await Promise.all([f.sessions.close(), other.sessions.close()]);
});

const endings: Readonly<
  Record<
    SessionEndReason & ('logout' | 'idle' | 'absolute' | 'replaced'),
    (f: ReturnType<typeof createSessionFixture>, cookie: string) => unknown
  >
> = {
  logout: async (f, cookie) => f.sessions.end((await f.sessionOf(cookie))!, 'logout'),
  idle: (f) => f.clock.advance(30 * minute),
  absolute: async (f, cookie) => {
    for (let i = 0; i < 12 * 4; i += 1) {
      f.clock.advance(15 * minute);
      if (i < 47) assert.ok(await f.sessionOf(cookie));
    }
  },
  replaced: (f, cookie) => f.sessions.begin(headWith(cookie), 'main', f.provider.signIn('bob')),
};
for (const [reason, end] of Object.entries(endings)) {
  test(`HP-108: what holds on to a session is told once and soon when it ends (${reason})`, async () => {
    const f = createSessionFixture({ config });
    const { session, cookie } = await f.signIn('alice', longToken);
    const told: string[] = [];
    f.sessions.hold(session, (why) => told.push(why));
    f.sessions.hold(session, (why) => told.push(why));
    const letGo = f.sessions.hold(session, () => told.push('let go'));
    letGo();
    letGo();
    await end(f, cookie);
    await until(() => told.length > 0, 1000);
    await new Promise((resolve) => setTimeout(resolve, 60));
    assert.deepEqual(told, [reason, reason]);
    await f.sessions.close();
  });
}

test('HP-108: a connection that takes hold just after the session ended is told as well', async () => {
  const f = createSessionFixture({ config });
  const { session } = await f.signIn();
  await f.sessions.end(session, 'logout');
  const told: string[] = [];
  f.sessions.hold(session, (why) => told.push(why));
  await until(() => told.length === 1, 1000);
  assert.deepEqual(told, ['logout']);
  await f.sessions.close();
});

test('HP-108: a listener that throws keeps neither the logout nor the other listeners from their way', async () => {
  const f = createSessionFixture({ config });
  const { session } = await f.signIn();
  const told: string[] = [];
  f.sessions.hold(session, () => {
    throw new Error('a socket that is gone');
  });
  f.sessions.hold(session, (why) => told.push(why));
  await f.sessions.end(session, 'logout');
  assert.deepEqual(told, ['logout']);
  await f.sessions.close();
});

test('a connection that is held open is not activity; requests beside it are', async () => {
  const f = createSessionFixture({ config: { ...config, cacheSize: 1 } });
  const { session, cookie } = await f.signIn('alice', longToken);
  const told: string[] = [];
  f.sessions.hold(session, (why) => told.push(why));
  await f.signIn('bob', longToken);
  f.clock.advance(29 * minute);
  assert.ok(await f.sessionOf(cookie));
  f.clock.advance(29 * minute);
  await new Promise((resolve) => setTimeout(resolve, 60));
  assert.deepEqual(told, []);
  f.clock.advance(minute);
  await until(() => told.length === 1, 1000);
  await f.sessions.close();
});

const jumps = { '+1 h': hour, '-1 h': -hour, '+1 day': 24 * hour, '-1 day': -24 * hour };
for (const [what, by] of Object.entries(jumps)) {
  test(`FL-050: the wall clock jumps ${what}: no session outlives its limits from then on, and no refresh storm`, async () => {
    const f = createSessionFixture({ config });
    const { cookie } = await f.signIn('alice', { lifetime: 5 * minute });
    await f.sessionOf(cookie);
    f.clock.jumpTo(f.clock.now() + by);
    for (let i = 0; i < 200; i += 1) await f.sessionOf(cookie);
    assert.ok(f.provider.refreshes.length <= 1);
    let lived = 0;
    for (; lived < 14 * 60 && (await f.sessionOf(cookie)) !== null; lived += 1) f.clock.advance(minute);
    assert.ok(lived <= 13 * 60, `${lived} minutes`);
    assert.equal(await f.sessionOf(cookie), null);
    await f.sessions.close();
  });
}

for (const [what, time] of Object.entries({ 1970: 0, 2040: Date.UTC(2040, 0, 1) })) {
  test(`FL-050: the wall clock goes to ${what} and back: sessions begin and end, the store takes every time`, async () => {
    const f = createSessionFixture({ config });
    const start = f.clock.now();
    const { cookie } = await f.signIn('alice', longToken);
    f.clock.jumpTo(time);
    await f.sessionOf(cookie);
    const meanwhile = await f.signIn('bob', longToken);
    assert.ok(await f.sessionOf(meanwhile.cookie));
    f.clock.advance(31 * minute);
    assert.equal(await f.sessionOf(meanwhile.cookie), null);
    assert.equal(await f.sessionOf(cookie), null);
    f.clock.jumpTo(start + 13 * hour);
    assert.equal(await f.sessionOf(cookie), null);
    assert.ok(await f.sessionOf((await f.signIn('carol', longToken)).cookie));
    await f.sessions.close();
  });
}

test('FL-050: held connections end even when the wall clock went back', async () => {
  const f = createSessionFixture({ config });
  const { session } = await f.signIn('alice', longToken);
  const told: string[] = [];
  f.sessions.hold(session, (why) => told.push(why));
  f.clock.jumpTo(f.clock.now() - 24 * hour);
  await new Promise((resolve) => setTimeout(resolve, 60));
  assert.deepEqual(told, []);
  f.clock.advance(30 * minute);
  await until(() => told.length === 1, 1000);
  await f.sessions.close();
});

test('FL-052: no timer is set for the time a session has left', async (context) => {
  const delays: number[] = [];
  const { setTimeout: realTimeout, setInterval: realInterval } = globalThis;
  context.mock.method(globalThis, 'setTimeout', ((work: () => void, delay: number) => {
    delays.push(delay);
    return realTimeout(work, delay);
  }) as never);
  context.mock.method(globalThis, 'setInterval', ((work: () => void, delay: number) => {
    delays.push(delay);
    return realInterval(work, delay);
  }) as never);
  const f = createSessionFixture({ config: { idleTimeout: '60d', absoluteTimeout: '400d' } });
  const { session, cookie } = await f.signIn('alice', { lifetime: 90 * 24 * hour });
  const told: string[] = [];
  f.sessions.hold(session, (why) => told.push(why));
  f.clock.advance(59 * 24 * hour);
  assert.ok(await f.sessionOf(cookie));
  assert.deepEqual(told, []);
  assert.ok(delays.every((delay) => delay <= 60_000));
  await f.sessions.close();
});
