/** Sessions seen and ended from outside: by operators, by the person, and by the provider, against sign-ins under way. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { test } from 'node:test';
import { createKeyRing } from '../../src/keys/create-key-ring.ts';
import { createSessionDirectory } from '../../src/sessions/create-session-directory.ts';
import { createLimits } from '../../src/sessions/limits.ts';
import type { SessionFilter } from '../../src/sessions/session-directory.ts';
import { createMemoryStore } from '../../src/stores/memory-store.ts';
import { createSqliteStore } from '../../src/stores/sqlite-store.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createFaultyStore } from '../support/faulty-store.ts';
import { createFleet, createSessionFixture, type Fixture, headWith } from '../support/session-fixture.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const second = 1000;
const minute = 60 * second;
const turns = async (count = 6) => {
  for (let i = 0; i < count; i += 1) await new Promise((resolve) => setImmediate(resolve));
};
const iat = (f: Pick<Fixture, 'clock'>) => Math.floor(f.clock.now() / 1000);
const withSid = (f: Fixture, sid: string) => ({ claims: { sid, iat: iat(f) } });
const fromBack = 'backchannel-logout';

/** As the command line has it: a store and keys, and no gate. */
function directoryOf(f: Fixture) {
  const { clock, store, keyRing } = f;
  const limits = createLimits(f.config);
  return createSessionDirectory({ store, keyRing, limits, clock, providers: ['main'], emit: () => {} });
}

test('a session is listed with who, since when and from where, and never a token', async () => {
  const f = createSessionFixture();
  const head = headWith();
  const agent = `Mozilla/5.0 \u202e\u0007\u001b[31m${'x'.repeat(500)}`;
  const { session } = await f.signIn(
    'alice',
    { claims: { sid: 'op-1', preferred_username: 'Alice\u0000 \u001b[2J', secret_claim: 'hidden' } },
    { ...head, headers: ['user-agent', agent] },
  );
  const { sessions, cursor } = await directoryOf(f).list({});
  assert.equal(cursor, null);
  assert.equal(sessions.length, 1);
  const { userAgent, ...shown } = sessions[0]!;
  assert.deepEqual(shown, {
    id: session.key.slice(2),
    logId: session.logId,
    provider: 'main',
    issuer: 'https://main.test',
    subject: 'alice',
    sid: 'op-1',
    name: 'Alice [2J',
    createdAt: session.createdAt,
    lastSeenAt: session.lastSeenAt,
    expiresAt: session.expiresAt,
    address: '127.0.0.1',
  });
  assert.match(userAgent ?? '', /^Mozilla\/5\.0 \[31mx+$/);
  assert.ok((userAgent ?? '').length <= 200);
  const all = JSON.stringify(sessions);
  for (const secret of ['access-1', 'refresh-1', 'id-1', 'hidden']) assert.ok(!all.includes(secret));
  await f.sessions.close();
});

for (const [what, claims, subject] of [
  ['a long name', { name: 'n'.repeat(100_000) }, 'alice'],
  ['a name of many bytes', { name: '😀'.repeat(5000) }, 'alice'],
  ['a long subject', { name: 'n'.repeat(5000), sid: 's'.repeat(256) }, 'a'.repeat(1024)],
] as const) {
  test(`somebody with ${what} gets a session that can be listed`, async () => {
    const f = createSessionFixture();
    await f.signIn(subject, { claims });
    const [shown] = (await f.sessions.directory.list({ provider: 'main', subject })).sessions;
    assert.equal(shown?.subject, subject);
    assert.ok((shown?.name ?? '').length <= 200);
    await f.sessions.close();
  });
}

test('the list shows when a session was last seen, and follows claims that changed', async () => {
  const f = createSessionFixture();
  const { session, cookie } = await f.signIn('alice', { lifetime: minute });
  f.provider.script(() => f.provider.renewed({ claims: { sub: 'alice', name: 'New name' } }));
  f.clock.advance(2 * minute);
  assert.ok(await f.sessionOf(cookie));
  const found = await f.sessions.directory.find(session.logId);
  assert.equal(found?.name, 'New name');
  assert.equal(found?.lastSeenAt, f.clock.now());
  assert.equal((await f.sessions.directory.find(found.id))?.logId, session.logId);
  for (const unknown of ['', 'x', '../..', '0'.repeat(12), 'A'.repeat(43)]) {
    assert.equal(await f.sessions.directory.find(unknown), null);
  }
  await f.sessions.close();
});

test('filters find what fits in all parts, and pages tell each session once', async () => {
  const f = createSessionFixture();
  const ids: string[] = [];
  for (let i = 0; i < 10; i += 1) {
    f.clock.advance(second);
    ids.push((await f.signIn('alice', withSid(f, `sid-${i}`))).session.key.slice(2));
  }
  await f.signIn('bob', withSid(f, 'sid-bob'));
  const { directory } = f.sessions;
  const count = async (filter: SessionFilter) => (await directory.list(filter)).sessions.length;
  assert.equal(await count({}), 11);
  assert.equal(await count({ provider: 'main' }), 11);
  assert.equal(await count({ provider: 'other' }), 0);
  assert.equal(await count({ subject: 'alice' }), 10, 'at whichever provider');
  assert.equal(await count({ provider: 'main', sid: 'sid-3' }), 1);
  assert.equal(await count({ provider: 'main', subject: 'bob', sid: 'sid-3' }), 0);
  assert.equal(await count({ id: ids[3]!, subject: 'alice' }), 1);
  assert.equal(await count({ id: ids[3]!, subject: 'bob' }), 0);
  assert.equal(await count({ id: ids[3]!, provider: 'other' }), 0);
  const seen: string[] = [];
  let cursor: string | null = null;
  do {
    const page = await directory.list({ provider: 'main', subject: 'alice' }, { cursor, limit: 3 });
    assert.ok(page.sessions.length <= 3);
    seen.push(...page.sessions.map(({ id }) => id));
    cursor = page.cursor;
  } while (cursor !== null);
  assert.deepEqual(seen, ids.toReversed(), 'the latest first');
  await f.sessions.close();
});

test('sessions whose labels do not open are not listed, and still end with their person', async () => {
  const f = createSessionFixture();
  const { session } = await f.signIn('alice');
  const stranger = createSessionFixture({ ...f.shared, keyRing: createKeyRing([randomBytes(32)]) });
  assert.deepEqual((await stranger.sessions.directory.list({})).sessions, []);
  assert.equal(await stranger.sessions.directory.find(session.key.slice(2)), null);
  assert.equal(
    await stranger.sessions.directory.end({ provider: 'main', subject: 'alice' }, { reason: 'operator' }),
    1,
  );
  assert.equal(await f.store.get(session.key), null);
  await Promise.all([f.sessions.close(), stranger.sessions.close()]);
});

test('SC-023, LO-053: all sessions of a person end on every node, held connections too, and nobody else is touched', async () => {
  const { nodes, provider, close } = createFleet(2, { isAsync: true });
  const [a, b] = nodes as [Fixture, Fixture];
  const own = [await a.signIn('alice'), await b.signIn('alice'), await a.signIn('alice')];
  const bob = await a.signIn('bob');
  for (const node of nodes) for (const { cookie } of [...own, bob]) assert.ok(await node.sessionOf(cookie));
  const told: string[] = [];
  for (const node of nodes)
    for (const { session } of own) node.sessions.hold(session, (why) => told.push(why));
  const ended = await a.sessions.directory.end(
    { provider: 'main', subject: 'alice' },
    { reason: 'operator' },
  );
  assert.equal(ended, 3);
  await turns();
  assert.deepEqual(told.sort(), [...Array(3).fill('elsewhere'), ...Array(3).fill('operator')]);
  for (const node of nodes) {
    for (const { cookie } of own) assert.equal(await node.sessionOf(cookie), null);
    assert.ok(await node.sessionOf(bob.cookie));
  }
  assert.deepEqual(a.named('sessions.ended'), [{ reason: 'operator', provider: 'main', count: 3 }]);
  assert.equal(provider.revoked.length, 3, 'their refresh tokens are revoked');
  await close();
});

test('LO-053: signing out everywhere else keeps the session at hand, and ends nobody else by a foreign id', async () => {
  const f = createSessionFixture();
  const [mine, other] = [await f.signIn('alice'), await f.signIn('alice')];
  const bob = await f.signIn('bob');
  const id = mine.session.key.slice(2);
  const person = { provider: 'main', subject: 'alice' };
  const byId = { ...person, id: bob.session.key.slice(2) };
  assert.equal(await f.sessions.directory.end(byId, { reason: 'person' }), 0);
  assert.equal(await f.sessions.directory.end(person, { reason: 'person', except: id }), 1);
  assert.ok(await f.sessionOf(mine.cookie));
  assert.ok(await f.sessionOf(bob.cookie));
  assert.equal(await f.sessionOf(other.cookie), null);
  await f.sessions.close();
});

test('every session ends when nothing is said about which, also those without a label', async () => {
  const f = createSessionFixture();
  const people = [await f.signIn('alice'), await f.signIn('bob')];
  await f.store.set('s:unlabelled', { value: Buffer.from('x'), expiresAt: f.clock.now() + minute });
  assert.equal(await f.sessions.directory.end({}, { reason: 'operator' }), 3);
  for (const { cookie } of people) assert.equal(await f.sessionOf(cookie), null);
  await f.sessions.close();
});

test('a logout with a sid ends that session, one without ends all of the person, at that provider alone', async () => {
  const f = createSessionFixture();
  const one = await f.signIn('alice', withSid(f, 'one'));
  const two = await f.signIn('alice', withSid(f, 'two'));
  const bob = await f.signIn('bob', withSid(f, 'bob'));
  const logout = { provider: 'main', subject: 'alice', issuedAt: iat(f) };
  const { directory } = f.sessions;
  assert.equal(await directory.endByProvider({ ...logout, provider: 'other', sid: null }, fromBack), 0);
  assert.equal(await directory.endByProvider({ ...logout, sid: 'one' }, fromBack), 1);
  assert.equal(await f.sessionOf(one.cookie), null);
  assert.ok(await f.sessionOf(two.cookie));
  assert.equal(await directory.endByProvider({ ...logout, sid: null }, fromBack), 1);
  assert.equal(await f.sessionOf(two.cookie), null);
  assert.ok(await f.sessionOf(bob.cookie));
  await f.sessions.close();
});

test('LO-016: a one-time word is used once, on whichever node, and a sign-in after the logout is not touched by it', async () => {
  const { nodes, clock, close } = createFleet(2, { isAsync: true });
  const [a, b] = nodes as [Fixture, Fixture];
  const before = await a.signIn('alice', withSid(a, 'one'));
  const logout = { provider: 'main', subject: 'alice', sid: null, issuedAt: iat(a) };
  const words = [a, b, a, b].map((node) => node.sessions.directory.useOnce('jti-1', clock.now() + minute));
  assert.deepEqual((await Promise.all(words)).filter((first) => first).length, 1);
  await a.sessions.directory.endByProvider(logout, fromBack);
  clock.advance(2 * second);
  const after = await b.signIn('alice', withSid(a, 'two'));
  assert.equal(await b.sessions.directory.useOnce('jti-1', clock.now() + minute), false);
  assert.equal(await b.sessionOf(before.cookie), null);
  assert.ok(await a.sessionOf(after.cookie));
  await close();
});

test('LO-020: one-time words and logouts fail closed while the store is down', async () => {
  const clock = createFakeClock();
  const store = createFaultyStore(createMemoryStore({ clock }));
  const f = createSessionFixture({ clock, store });
  const { cookie } = await f.signIn('alice', withSid(f, 'one'));
  const { directory } = f.sessions;
  const logout = { provider: 'main', subject: null, sid: 'one', issuedAt: iat(f) };
  const unavailable = { code: 'ERR_STORE_UNAVAILABLE' };
  store.fail('addIfAbsent');
  await assert.rejects(directory.useOnce('jti', clock.now() + minute), unavailable);
  for (const operation of ['get', 'addIfAbsent', 'tagged', 'deleteAll'] as const) {
    store.fail(operation);
    await assert.rejects(directory.endByProvider(logout, fromBack), unavailable, operation);
  }
  store.fail();
  assert.equal(await directory.endByProvider(logout, fromBack), 1);
  assert.equal(await f.sessionOf(cookie), null);
  await f.sessions.close();
});

for (const [what, named] of [
  ['the sid', { subject: null, sid: 'one' }],
  ['the subject', { subject: 'alice', sid: null }],
] as const) {
  test(`LO-024: a logout by ${what} during a sign-in ends it, wherever in between it comes`, async () => {
    for (let step = 0; step < 12; step += 1) {
      const { nodes, clock, provider, close } = createFleet(2, { isAsync: true });
      const [a, b] = nodes as [Fixture, Fixture];
      const startedAt = clock.now();
      const signedIn = provider.signIn('alice', withSid(a, 'one'));
      clock.advance(second);
      const logout = { provider: 'main', ...named, issuedAt: iat(a) };
      const begun = a.sessions
        .begin(headWith(), 'main', signedIn, startedAt)
        .catch((error: unknown) => error);
      await turns(step);
      await b.sessions.directory.endByProvider(logout, fromBack);
      const outcome = await begun;
      await turns();
      if (outcome instanceof Error) {
        assert.partialDeepStrictEqual(outcome, { code: 'ERR_LOGIN_EXPIRED', detail: 'logged-out' });
        assert.deepEqual(provider.revoked, [signedIn.tokens.refreshToken]);
      }
      assert.equal(await a.sessions.count(), 0, `after ${step} turns`);
      await close();
    }
  });
}

test('LO-024: a login that began before the logout and comes back after it makes no session', async () => {
  const f = createSessionFixture();
  const startedAt = f.clock.now();
  const signedIn = f.provider.signIn('alice', withSid(f, 'one'));
  f.clock.advance(minute);
  await f.sessions.directory.endByProvider(
    { provider: 'main', subject: null, sid: 'one', issuedAt: iat(f) },
    fromBack,
  );
  f.clock.advance(8 * minute);
  const begun = f.sessions.begin(headWith(), 'main', signedIn, startedAt);
  await assert.rejects(begun, { code: 'ERR_LOGIN_EXPIRED', detail: 'logged-out' });
  assert.equal(await f.sessions.count(), 0);
  await f.sessions.close();
});

test('LO-024: … also when the clock of the node that heard of the logout is half a minute behind', async () => {
  const f = createSessionFixture();
  const behind = createFakeClock(f.clock.now() - 30 * second);
  const other = createSessionFixture({ ...f.shared, clock: behind });
  const startedAt = f.clock.now();
  const signedIn = f.provider.signIn('alice', withSid(f, 'one'));
  for (const clock of [f.clock, behind]) clock.advance(5 * second);
  const logout = { provider: 'main', subject: null, sid: 'one', issuedAt: iat(f) };
  await other.sessions.directory.endByProvider(logout, fromBack);
  const begun = f.sessions.begin(headWith(), 'main', signedIn, startedAt);
  await assert.rejects(begun, { code: 'ERR_LOGIN_EXPIRED', detail: 'logged-out' });
  await Promise.all([f.sessions.close(), other.sessions.close()]);
});

test('LO-016: signing in again at once, in the same second as the logout, is not touched by it', async () => {
  const f = createSessionFixture();
  const logout = { provider: 'main', subject: 'alice', sid: null, issuedAt: iat(f) };
  await f.sessions.directory.endByProvider(logout, fromBack);
  f.clock.advance(5);
  const startedAt = f.clock.now();
  f.clock.advance(20);
  const signedIn = f.provider.signIn('alice', withSid(f, 'two'));
  const begun = await f.sessions.begin(headWith(), 'main', signedIn, startedAt);
  assert.equal(begun.session.identity.subject, 'alice');
  await f.sessions.close();
});

test('LO-016: a login whose ID token is of after the logout is good, whenever it began', async () => {
  const f = createSessionFixture();
  const startedAt = f.clock.now();
  const logout = { provider: 'main', subject: 'alice', sid: null, issuedAt: iat(f) };
  f.clock.advance(5 * second);
  await f.sessions.directory.endByProvider(logout, fromBack);
  f.clock.advance(5 * second);
  const signedIn = f.provider.signIn('alice', withSid(f, 'two'));
  const begun = await f.sessions.begin(headWith(), 'main', signedIn, startedAt);
  assert.equal(begun.session.identity.subject, 'alice');
  await f.sessions.close();
});

for (const kind of ['memory', 'sqlite'] as const) {
  test(`LO-026: ending thousands of sessions of one person is quick and does not grow with those of others, in ${kind}`, async (context) => {
    const clock = createFakeClock();
    const store =
      kind === 'memory'
        ? createMemoryStore({ clock })
        : createSqliteStore({ path: join(temporaryFolder(context), 's.db') }, { clock });
    const f = createSessionFixture({ clock, store, config: { cacheSize: 100 } });
    const many = kind === 'memory' ? 10_000 : 3000;
    const time = async (work: () => Promise<unknown>) => {
      const from = performance.now();
      await work();
      return performance.now() - from;
    };
    const logout = { provider: 'main', sid: null, issuedAt: iat(f) };
    const begin = async (count: number, subject: (i: number) => string) => {
      for (let i = 0; i < count; i += 1) await f.signIn(subject(i));
    };
    const begun = await time(() => begin(many, () => 'alice'));
    await begin(20, (i) => `few-${i % 2}`);
    const whole = await time(async () =>
      assert.equal(await f.sessions.directory.endByProvider({ ...logout, subject: 'alice' }, fromBack), many),
    );
    assert.ok(whole < begun, `ending takes ${whole} ms, signing in took ${begun} ms`);
    assert.equal(await f.sessions.count(), 20);
    await f.sessions.close();
    await store.close();
  });
}

test('SC-002: signing in as another person ends the session before, and nothing of it is seen', async () => {
  const f = createSessionFixture();
  const alice = await f.signIn('alice', { claims: { secret: 'of alice' } });
  const begun = await f.sessions.begin(headWith(alice.cookie), 'main', f.provider.signIn('bob'));
  assert.notEqual(begun.session.key, alice.session.key);
  assert.ok(!JSON.stringify(begun).includes('of alice'));
  assert.equal(await f.sessionOf(alice.cookie), null);
  assert.equal(await f.store.get(alice.session.key), null);
  assert.deepEqual(f.named('session.ended'), [{ session: alice.session.logId, reason: 'replaced' }]);
  await f.sessions.close();
});

test('SC-022: with one session more than a person may have the oldest ends', async () => {
  const f = createSessionFixture({ config: { maxPerPerson: 2 } });
  const cookies: string[] = [];
  for (let i = 0; i < 5; i += 1) {
    f.clock.advance(second);
    cookies.push((await f.signIn('alice')).cookie);
    await f.signIn(`other-${i}`);
  }
  const live = await Promise.all(cookies.map((cookie) => f.sessionOf(cookie)));
  assert.deepEqual(
    live.map((session) => session !== null),
    [false, false, false, true, true],
  );
  assert.equal(f.provider.revoked.length, 3);
  assert.deepEqual(
    f.named('session.ended').map(({ reason }) => reason),
    ['limit', 'limit', 'limit'],
  );
  await f.sessions.close();
});

test('SC-022: sign-ins at once on several nodes leave exactly as many as allowed', async () => {
  const { nodes, clock, close } = createFleet(3, { isAsync: true, config: { maxPerPerson: 3 } });
  const begun = await Promise.all(
    Array.from({ length: 30 }, (_, i) => {
      clock.advance(1);
      return nodes[i % 3]!.signIn('alice');
    }),
  );
  await turns();
  const live = await Promise.all(begun.map(({ cookie }, i) => nodes[(i + 1) % 3]!.sessionOf(cookie)));
  assert.equal(live.filter((session) => session !== null).length, 3);
  await close();
});

test('a sign-in takes at most three round trips of the store, its login transaction included', async () => {
  const { nodes, stores, close } = createFleet(1, { isAsync: true, config: { maxPerPerson: 5 } });
  const [f] = nodes as [Fixture];
  const state = randomBytes(16).toString('hex');
  const transaction = {
    provider: 'main',
    state,
    nonce: 'n',
    codeVerifier: 'v',
    returnTo: '/',
    startedAt: f.clock.now(),
  };
  for (const cookies of [[], [(await f.signIn('alice', withSid(f, 'one'))).cookie]]) {
    const [login] = f.transactions.begin(
      headWith(),
      { ...transaction, state: state + cookies.length },
      'lax',
    );
    const head = headWith(`${login?.split(';')[0]}; ${cookies.join('')}`);
    await turns();
    stores[0]?.resetCounts();
    const before = stores[0]?.rounds() ?? 0;
    const taken = await f.transactions.take(head, state + cookies.length);
    assert.ok(taken.transaction !== null);
    await f.sessions.begin(head, 'main', f.provider.signIn('alice', withSid(f, 'two')), f.clock.now());
    assert.ok((stores[0]?.rounds() ?? 9) - before <= 3, `${stores[0]?.rounds()} round trips`);
  }
  await close();
});

test('FL-003: tokens of a sign-in that could not be written are revoked, and no cookie is given', async () => {
  const clock = createFakeClock();
  const store = createFaultyStore(createMemoryStore({ clock }));
  const f = createSessionFixture({ clock, store });
  for (const operation of ['set', 'get'] as const) {
    store.fail(operation);
    const signedIn = f.provider.signIn();
    await assert.rejects(f.sessions.begin(headWith(), 'main', signedIn), { code: 'ERR_STORE_UNAVAILABLE' });
    assert.equal(f.provider.revoked.at(-1), signedIn.tokens.refreshToken);
  }
  store.fail();
  assert.equal(await f.sessions.count(), 0);
  await f.sessions.close();
});
