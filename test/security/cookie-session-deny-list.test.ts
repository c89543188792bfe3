/** Sessions in cookies that end before their time: what the deny-list says is true on every node within a moment. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import type { Claims } from '../../src/core/identity.ts';
import { createKeyRing } from '../../src/keys/create-key-ring.ts';
import {
  addDenial,
  createDeniable,
  createDenial,
  type Denial,
  denialKeyFor,
  denialKeys,
  denies,
  formatDenials,
  parseDenials,
} from '../../src/sessions/in-cookies/denial.ts';
import {
  createBrowser,
  createCookieFixture,
  createCookieNodes,
  createSharedStore,
} from '../support/cookie-session-fixture.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createFaultyStore } from '../support/faulty-store.ts';
import { until } from '../support/session-fixture.ts';

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;

function createFleet(config: Readonly<Record<string, unknown>> = {}) {
  const clock = createFakeClock();
  const shared = createSharedStore(clock);
  const faulty = createFaultyStore(shared.store);
  const [one, other] = createCookieNodes(2, { clock, denyStore: faulty, config }) as [Node, Node];
  const close = () => Promise.all([one.sessions.close(), other.sessions.close()]);
  return { clock, shared, faulty, one, other, close, provider: one.provider };
}
type Node = ReturnType<typeof createCookieFixture>;

/** Somebody that the provider signed in at this moment of the clock. */
function signedIn(node: Node, subject: string, claims: Claims = {}) {
  const signIn = node.provider.signIn(subject, { lifetime: 24 * hour });
  const iat = Math.floor(node.clock.now() / 1000);
  return { ...signIn, claims: { ...signIn.claims, iat, ...claims } };
}

const seconds = (node: Node) => Math.floor(node.clock.now() / 1000);
/** Whatever was told by then has been heard. */
const soon = () => new Promise((resolve) => setTimeout(() => setImmediate(resolve), 30));

test('SC-013, LO-048: a copy is refused after the logout, where it was known and where it was not, and after a restart', async () => {
  const fleet = createFleet();
  const { one, other } = fleet;
  const browser = createBrowser();
  const session = await one.begin(browser);
  const thief = browser.copy();
  assert.equal(await other.verdict(thief.copy()), 'session');
  browser.take(await one.sessions.end(session, 'logout'));
  await soon();
  assert.equal(await other.verdict(thief.copy()), 'logout');
  const late = createCookieFixture({
    clock: fleet.clock,
    denyStore: fleet.faulty,
    keyRing: one.keyRing,
    provider: one.provider,
  });
  assert.equal(await late.verdict(thief.copy()), 'logout');
  fleet.clock.advance(11 * hour);
  assert.notEqual(await late.verdict(thief), 'session');
  await Promise.all([fleet.close(), late.sessions.close()]);
});

test('SC-013: a copy is refused until the last moment of its life', async () => {
  const fleet = createFleet({ idleTimeout: '12h' });
  const browser = createBrowser();
  const session = await fleet.one.begin(browser, signedIn(fleet.one, 'alice'));
  await fleet.one.sessions.end(session, 'logout');
  fleet.clock.advance(12 * hour - second);
  assert.equal(await fleet.other.verdict(browser.copy()), 'logout');
  fleet.clock.advance(second);
  assert.notEqual(await fleet.other.verdict(browser.copy()), 'session');
  await fleet.close();
});

test('an answer of before the logout that brings back its cookies brings back no session, and they are cleared later', async () => {
  const fleet = createFleet();
  const browser = createBrowser();
  const session = await fleet.one.begin(browser);
  await fleet.one.sessions.end(session, 'logout');
  assert.equal(await fleet.other.verdict(browser), 'logout');
  assert.equal(browser.jar.size, 1, 'it may be the answer to an old request');
  fleet.clock.advance(2 * minute);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(await fleet.other.verdict(browser), 'logout');
  assert.equal(browser.jar.size, 0);
  await fleet.close();
});

test('a logout that cannot be noted is a failure, and the session goes on', async () => {
  const fleet = createFleet();
  const browser = createBrowser();
  const session = await fleet.one.begin(browser);
  fleet.faulty.fail('addIfAbsent');
  await assert.rejects(fleet.one.sessions.end(session, 'logout'), { code: 'ERR_STORE_UNAVAILABLE' });
  fleet.faulty.fail();
  assert.equal(await fleet.one.verdict(browser), 'session');
  await fleet.close();
});

test('SC-002: a session that a new sign-in replaces is refused everywhere', async () => {
  const fleet = createFleet();
  const browser = createBrowser();
  await fleet.one.begin(browser);
  const old = browser.copy();
  await fleet.one.begin(browser, signedIn(fleet.one, 'bob'));
  await soon();
  assert.equal(await fleet.other.verdict(old), 'replaced');
  assert.equal(await fleet.other.verdict(browser), 'session');
  await fleet.close();
});

for (const [what, logout, ends] of [
  ['sid', { subject: null, sid: 'sid-a' }, ['a']],
  ['sub', { subject: 'alice', sid: null }, ['a', 'b']],
  ['both, which means the sid', { subject: 'alice', sid: 'sid-b' }, ['b']],
  ['an unknown sid', { subject: null, sid: 'nobody' }, []],
  ["a sid that is somebody else's sub", { subject: null, sid: 'alice' }, []],
] as const) {
  test(`LO-027: a back-channel logout by ${what} ends ${ends.join(', ') || 'nothing'}, here, there, and what is held open`, async () => {
    const fleet = createFleet();
    const { one, other } = fleet;
    const people = new Map([
      ['a', { browser: createBrowser(), signIn: signedIn(one, 'alice', { sid: 'sid-a' }) }],
      ['b', { browser: createBrowser(), signIn: signedIn(one, 'alice', { sid: 'sid-b' }) }],
      ['c', { browser: createBrowser(), signIn: signedIn(one, 'bob', { sid: 'sid-c' }) }],
    ]);
    const held: string[] = [];
    for (const [name, { browser, signIn }] of people) {
      await one.begin(browser, signIn);
      const answer = await other.ask(browser);
      assert.ok(answer.kind === 'session');
      other.sessions.hold(answer.session, (reason) => held.push(`${name} ${reason}`));
    }
    fleet.clock.advance(5 * second);
    const told = { provider: 'main', issuedAt: seconds(one), ...logout };
    assert.equal(await one.sessions.directory.endByProvider(told, 'backchannel-logout'), null);
    await until(() => held.length === ends.length);
    await soon();
    assert.deepEqual(
      held.sort(),
      ends.map((name) => `${name} backchannel-logout`),
    );
    for (const [name, { browser }] of people) {
      const expected = (ends as readonly string[]).includes(name) ? 'backchannel-logout' : 'session';
      for (const node of [one, other]) assert.equal(await node.verdict(browser.copy()), expected, name);
    }
    assert.deepEqual(one.named('sessions.ended'), [
      { reason: 'backchannel-logout', provider: 'main', count: null },
    ]);
    await fleet.close();
  });
}

test('LO-016: a sign-in after the logout is not hit, on no node, also when the logout is told late or again', async () => {
  const fleet = createFleet();
  const { one, other } = fleet;
  await one.begin(createBrowser(), signedIn(one, 'alice'));
  fleet.clock.advance(5 * second);
  const told = { provider: 'main', subject: 'alice', sid: null, issuedAt: seconds(one) };
  await one.sessions.directory.endByProvider(told, 'backchannel-logout');
  fleet.clock.advance(second);
  const again = createBrowser();
  await one.begin(again, signedIn(one, 'alice'), fleet.clock.now());
  fleet.clock.advance(second);
  await one.sessions.directory.endByProvider(told, 'backchannel-logout');
  await soon();
  for (const node of [one, other]) assert.equal(await node.verdict(again.copy()), 'session');
  await fleet.close();
});

test('LO-024: a login that was under way when the logout came does not outlive it', async () => {
  const fleet = createFleet();
  const { one, other } = fleet;
  const startedAt = fleet.clock.now();
  const signIn = signedIn(one, 'alice', { sid: 'sid-a' });
  fleet.clock.advance(3 * second);
  const told = { provider: 'main', subject: null, sid: 'sid-a', issuedAt: seconds(one) };
  await other.sessions.directory.endByProvider(told, 'backchannel-logout');
  fleet.clock.advance(3 * second);
  await assert.rejects(one.begin(createBrowser(), signIn, startedAt), { code: 'ERR_LOGIN_EXPIRED' });
  await fleet.close();
});

test('LO-024: … nor one that looked before the logout was written down', async () => {
  const fleet = createFleet();
  const { one, other } = fleet;
  const startedAt = fleet.clock.now();
  const signIn = signedIn(one, 'alice');
  fleet.clock.advance(3 * second);
  const letGo = fleet.faulty.hold('addIfAbsent');
  const told = { provider: 'main', subject: 'alice', sid: null, issuedAt: seconds(one) };
  const logout = other.sessions.directory.endByProvider(told, 'backchannel-logout');
  const browser = createBrowser();
  const login = one.begin(browser, signIn, startedAt).then(
    () => 'begun',
    () => 'refused',
  );
  letGo();
  await Promise.all([logout, login]);
  await soon();
  for (const node of [one, other]) assert.notEqual(await node.verdict(browser.copy()), 'session');
  await fleet.close();
});

test('LO-024: … nor one that was waiting for something else when the logout was told of', async () => {
  const fleet = createFleet();
  const { one } = fleet;
  const browser = createBrowser();
  await one.begin(browser, signedIn(one, 'bob'));
  const startedAt = fleet.clock.now();
  const letGo = fleet.faulty.hold('addIfAbsent');
  const login = one.begin(browser, signedIn(one, 'alice'), startedAt);
  const refused = assert.rejects(login, { code: 'ERR_LOGIN_EXPIRED' });
  await soon();
  const denial = createDenial({ provider: 'main', subject: 'alice' }, parts({ before: startedAt }));
  const expiresAt = startedAt + hour;
  await fleet.shared.store.set(denialKeyFor(denial), { value: formatDenials([denial]), expiresAt });
  await soon();
  letGo();
  await refused;
  await fleet.close();
});

test('FL-051: a logout ends a session that a node with a fast clock began', async () => {
  const clocks = [createFakeClock(Date.UTC(2030, 0, 1) + 30 * second), createFakeClock(Date.UTC(2030, 0, 1))];
  const { store } = createSharedStore(clocks[1]!);
  const keyRing = createKeyRing([randomBytes(32)]);
  const [fast, slow] = clocks.map((clock) => createCookieFixture({ clock, keyRing, denyStore: store }));
  const iat = seconds(slow!);
  const browser = createBrowser();
  await fast!.begin(browser, signedIn(fast!, 'alice', { iat }));
  clocks[1]!.advance(10 * second);
  const told = { provider: 'main', subject: 'alice', sid: null, issuedAt: iat + 10 };
  await slow!.sessions.directory.endByProvider(told, 'backchannel-logout');
  await soon();
  for (const node of [fast!, slow!]) assert.equal(await node.verdict(browser.copy()), 'backchannel-logout');
  await Promise.all([fast!.sessions.close(), slow!.sessions.close()]);
});

test('an operator ends one, those of a person, those of a provider, all, and one may stay', async () => {
  const fleet = createFleet();
  const { one, other } = fleet;
  const browsers = {
    alice: createBrowser(),
    here: createBrowser(),
    bob: createBrowser(),
    carl: createBrowser(),
  };
  await one.begin(browsers.alice, signedIn(one, 'alice'));
  const stays = await one.begin(browsers.here, signedIn(one, 'alice'));
  const bob = await one.begin(browsers.bob, signedIn(one, 'bob'));
  await one.begin(browsers.carl, signedIn(one, 'carl'));
  const state = async () => {
    await soon();
    const found: string[] = [];
    for (const [name, browser] of Object.entries(browsers))
      if ((await other.verdict(browser.copy())) === 'session') found.push(name);
    return found;
  };
  const { directory } = one.sessions;
  assert.equal(directory.abilities, 'end');
  fleet.clock.advance(second);
  await directory.end(
    { provider: 'main', subject: 'alice' },
    { reason: 'person', except: stays.key.slice(2) },
  );
  assert.deepEqual(await state(), ['here', 'bob', 'carl']);
  await directory.end({ id: bob.key.slice(2), subject: 'carl' }, { reason: 'operator' });
  assert.deepEqual(await state(), ['here', 'bob', 'carl'], 'all of what is given has to fit');
  await directory.end({ id: bob.key.slice(2) }, { reason: 'operator' });
  assert.deepEqual(await state(), ['here', 'carl']);
  await directory.end({ provider: 'other' }, { reason: 'operator' });
  assert.deepEqual(await state(), ['here', 'carl']);
  assert.equal(await directory.end({ id: '../x' }, { reason: 'operator' }), 0);
  await directory.end({}, { reason: 'operator' });
  assert.deepEqual(await state(), []);
  fleet.clock.advance(second);
  await one.begin(browsers.alice, signedIn(one, 'alice'));
  assert.deepEqual(await state(), ['alice']);
  await fleet.close();
});

test('FL-001: a store that is down is a failure for a session that is not known here, and never anonymous', async () => {
  const fleet = createFleet();
  const browser = createBrowser();
  await fleet.one.begin(browser);
  fleet.faulty.fail('get');
  assert.equal(await fleet.one.verdict(browser), 'session', 'known, and changes would be told');
  await assert.rejects(fleet.other.ask(browser), { code: 'ERR_STORE_UNAVAILABLE' });
  await assert.rejects(fleet.one.begin(createBrowser()), { code: 'ERR_STORE_UNAVAILABLE' });
  fleet.faulty.fail();
  assert.equal(await fleet.other.verdict(browser), 'session');
  await fleet.close();
});

test('FL-001: while changes may be missed every request asks, a failing store is a 503, and it recovers by itself', async () => {
  const fleet = createFleet();
  const browser = createBrowser();
  await fleet.one.begin(browser);
  fleet.shared.lose();
  const before = fleet.faulty.calls.get('get') ?? 0;
  for (let i = 0; i < 3; i += 1) assert.equal(await fleet.one.verdict(browser), 'session');
  assert.equal((fleet.faulty.calls.get('get') ?? 0) - before, 15);
  fleet.faulty.fail('get');
  await assert.rejects(fleet.one.ask(browser), { code: 'ERR_STORE_UNAVAILABLE' });
  fleet.faulty.fail();
  fleet.shared.regain();
  assert.equal(await fleet.one.verdict(browser), 'session');
  const after = fleet.faulty.calls.get('get');
  const answer = fleet.one.sessions.authenticate(browser.head());
  assert.ok(!(answer instanceof Promise) && answer.kind === 'session');
  assert.equal(fleet.faulty.calls.get('get'), after, 'nobody is asked any more');
  await fleet.close();
});

test('LO-048: a logout that was not told of ends sessions and what is held open when changes are told again', async () => {
  const fleet = createFleet();
  const { one, other } = fleet;
  const browser = createBrowser();
  const session = await one.begin(browser, signedIn(one, 'alice'));
  const answer = await other.ask(browser.copy());
  assert.ok(answer.kind === 'session');
  const held: string[] = [];
  other.sessions.hold(answer.session, (reason) => held.push(reason));
  fleet.shared.lose();
  fleet.faulty.fail('get');
  await soon();
  assert.deepEqual(held, []);
  fleet.faulty.fail();
  await one.sessions.end(session, 'logout');
  await until(() => held.length > 0);
  assert.deepEqual(held, ['logout']);
  fleet.shared.regain();
  assert.equal(await other.verdict(browser), 'logout');
  await fleet.close();
});

test('first requests of a session on a node ask the deny-list once, however many they are', async () => {
  const fleet = createFleet();
  const browser = createBrowser();
  await fleet.one.begin(browser, signedIn(fleet.one, 'alice', { sid: 's' }));
  const letGo = fleet.faulty.hold('get');
  const before = fleet.faulty.calls.get('get') ?? 0;
  const answers = Promise.all(Array.from({ length: 100 }, () => fleet.other.verdict(browser.copy())));
  letGo();
  assert.deepEqual([...new Set(await answers)], ['session']);
  assert.equal((fleet.faulty.calls.get('get') ?? 0) - before, 9);
  await fleet.close();
});

for (const [what, value] of [
  ['of a newer format', '{"v":2,"denials":[]}'],
  ['that is no JSON', '{'],
  ['with a denial of other types', '{"v":1,"denials":[{"before":"x"}]}'],
  ['that is empty', ''],
] as const) {
  test(`an entry ${what} denies the sessions it is for, and no others`, async () => {
    const fleet = createFleet();
    const [alice, bob] = [createBrowser(), createBrowser()];
    await fleet.one.begin(alice, signedIn(fleet.one, 'alice'));
    await fleet.one.begin(bob, signedIn(fleet.one, 'bob'));
    const key = denialKeyFor(createDenial({ provider: 'main', subject: 'alice' }, parts()));
    const expiresAt = fleet.clock.now() + hour;
    await fleet.faulty.set(key, { value: Buffer.from(value), expiresAt });
    await soon();
    for (const node of [fleet.one, fleet.other]) {
      assert.equal(await node.verdict(alice.copy()), 'elsewhere');
      assert.equal(await node.verdict(bob.copy()), 'session');
    }
    await fleet.close();
  });
}

test('LO-016, LO-019: a word is given out once, on whichever node, and a store that fails says nothing', async () => {
  const fleet = createFleet();
  const until_ = fleet.clock.now() + minute;
  assert.equal(await fleet.one.sessions.directory.useOnce('jti-1', until_), true);
  assert.equal(await fleet.other.sessions.directory.useOnce('jti-1', until_), false);
  assert.equal(await fleet.other.sessions.directory.useOnce('jti-2', until_), true);
  fleet.faulty.fail('addIfAbsent');
  await assert.rejects(fleet.one.sessions.directory.useOnce('jti-3', until_), {
    code: 'ERR_STORE_UNAVAILABLE',
  });
  await fleet.close();
});

test('SC-051: the deny-list holds no name, no id of a cookie and no token', async () => {
  const fleet = createFleet();
  const browser = createBrowser();
  const written: string[] = [];
  const { one } = fleet;
  const spy = { ...fleet.shared.store };
  for (const operation of ['set', 'addIfAbsent', 'compareAndSwap'] as const) {
    const real = spy[operation] as (...args: unknown[]) => unknown;
    Object.assign(spy, {
      [operation]: (...args: unknown[]) => {
        const entry = args.at(-1) as { readonly value: Uint8Array };
        written.push(`${String(args[0])} ${Buffer.from(entry.value).toString('latin1')}`);
        return real(...args);
      },
    });
  }
  const f = createCookieFixture({ clock: fleet.clock, denyStore: spy, provider: one.provider });
  const session = await f.begin(browser, {
    ...signedIn(one, 'alice', { sid: 'sid-a' }),
    tokens: one.provider.issue({ lifetime: minute }),
  });
  fleet.clock.advance(2 * minute);
  await f.ask(browser);
  const told = { provider: 'main', subject: 'alice', sid: null, issuedAt: 1 };
  await f.sessions.directory.endByProvider(told, 'backchannel-logout');
  await f.sessions.end(session, 'logout');
  assert.ok(written.length >= 4);
  for (const text of written) assert.doesNotMatch(text, /alice|sid-a|access-|refresh-\d|id-\d/);
  await Promise.all([fleet.close(), f.sessions.close()]);
});

function parts(more: Partial<Denial> = {}) {
  return { before: 100, issuedAt: null, except: null, reason: 'operator', at: 100, ...more } as const;
}
const someone = { key: `s:${'x'.repeat(43)}`, provider: 'main', subject: 'alice', sid: 'sid-a' };

for (const [what, denial, session, expected] of [
  ['begun before', { before: 100 }, { startedAt: 100 }, true],
  ['begun later', { before: 100 }, { startedAt: 101 }, false],
  ['issued earlier', { before: 100, issuedAt: 50 }, { startedAt: 90, issuedAt: 49 }, true],
  [
    'issued in the same second, begun before',
    { before: 100, issuedAt: 50 },
    { startedAt: 90, issuedAt: 50 },
    true,
  ],
  [
    'issued in the same second, begun later',
    { before: 100, issuedAt: 50 },
    { startedAt: 101, issuedAt: 50 },
    false,
  ],
  ['issued later', { before: 100, issuedAt: 50 }, { startedAt: 90, issuedAt: 51 }, false],
  [
    'issued earlier, begun later by a clock that is ahead',
    { before: 100, issuedAt: 50 },
    { startedAt: 60_100, issuedAt: 49 },
    true,
  ],
  [
    'issued earlier, begun much later',
    { before: 100, issuedAt: 50 },
    { startedAt: 60_101, issuedAt: 49 },
    false,
  ],
  [
    'of which nobody knows when it was issued',
    { before: 100, issuedAt: 50 },
    { startedAt: 90, issuedAt: null },
    true,
  ],
] as const) {
  test(`LO-016, LO-024: a sign-in ${what} is ${expected ? 'denied' : 'not meant'}`, () => {
    const deniable = createDeniable({ ...someone, issuedAt: null, ...session });
    assert.equal(denies(createDenial({}, parts(denial)), deniable), expected);
  });
}

test('a session looks under every key under which it could be denied', () => {
  const deniable = createDeniable({ ...someone, startedAt: 0, issuedAt: null });
  const keys = denialKeys(deniable);
  assert.equal(keys.length, 9);
  for (const provider of [{}, { provider: 'main' }])
    for (const subject of [{}, { subject: 'alice' }])
      for (const sid of [{}, { sid: 'sid-a' }]) {
        const denial = createDenial({ ...provider, ...subject, ...sid }, parts());
        assert.ok(keys.includes(denialKeyFor(denial)) && denies(denial, deniable));
      }
});

test('many denials under one key stay bounded and deny no less', () => {
  let denials: readonly Denial[] = [];
  for (let i = 0; i < 100; i += 1)
    denials = addDenial(denials, createDenial({ subject: 'alice' }, parts({ before: i, except: `id-${i}` })));
  assert.ok(denials.length <= 16);
  const read = parseDenials(formatDenials(denials));
  for (let startedAt = 0; startedAt < 99; startedAt += 1) {
    const deniable = createDeniable({ ...someone, startedAt, issuedAt: null });
    assert.ok(read?.some((denial) => denies(denial, deniable)));
  }
});
