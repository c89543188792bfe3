/** Refreshing under concurrency, failure and rotation: one call, nothing lost, nothing brought back. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { SallyportError } from '../../src/core/errors.ts';
import { createKeyRing } from '../../src/keys/create-key-ring.ts';
import { createMemoryStore } from '../../src/stores/memory-store.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createFakeProvider } from '../support/fake-provider.ts';
import { createFaultyStore } from '../support/faulty-store.ts';
import { createSessionFixture, headWith, until } from '../support/session-fixture.ts';

const second = 1000;
const minute = 60 * second;
const down = (retryAfter?: number) => () => {
  throw new SallyportError(
    'ERR_PROVIDER_UNAVAILABLE',
    'down',
    retryAfter === undefined ? {} : { retryAfter },
  );
};

/** Two processes over one store. */
function twoNodes() {
  const clock = createFakeClock();
  const provider = createFakeProvider({ clock });
  const shared = {
    clock,
    provider,
    store: createMemoryStore({ clock }),
    keyRing: createKeyRing([randomBytes(32)]),
  };
  return [createSessionFixture(shared), createSessionFixture(shared)] as const;
}

test('FL-060: 500 requests at once on an expired token make one refresh, and all of them get the new token', async () => {
  const f = createSessionFixture();
  const { cookie } = await f.signIn('alice', { lifetime: 5 * minute });
  f.clock.advance(6 * minute);
  const answers = await Promise.all(Array.from({ length: 500 }, () => f.sessionOf(cookie)));
  assert.equal(f.provider.refreshes.length, 1);
  assert.deepEqual([...new Set(answers.map((session) => session?.tokens.accessToken))], ['access-2']);
  assert.equal(f.named('session.refreshed').length, 1);
  await f.sessions.close();
});

test('FL-060: 500 requests at once after a restart make one refresh as well', async () => {
  const [one, other] = twoNodes();
  const { cookie } = await one.signIn('alice', { lifetime: 5 * minute });
  one.clock.advance(6 * minute);
  const answers = await Promise.all(Array.from({ length: 500 }, () => other.sessionOf(cookie)));
  assert.equal(other.provider.refreshes.length, 1);
  assert.ok(answers.every((session) => session?.tokens.accessToken === 'access-2'));
});

test('FL-060: … also when the store answers late', async () => {
  const clock = createFakeClock();
  const store = createFaultyStore(createMemoryStore({ clock }));
  const keyRing = createKeyRing([randomBytes(32)]);
  const provider = createFakeProvider({ clock });
  const { cookie } = await createSessionFixture({ clock, store, keyRing, provider }).signIn('alice', {
    lifetime: minute,
  });
  clock.advance(2 * minute);
  const letGo = store.hold('get');
  const f = createSessionFixture({ clock, store, keyRing, provider });
  const answers = Array.from({ length: 100 }, () => f.sessionOf(cookie));
  letGo();
  assert.ok((await Promise.all(answers)).every((session) => session?.tokens.accessToken === 'access-2'));
  assert.equal(provider.refreshes.length, 1);
});

for (const [lifetime, early, due] of [
  [60 * minute, 59 * minute - 5 * second, 59 * minute + 13 * second],
  [minute, 47 * second, 51 * second],
  [10 * second, 7 * second, 8.5 * second],
] as const) {
  test(`a token of ${lifetime / second} s is renewed shortly before it expires, and nobody waits for it`, async () => {
    const f = createSessionFixture({ config: { idleTimeout: '2h' } });
    const { cookie } = await f.signIn('alice', { lifetime });
    f.clock.advance(early);
    assert.ok(await f.sessionOf(cookie));
    assert.equal(f.provider.refreshes.length, 0);
    f.clock.advance(due - early);
    const answer = f.sessions.authenticate(headWith(cookie));
    assert.ok(!(answer instanceof Promise), 'answers at once');
    assert.equal(answer.kind === 'session' && answer.session.tokens.accessToken, 'access-1');
    await until(() => f.named('session.refreshed').length === 1);
    assert.equal((await f.sessionOf(cookie))?.tokens.accessToken, 'access-2');
    assert.equal(f.provider.refreshes.length, 1);
    await f.sessions.close();
  });
}

test('FL-063: a refresh goes on and is stored when the requests that wait for it go away, and close waits for it', async () => {
  const [f, other] = twoNodes();
  const { cookie } = await f.signIn('alice', { lifetime: 5 * minute });
  const { promise, resolve } = Promise.withResolvers<void>();
  f.provider.script(async () => {
    await promise;
    return f.provider.renewed();
  });
  f.clock.advance(6 * minute);
  void f.sessions.authenticate(headWith(cookie));
  await until(() => f.provider.refreshes.length === 1);
  const closed = f.sessions.close();
  resolve();
  await closed;
  assert.equal((await other.sessionOf(cookie))?.tokens.refreshToken, 'refresh-2');
  assert.equal(f.provider.refreshes.length, 1);
});

test('FL-066: two sessions of one person refresh without regard to each other', async () => {
  const f = createSessionFixture();
  const [a, b] = [
    await f.signIn('alice', { lifetime: minute }),
    await f.signIn('alice', { lifetime: minute }),
  ];
  f.provider.script(({ tokens }) =>
    tokens.refreshToken === 'refresh-1'
      ? { kind: 'rejected', reason: 'invalid-grant' }
      : f.provider.renewed(),
  );
  f.clock.advance(2 * minute);
  const [first, second] = await Promise.all([f.sessionOf(a.cookie), f.sessionOf(b.cookie)]);
  assert.equal(first, null);
  assert.equal(second?.tokens.refreshToken, 'refresh-3');
  await f.sessions.close();
});

test('FL-067: a refresh without a new refresh token keeps the old one; with one it replaces both in one step', async () => {
  const [f, other] = twoNodes();
  const { cookie } = await f.signIn('alice', { lifetime: minute });
  f.provider.script(
    () => f.provider.renewed({ refreshToken: null, lifetime: minute }),
    () => f.provider.renewed({ lifetime: 60 * minute }),
  );
  f.clock.advance(2 * minute);
  const kept = await f.sessionOf(cookie);
  assert.deepEqual([kept?.tokens.accessToken, kept?.tokens.refreshToken], ['access-2', 'refresh-1']);
  f.clock.advance(2 * minute);
  const replaced = await f.sessionOf(cookie);
  assert.deepEqual([replaced?.tokens.accessToken, replaced?.tokens.refreshToken], ['access-3', 'refresh-3']);
  assert.deepEqual((await other.sessionOf(cookie))?.tokens, replaced?.tokens);
  await f.sessions.close();
});

test('SC-003: claims that changed with a refresh count from the next answer on, here and after a restart', async () => {
  const [f, other] = twoNodes();
  const { cookie } = await f.signIn('alice', { lifetime: minute });
  f.provider.script(() => f.provider.renewed({ claims: { sub: 'alice', groups: ['none'] } }));
  f.clock.advance(2 * minute);
  assert.deepEqual((await f.sessionOf(cookie))?.identity.claims, { sub: 'alice', groups: ['none'] });
  assert.deepEqual((await other.sessionOf(cookie))?.identity.claims.groups, ['none']);
  await f.sessions.close();
});

test('FL-020: with the provider down a session with a live token is served, near its expiry too', async () => {
  const f = createSessionFixture();
  const { cookie } = await f.signIn('alice', { lifetime: 5 * minute });
  f.provider.script(down());
  for (let age = 0; age < 299; age += 1) {
    assert.equal((await f.sessionOf(cookie))?.tokens.accessToken, 'access-1', `second ${age}`);
    await new Promise((resolve) => setImmediate(resolve));
    f.clock.advance(second);
  }
  assert.ok(f.provider.refreshes.length >= 5 && f.provider.refreshes.length <= 13);
  await f.sessions.close();
});

test('FL-021: with the provider down and the token expired a request fails with Retry-After, and the session lives on', async () => {
  const f = createSessionFixture();
  const { session, cookie } = await f.signIn('alice', { lifetime: minute });
  f.provider.script(down());
  f.clock.advance(2 * minute);
  for (let i = 0; i < 20; i += 1) {
    await assert.rejects(
      () => f.authenticate(cookie),
      (error) =>
        error instanceof SallyportError &&
        error.code === 'ERR_PROVIDER_UNAVAILABLE' &&
        error.retryAfter !== null &&
        error.retryAfter >= 1 &&
        error.retryAfter <= 7,
    );
  }
  assert.equal(f.provider.refreshes.length, 1, 'the provider is left alone for a while');
  assert.equal(f.named('session.ended').length, 0);
  assert.notEqual(await f.store.get(session.key), null);
  f.provider.script(() => f.provider.renewed());
  f.clock.advance(7 * second);
  assert.equal((await f.sessionOf(cookie))?.tokens.accessToken, 'access-2');
  assert.equal(f.provider.refreshes[1]?.tokens.refreshToken, 'refresh-1');
  await f.sessions.close();
});

test('FL-021: a refresh that fails by a bug is a failure like others, and tells nothing to the client', async () => {
  const f = createSessionFixture();
  const { cookie } = await f.signIn('alice', { lifetime: minute });
  f.provider.script(() => {
    throw new TypeError('secret-token-in-message');
  });
  f.clock.advance(2 * minute);
  await assert.rejects(
    () => f.authenticate(cookie),
    (error) => error instanceof SallyportError && !error.message.includes('secret-token'),
  );
  assert.equal(JSON.stringify(f.events).includes('secret-token'), false);
  await f.sessions.close();
});

test('FL-024: Retry-After of the provider is honoured, requests fail at once meanwhile, and never for hours', async () => {
  const f = createSessionFixture({ config: { idleTimeout: '2h' } });
  const { cookie } = await f.signIn('alice', { lifetime: minute });
  f.provider.script(down(60), down(86_400), () => f.provider.renewed());
  f.clock.advance(2 * minute);
  await assert.rejects(
    () => f.authenticate(cookie),
    (error) => error instanceof SallyportError && error.retryAfter! >= 60,
  );
  f.clock.advance(59 * second);
  assert.throws(() => f.sessions.authenticate(headWith(cookie)), /could not be renewed/);
  assert.equal(f.provider.refreshes.length, 1);
  f.clock.advance(17 * second);
  await assert.rejects(() => f.authenticate(cookie));
  assert.equal(f.provider.refreshes.length, 2);
  f.clock.advance(7 * minute);
  assert.ok(await f.sessionOf(cookie));
  await f.sessions.close();
});

test('FL-025: a refresh answer that was lost is tried again with the old token; invalid_grant then ends the session cleanly', async () => {
  const f = createSessionFixture();
  const { session, cookie } = await f.signIn('alice', { lifetime: minute });
  f.provider.script(down(), () => ({ kind: 'rejected', reason: 'invalid-grant' }));
  f.clock.advance(2 * minute);
  await assert.rejects(() => f.authenticate(cookie));
  f.clock.advance(10 * second);
  const told: string[] = [];
  f.sessions.hold(session, (why) => told.push(why));
  assert.deepEqual(await f.authenticate(cookie), {
    kind: 'rejected',
    reason: 'refresh-rejected',
    setCookies: f.sessions.clearCookies(),
  });
  assert.deepEqual(
    f.provider.refreshes.map((call) => call.tokens.refreshToken),
    ['refresh-1', 'refresh-1'],
  );
  assert.deepEqual(f.named('session.ended'), [{ session: session.logId, reason: 'refresh-rejected' }]);
  assert.deepEqual(told, ['refresh-rejected']);
  assert.equal(await f.store.get(session.key), null);
  await f.sessions.close();
});

test('LO-025: a session that is signed out of during its refresh stays ended, and the new token is revoked', async () => {
  const f = createSessionFixture();
  const { session, cookie } = await f.signIn('alice', { lifetime: minute });
  const { promise, resolve } = Promise.withResolvers<void>();
  f.provider.script(async () => {
    await promise;
    return f.provider.renewed();
  });
  f.clock.advance(2 * minute);
  const waiting = f.authenticate(cookie);
  await until(() => f.provider.refreshes.length === 1);
  await f.sessions.end(session, 'logout');
  resolve();
  const answer = await waiting;
  assert.equal(answer.kind === 'rejected' && answer.reason, 'logout');
  assert.equal(await f.store.get(session.key), null);
  assert.equal(await f.sessionOf(cookie), null);
  assert.deepEqual(f.provider.revoked, ['refresh-2']);
  assert.equal(f.named('session.ended').length, 1);
  await f.sessions.close();
});

test('LO-025: signing out just before the refresh calls the provider spares the call', async () => {
  const f = createSessionFixture();
  const { session, cookie } = await f.signIn('alice', { lifetime: minute });
  f.clock.advance(2 * minute);
  const waiting = f.authenticate(cookie);
  await f.sessions.end(session, 'logout');
  assert.equal((await waiting).kind, 'rejected');
  assert.equal(f.provider.refreshes.length, 0);
  await f.sessions.close();
});

test('LO-025: … also when another process ended it', async () => {
  const [f, other] = twoNodes();
  const { session, cookie } = await f.signIn('alice', { lifetime: minute });
  const told: string[] = [];
  f.sessions.hold(session, (why) => told.push(why));
  const { promise, resolve } = Promise.withResolvers<void>();
  f.provider.script(async () => {
    await promise;
    return f.provider.renewed();
  });
  f.clock.advance(2 * minute);
  const waiting = f.authenticate(cookie);
  await until(() => f.provider.refreshes.length === 1);
  await other.sessions.end(session, 'logout');
  resolve();
  assert.equal((await waiting).kind, 'rejected');
  assert.equal(await f.store.get(session.key), null);
  assert.deepEqual(f.provider.revoked, ['refresh-2']);
  assert.equal(told.length, 1);
  await f.sessions.close();
});

test('LO-048: a session that another process ended is noticed with the next write, within a minute', async () => {
  const [f, other] = twoNodes();
  const { session, cookie } = await f.signIn();
  await other.sessions.end(session, 'logout');
  f.clock.advance(61 * second);
  await f.sessionOf(cookie);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(await f.sessionOf(cookie), null);
  await f.sessions.close();
});

test('LO-024: signing out while a new sign-in replaces the session leaves no trace of the old one', async () => {
  const f = createSessionFixture();
  const { session, cookie } = await f.signIn('alice');
  const [begun] = await Promise.all([
    f.sessions.begin(headWith(cookie), 'main', f.provider.signIn('alice')),
    f.sessions.end(session, 'logout'),
    f.authenticate(cookie),
  ]);
  assert.equal(await f.sessionOf(cookie), null);
  assert.equal(await f.store.get(session.key), null);
  assert.notEqual(await f.store.get(begun.session.key), null);
  assert.equal(f.named('session.ended').length, 1);
  await f.sessions.close();
});

test('FL-005: a token that another process rotated already is taken over, not lost, when ours is refused', async () => {
  const [f, other] = twoNodes();
  const { cookie } = await f.signIn('alice', { lifetime: minute });
  const used = new Set<string | null>();
  f.provider.script(({ tokens }) => {
    if (used.has(tokens.refreshToken)) return { kind: 'rejected', reason: 'invalid-grant' };
    used.add(tokens.refreshToken);
    return f.provider.renewed();
  });
  f.clock.advance(2 * minute);
  assert.equal((await other.sessionOf(cookie))?.tokens.refreshToken, 'refresh-2');
  assert.equal((await f.sessionOf(cookie))?.tokens.refreshToken, 'refresh-2');
  assert.equal(f.named('session.ended').length, 0);
  assert.equal(f.named('session.refresh-failed').length, 0);
  await f.sessions.close();
});

test('FL-005: … also when ours was away for longer than its lease and another process took over', async () => {
  const [f, other] = twoNodes();
  const { cookie } = await f.signIn('alice', { lifetime: minute });
  const { promise, resolve } = Promise.withResolvers<void>();
  f.provider.script(
    async () => {
      await promise;
      return { kind: 'rejected', reason: 'invalid-grant' };
    },
    () => f.provider.renewed(),
  );
  f.clock.advance(2 * minute);
  const waiting = f.sessionOf(cookie);
  await until(() => f.provider.refreshes.length === 1);
  f.clock.advance(4 * second);
  assert.equal((await other.sessionOf(cookie))?.tokens.refreshToken, 'refresh-2');
  resolve();
  assert.equal((await waiting)?.tokens.refreshToken, 'refresh-2');
  assert.equal(f.named('session.ended').length, 0);
  await f.sessions.close();
});

test('FL-062: 50 sessions at a provider that rotates and punishes reuse: none is lost in an hour of two processes', async () => {
  const [f, other] = twoNodes();
  const families = new Map<string, string>();
  const people = Array.from({ length: 50 }, (_, i) => `person-${i}`);
  const sessions = await Promise.all(people.map((person) => f.signIn(person, { lifetime: minute })));
  for (const [i, person] of people.entries())
    families.set(person, sessions[i]!.session.tokens.refreshToken as string);
  f.provider.script(async ({ subject, tokens }) => {
    const valid = families.get(subject) === tokens.refreshToken;
    const outcome = f.provider.renewed({ lifetime: minute });
    if (valid && outcome.kind === 'refreshed') families.set(subject, outcome.tokens.refreshToken as string);
    await new Promise((resolve) => setImmediate(resolve));
    return valid ? outcome : { kind: 'rejected', reason: 'invalid-grant' };
  });
  for (let round = 0; round < 60; round += 1) {
    f.clock.advance(30 * second);
    const node = round % 3 === 0 ? other : f;
    const answers = sessions.flatMap(({ cookie }) => [node.sessionOf(cookie), node.sessionOf(cookie)]);
    assert.ok(
      (await Promise.all(answers)).every((session) => session !== null),
      `round ${round}`,
    );
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  assert.equal(f.named('session.ended').length + other.named('session.ended').length, 0);
  await Promise.all([f.sessions.close(), other.sessions.close()]);
});

test('a rotated token survives a store that is down: served from memory, never evicted, written when the store is back', async () => {
  const clock = createFakeClock();
  const store = createFaultyStore(createMemoryStore({ clock }));
  const shared = {
    clock,
    store,
    keyRing: createKeyRing([randomBytes(32)]),
    provider: createFakeProvider({ clock }),
  };
  const f = createSessionFixture({ ...shared, config: { cacheSize: 2 } });
  const { cookie } = await f.signIn('alice', { lifetime: minute });
  clock.advance(2 * minute);
  store.fail('compareAndSwap');
  assert.equal((await f.sessionOf(cookie))?.tokens.refreshToken, 'refresh-2');
  for (let i = 0; i < 20; i += 1) await f.signIn(`other-${i}`);
  assert.equal((await f.sessionOf(cookie))?.tokens.refreshToken, 'refresh-2');
  store.fail();
  clock.advance(5 * second);
  const before = store.calls.get('compareAndSwap') ?? 0;
  await until(() => (store.calls.get('compareAndSwap') ?? 0) > before);
  await new Promise((resolve) => setImmediate(resolve));
  const other = createSessionFixture(shared);
  assert.equal((await other.sessionOf(cookie))?.tokens.refreshToken, 'refresh-2');
  assert.equal(f.provider.refreshes.length, 1);
  await f.sessions.close();
});

test('FL-040: a rotated token that was not written yet is written at close', async () => {
  const clock = createFakeClock();
  const store = createFaultyStore(createMemoryStore({ clock }));
  const shared = {
    clock,
    store,
    keyRing: createKeyRing([randomBytes(32)]),
    provider: createFakeProvider({ clock }),
  };
  const f = createSessionFixture(shared);
  const { cookie } = await f.signIn('alice', { lifetime: minute });
  clock.advance(2 * minute);
  store.fail('compareAndSwap');
  assert.ok(await f.sessionOf(cookie));
  store.fail();
  await f.sessions.close();
  assert.equal((await createSessionFixture(shared).sessionOf(cookie))?.tokens.refreshToken, 'refresh-2');
});

test('a refresh is written although somebody else slid the session meanwhile', async () => {
  const [f, other] = twoNodes();
  const { session, cookie } = await f.signIn('alice', { lifetime: 5 * minute });
  f.clock.advance(6 * minute);
  f.provider.script(async () => {
    const stored = await f.store.get(session.key);
    assert.ok(stored !== null);
    await f.store.compareAndSwap(session.key, stored.version, {
      value: stored.value,
      expiresAt: stored.expiresAt,
    });
    return f.provider.renewed();
  });
  assert.equal((await f.sessionOf(cookie))?.tokens.refreshToken, 'refresh-2');
  assert.equal((await other.sessionOf(cookie))?.tokens.refreshToken, 'refresh-2');
  assert.equal(f.provider.refreshes.length, 1);
  await f.sessions.close();
});

test('FL-001: with the store down no refresh token is used up; a live token serves, an expired one is a 503', async () => {
  const clock = createFakeClock();
  const store = createFaultyStore(createMemoryStore({ clock }));
  const f = createSessionFixture({ clock, store });
  const { cookie } = await f.signIn('alice', { lifetime: minute });
  store.fail('get', 'compareAndSwap');
  clock.advance(55 * second);
  assert.ok(await f.sessionOf(cookie));
  clock.advance(10 * second);
  await assert.rejects(() => f.authenticate(cookie), { code: 'ERR_STORE_UNAVAILABLE' });
  assert.equal(f.provider.refreshes.length, 0);
  store.fail();
  clock.advance(10 * second);
  assert.equal((await f.sessionOf(cookie))?.tokens.refreshToken, 'refresh-2');
  await f.sessions.close();
});

test('a session without a refresh token lives on to its limits with a token that has expired', async () => {
  const f = createSessionFixture();
  const { cookie } = await f.signIn('alice', { lifetime: minute, refreshToken: null });
  f.clock.advance(10 * minute);
  assert.equal((await f.sessionOf(cookie))?.tokens.accessToken, 'access-1');
  assert.equal(f.provider.refreshes.length, 0);
  f.clock.advance(31 * minute);
  assert.equal(await f.sessionOf(cookie), null);
  await f.sessions.close();
});

for (const lifetime of [0, -60 * minute, 1]) {
  test(`FL-050: a provider whose tokens live ${lifetime} ms does not get a call for every request`, async () => {
    const f = createSessionFixture();
    const { cookie } = await f.signIn('alice', { lifetime });
    f.provider.script(() => f.provider.renewed({ lifetime }));
    for (let i = 0; i < 100; i += 1) {
      f.clock.advance(10);
      assert.ok(await f.sessionOf(cookie));
    }
    assert.ok(f.provider.refreshes.length >= 1 && f.provider.refreshes.length <= 2);
    await f.sessions.close();
  });
}
