/** Sessions in cookies from sign-in to their end, in one process: what a browser gets, what it may keep, what it loses. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { brotliCompressSync } from 'node:zlib';
import { createKeyRing } from '../../src/keys/create-key-ring.ts';
import type { KeyRing } from '../../src/keys/key-ring.ts';
import { cookieBudget } from '../../src/sessions/cookie-budget.ts';
import { createBrowser, createCookieFixture, createCookieNodes } from '../support/cookie-session-fixture.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createFakeProvider } from '../support/fake-provider.ts';
import { headWith, until } from '../support/session-fixture.ts';

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const first = '__Host-sallyport-0';
const noise = (bytes: number) => randomBytes(bytes).toString('base64url');

/** Somebody with an access token of so many bytes that no compression makes smaller. */
const signInOf = (f: ReturnType<typeof createCookieFixture>, bytes: number) => {
  const signedIn = f.provider.signIn('alice');
  return { ...signedIn, tokens: { ...signedIn.tokens, accessToken: noise(bytes) } };
};

test('a session is in the browser alone: any process with the keys answers with it', async () => {
  const [one, other] = createCookieNodes(2);
  const browser = createBrowser();
  const begun = await one!.begin(browser);
  assert.deepEqual([...browser.jar.keys()], [first]);
  const answer = await other!.ask(browser);
  assert.ok(answer.kind === 'session');
  assert.deepEqual({ ...answer.session, identity: null }, { ...begun, identity: null });
  assert.equal(answer.session.identity.subject, 'alice');
  assert.deepEqual(answer.setCookies, []);
  await Promise.all([one!.sessions.close(), other!.sessions.close()]);
});

test('cookies of a session are for this host alone, hidden from scripts, and go when the browser closes', async () => {
  const f = createCookieFixture();
  const { setCookies } = await f.sessions.begin(headWith(), 'main', signInOf(f, 3000));
  assert.equal(setCookies.length, 2);
  for (const [i, line] of setCookies.entries()) {
    const [pair, ...attributes] = line.split('; ');
    assert.ok(pair?.startsWith(`__Host-sallyport-${i}=`));
    assert.deepEqual(attributes, ['Path=/', 'HttpOnly', 'Secure', 'SameSite=Lax']);
    assert.ok(line.length <= 4096);
  }
  await f.sessions.close();
});

test('a known session is answered at once and without a new cookie', async () => {
  const f = createCookieFixture();
  const browser = createBrowser();
  await f.begin(browser);
  const opens = countOpens(f.keyRing);
  for (let i = 0; i < 3; i += 1) {
    f.clock.advance(2 * second);
    const answer = f.sessions.authenticate(browser.head());
    assert.ok(!(answer instanceof Promise) && answer.kind === 'session' && answer.setCookies.length === 0);
    assert.equal(answer.session.lastSeenAt, f.clock.now());
  }
  assert.equal(opens(), 0);
  await f.sessions.close();
});

/** How often a ring opens something from now on. */
function countOpens(keyRing: KeyRing): () => number {
  const { open } = keyRing;
  let count = 0;
  Object.assign(keyRing, {
    open: (...parts: Parameters<typeof open>) => {
      count += 1;
      return open(...parts);
    },
  });
  return () => count;
}

test('SC-031: a known session is found by all of its pieces or not at all', async () => {
  const f = createCookieFixture();
  const [mine, theirs] = [createBrowser(), createBrowser()];
  await f.begin(mine, signInOf(f, 3000));
  await f.begin(theirs, signInOf(f, 3000));
  const second_ = '__Host-sallyport-1';
  const swapped = createBrowser([
    [first, mine.jar.get(first) as string],
    [second_, theirs.jar.get(second_) as string],
  ]);
  const cut = createBrowser([[first, mine.jar.get(first) as string]]);
  assert.equal(await f.verdict(mine), 'session');
  assert.equal(await f.verdict(swapped), 'malformed');
  assert.equal(await f.verdict(cut), 'malformed');
  assert.equal(swapped.jar.size + cut.jar.size, 0, 'they are cleared');
  assert.equal(await f.verdict(mine), 'session');
  await f.sessions.close();
});

test('SC-031: pieces behind the last one are no session, and all of them are cleared whatever they are called', async () => {
  const f = createCookieFixture();
  const browser = createBrowser();
  await f.begin(browser);
  browser.take([
    '__Host-sallyport-1=x',
    '__Host-sallyport-9=y',
    '__Host-sallyport-1000000000=z',
    'theme=dark',
  ]);
  assert.equal(await f.verdict(browser), 'ambiguous');
  assert.deepEqual([...browser.jar.keys()], ['theme']);
  await f.sessions.close();
});

test('SC-031: an answer clears a bounded number of cookies', async () => {
  const f = createCookieFixture();
  const jar = Array.from({ length: 500 }, (_, i) => [`__Host-sallyport-${i}`, 'x'] as const);
  const answer = await f.ask(createBrowser(jar));
  assert.ok(answer.kind === 'rejected' && answer.setCookies.length === 32);
  await f.sessions.close();
});

test('a smaller session clears the pieces that a larger one has left', async () => {
  const f = createCookieFixture();
  const browser = createBrowser();
  await f.begin(browser, signInOf(f, 3000));
  assert.equal(browser.jar.size, 2);
  await f.begin(browser, signInOf(f, 10));
  assert.deepEqual([...browser.jar.keys()], [first]);
  assert.equal(await f.verdict(browser), 'session');
  await f.sessions.close();
});

test('… also when it becomes smaller by a refresh', async () => {
  const f = createCookieFixture();
  const browser = createBrowser();
  const large = signInOf(f, 3000);
  await f.begin(browser, {
    ...large,
    tokens: { ...large.tokens, accessTokenExpiresAt: f.clock.now() + minute },
  });
  f.clock.advance(2 * minute);
  assert.equal(await f.verdict(browser), 'session');
  assert.deepEqual([...browser.jar.keys()], [first]);
  assert.equal(await f.verdict(browser), 'session');
  await f.sessions.close();
});

test('SC-032: a session that does not fit fails the sign-in and says why; what fits lasts', async () => {
  const [one, other] = createCookieNodes(2, { config: { idleTimeout: '10h' } });
  let largest = 0;
  let refused = 0;
  for (let bytes = 3200; bytes < 3700; bytes += 3) {
    const browser = createBrowser();
    try {
      await one!.begin(browser, signInOf(one!, bytes));
      largest = bytes;
    } catch (error) {
      assert.equal((error as { code?: string }).code, 'ERR_LOGIN_FAILED');
      assert.equal((error as { detail?: string }).detail, 'session-too-large');
      refused += 1;
      continue;
    }
    const size = [...browser.jar].reduce((sum, [name, value]) => sum + name.length + value.length + 3, 0);
    assert.ok(size <= cookieBudget.session);
    for (let i = 0; i < 3; i += 1) {
      const written = browser.jar.get(first);
      one!.clock.advance(11 * minute + i);
      assert.equal(await (i % 2 === 0 ? other! : one!).verdict(browser), 'session', `${bytes} bytes`);
      assert.notEqual(browser.jar.get(first), written, `${bytes} bytes`);
    }
  }
  assert.ok(largest > 3000 && refused > 0);
  await Promise.all([one!.sessions.close(), other!.sessions.close()]);
});

test('SC-032: a session that a refresh makes too large ends, and its new token is revoked', async () => {
  const f = createCookieFixture();
  const browser = createBrowser();
  await f.begin(browser, f.provider.signIn('alice', { lifetime: minute }));
  f.provider.script(() => f.provider.renewed({ claims: { sub: 'alice', groups: noise(6000) } }));
  f.clock.advance(2 * minute);
  assert.equal(await f.verdict(browser), 'refresh-rejected');
  assert.equal(browser.jar.size, 0);
  assert.deepEqual(f.provider.revoked, ['refresh-2']);
  assert.equal(f.named('session.refresh-failed')[0]?.reason, 'session-too-large');
  await f.sessions.close();
});

test('SC-001, SC-002: signing in again gives another session and ends the one before', async () => {
  const f = createCookieFixture();
  const browser = createBrowser();
  const before = await f.begin(browser);
  const old = browser.copy();
  const after = await f.begin(browser, f.provider.signIn('bob'));
  assert.notEqual(after.key, before.key);
  assert.equal(await f.verdict(old), 'replaced');
  const answer = await f.ask(browser);
  assert.equal(answer.kind === 'session' && answer.session.identity.subject, 'bob');
  assert.deepEqual(f.named('session.ended'), [{ session: before.logId, reason: 'replaced' }]);
  await f.sessions.close();
});

test('SC-001: a cookie that an attacker planted is not taken over by a sign-in', async () => {
  const f = createCookieFixture();
  const planted = createBrowser([[first, 'AAAAAAAAAAA.1.AAAA']]);
  const session = await f.begin(planted);
  assert.notEqual(planted.jar.get(first), 'AAAAAAAAAAA.1.AAAA');
  const answer = await f.ask(planted);
  assert.equal(answer.kind === 'session' && answer.session.key, session.key);
  await f.sessions.close();
});

for (const [id, config, steps, expected] of [
  ['SC-017: idle, a second before', { idleTimeout: '30m' }, [30 * minute - second], 'session'],
  ['SC-017: idle, a second after', { idleTimeout: '30m' }, [30 * minute + second], 'idle'],
  ['SC-017: in use', { idleTimeout: '30m' }, [29 * minute, 29 * minute, 29 * minute], 'session'],
  [
    'SC-018: absolute, in use',
    { absoluteTimeout: '1h' },
    [25 * minute, 25 * minute, 10 * minute + second],
    'absolute',
  ],
] as const) {
  for (const where of ['the same process', 'another process each time']) {
    test(`${id}: ${expected}, by ${where}`, async () => {
      const nodes = createCookieNodes(5, { config });
      const browser = createBrowser();
      await nodes[0]!.begin(browser, nodes[0]!.provider.signIn('alice', { lifetime: 24 * hour }));
      let found = '';
      for (const [i, step] of steps.entries()) {
        nodes[0]!.clock.advance(step);
        found = await nodes[where === 'the same process' ? 0 : i + 1]!.verdict(browser);
      }
      assert.equal(found, expected);
      assert.equal(browser.jar.size, expected === 'session' ? 1 : 0);
      await Promise.all(nodes.map((node) => node.sessions.close()));
    });
  }
}

test('SC-018: a refresh does not move the absolute limit', async () => {
  const f = createCookieFixture({ config: { absoluteTimeout: '1h' } });
  const browser = createBrowser();
  await f.begin(browser, f.provider.signIn('alice', { lifetime: 20 * minute }));
  for (let i = 0; i < 2; i += 1) {
    f.clock.advance(25 * minute);
    assert.equal(await f.verdict(browser), 'session');
  }
  f.clock.advance(10 * minute);
  assert.equal(await f.verdict(browser), 'absolute');
  await f.sessions.close();
});

test('an absolute limit that is raised later does not lengthen sessions of before', async () => {
  const clock = createFakeClock();
  const keyRing = createKeyRing([randomBytes(32)]);
  const provider = createFakeProvider({ clock });
  const before = createCookieFixture({ clock, keyRing, provider, config: { absoluteTimeout: '1h' } });
  const browser = createBrowser();
  await before.begin(browser, provider.signIn('alice', { lifetime: 24 * hour }));
  const after = createCookieFixture({ clock, keyRing, provider, config: { idleTimeout: '9h' } });
  clock.advance(hour);
  assert.equal(await after.verdict(browser), 'absolute');
  await Promise.all([before.sessions.close(), after.sessions.close()]);
});

test('activity makes new cookies at most once a minute, and looking on makes none', async () => {
  const f = createCookieFixture();
  const browser = createBrowser();
  await f.begin(browser);
  const seen = new Set([browser.jar.get(first)]);
  for (let i = 0; i < 300; i += 1) {
    f.clock.advance(second);
    await f.verdict(browser);
    seen.add(browser.jar.get(first));
  }
  assert.equal(seen.size, 6);
  f.clock.advance(10 * minute);
  const held = browser.jar.get(first);
  await f.verdict(browser, { slide: false });
  assert.equal(browser.jar.get(first), held);
  await f.sessions.close();
});

test('SC-019: looking on does not keep a session alive', async () => {
  const f = createCookieFixture();
  const browser = createBrowser();
  await f.begin(browser);
  for (let i = 0; i < 29; i += 1) {
    f.clock.advance(minute);
    assert.equal(await f.verdict(browser, { slide: false }), 'session');
  }
  f.clock.advance(2 * minute);
  assert.equal(await f.verdict(browser, { slide: false }), 'idle');
  await f.sessions.close();
});

test('parallel requests with the cookies of before get the newest ones, and no new ones are made for them', async () => {
  const f = createCookieFixture();
  const browser = createBrowser();
  await f.begin(browser);
  f.clock.advance(2 * minute);
  const tabs = Array.from({ length: 5 }, () => browser.copy());
  for (const tab of tabs) assert.equal(await f.verdict(tab), 'session');
  assert.equal(new Set(tabs.map((tab) => tab.jar.get(first))).size, 1);
  assert.notEqual(tabs[0]?.jar.get(first), browser.jar.get(first));
  await f.sessions.close();
});

test('LO-049: an answer that is still under way when the session ends sets no cookie any more', async () => {
  const f = createCookieFixture();
  const browser = createBrowser();
  await f.begin(browser);
  f.clock.advance(2 * minute);
  const late = await f.sessions.authenticate(browser.copy().head());
  assert.ok(late.kind === 'session' && late.setCookies.length === 1);
  browser.take(await f.sessions.end(late.session, 'logout'));
  assert.equal(browser.jar.size, 0);
  browser.take(late.setCookies);
  assert.equal(browser.jar.size, 0, 'the late answer brings nothing back');
  await f.sessions.close();
});

test('an answer that is still under way when newer cookies are made sets the newer ones', async () => {
  const f = createCookieFixture();
  const browser = createBrowser();
  await f.begin(browser, f.provider.signIn('alice', { lifetime: 10 * minute }));
  f.clock.advance(2 * minute);
  const late = await f.sessions.authenticate(browser.copy().head());
  f.clock.advance(9 * minute);
  await f.ask(browser);
  const newest = browser.jar.get(first);
  assert.ok(late.kind === 'session');
  browser.take(late.setCookies);
  assert.equal(browser.jar.get(first), newest);
  await f.sessions.close();
});

test('SC-013: without a deny-list a copy outlives the logout in other processes, until its limits and no longer', async () => {
  const [one, other] = createCookieNodes(2, { config: { idleTimeout: '1h', absoluteTimeout: '1h' } });
  const browser = createBrowser();
  const session = await one!.begin(browser, one!.provider.signIn('alice', { lifetime: 24 * hour }));
  const thief = browser.copy();
  browser.take(await one!.sessions.end(session, 'logout'));
  assert.equal(browser.jar.size, 0);
  assert.equal(await one!.verdict(thief.copy()), 'logout', 'here it is remembered for a while');
  assert.equal(await other!.verdict(thief), 'session', 'as the guide says');
  one!.clock.advance(hour);
  assert.equal(await other!.verdict(thief), 'absolute');
  await Promise.all([one!.sessions.close(), other!.sessions.close()]);
});

test('logout clears every cookie that a session can have, with the attributes they were set with', async () => {
  const f = createCookieFixture({
    publicUrl: 'http://localhost:3000',
    config: { cookie: { sameSite: 'strict' } },
  });
  const lines = f.sessions.clearCookies();
  assert.equal(lines.length, 8);
  for (const [i, line] of lines.entries())
    assert.equal(line, `sallyport-${i}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0`);
  await f.sessions.close();
});

test('SC-014: cookies under an older key are taken and made anew under the first', async () => {
  const [oldKey, newKey] = [randomBytes(32), randomBytes(32)];
  const clock = createFakeClock();
  const provider = createFakeProvider({ clock });
  const shared = { clock, provider };
  const before = createCookieFixture({ ...shared, keyRing: createKeyRing([oldKey]) });
  const during = createCookieFixture({ ...shared, keyRing: createKeyRing([newKey, oldKey]) });
  const after = createCookieFixture({ ...shared, keyRing: createKeyRing([newKey]) });
  const browser = createBrowser();
  await before.begin(browser);
  const kept = browser.copy();
  assert.equal(await during.verdict(browser), 'session');
  assert.notEqual(browser.jar.get(first), kept.jar.get(first));
  assert.equal(await after.verdict(browser), 'session');
  assert.equal(await after.verdict(kept), 'unknown-key', 'SC-015');
  assert.equal(await during.verdict(kept), 'session', 'FL-043: it stays for a node that has the key');
  for (const f of [before, during, after]) await f.sessions.close();
});

test('SC-015: when a key is gone, what it sealed is refused though it was known, and what it held open ends', async () => {
  const ring = createKeyRing([randomBytes(32)]);
  const f = createCookieFixture({ keyRing: ring });
  const browser = createBrowser();
  const session = await f.begin(browser);
  const ends: string[] = [];
  f.sessions.hold(session, (reason) => ends.push(reason));
  assert.equal(await f.verdict(browser), 'session');
  Object.assign(ring, { open: () => null });
  f.sessions.reverify();
  assert.deepEqual(ends, ['unreadable']);
  assert.equal(await f.verdict(browser), 'sealed');
  await f.sessions.close();
});

test('a key that is gone and was not theirs changes nothing for others, but for one more opening', async () => {
  const f = createCookieFixture();
  const browser = createBrowser();
  await f.begin(browser);
  f.sessions.reverify();
  const opens = countOpens(f.keyRing);
  for (let i = 0; i < 3; i += 1) {
    const answer = await f.ask(browser);
    assert.ok(answer.kind === 'session' && answer.setCookies.length === 0);
  }
  assert.equal(opens(), 1);
  await f.sessions.close();
});

test('SC-049: cookies of one public origin are no session at another one with the same keys', async () => {
  const keyRing = createKeyRing([randomBytes(32)]);
  const here = createCookieFixture({ keyRing });
  const there = createCookieFixture({ keyRing, publicUrl: 'https://other.test' });
  const browser = createBrowser();
  await here.begin(browser);
  assert.equal(await there.verdict(browser.copy()), 'other-origin');
  assert.equal(await here.verdict(browser), 'session');
  await Promise.all([here.sessions.close(), there.sessions.close()]);
});

test('a session of a provider that is configured no longer, or is another one now, is none', async () => {
  const keyRing = createKeyRing([randomBytes(32)]);
  const clock = createFakeClock();
  const here = createCookieFixture({ keyRing, clock });
  const provider = createFakeProvider({ clock, name: 'other' });
  const there = createCookieFixture({ keyRing, clock, provider });
  const browser = createBrowser();
  await here.begin(browser);
  assert.equal(await there.verdict(browser), 'other-provider');
  await Promise.all([here.sessions.close(), there.sessions.close()]);
});

test('SC-036: when the browser has dropped a piece nobody is signed in, and the rest is cleared', async () => {
  const f = createCookieFixture();
  const browser = createBrowser();
  await f.begin(browser, signInOf(f, 3000));
  const rest = createBrowser([['__Host-sallyport-1', browser.jar.get('__Host-sallyport-1') as string]]);
  assert.equal(await f.verdict(rest), 'ambiguous');
  assert.equal(rest.jar.size, 0);
  assert.equal(await f.verdict(rest), 'none');
  await f.sessions.close();
});

test('SC-037: every cookie of a session belongs to the gate', async () => {
  const f = createCookieFixture();
  const { setCookies } = await f.sessions.begin(headWith(), 'main', signInOf(f, 3000));
  for (const line of [...setCookies, ...f.sessions.clearCookies()])
    assert.ok(f.cookieNames.isOwn(line.split('=', 1)[0] as string));
  await f.sessions.close();
});

for (const [id, jump, expected] of [
  ['an hour ahead', hour, 'idle'],
  ['a day ahead', 24 * hour, 'absolute'],
  ['ten minutes back', -10 * minute, 'session'],
  ['a day back', -24 * hour, 'session'],
  ['to 1970', -Date.UTC(2030, 0, 1), 'session'],
] as const) {
  test(`FL-050: the wall clock jumps ${id}: ${expected}, without a storm of refreshes`, async () => {
    const f = createCookieFixture();
    const browser = createBrowser();
    await f.begin(browser, f.provider.signIn('alice', { lifetime: 48 * hour }));
    f.clock.jumpTo(f.clock.now() + jump);
    for (let i = 0; i < 10; i += 1) assert.equal(await f.verdict(browser.copy()), expected);
    assert.ok(f.provider.refreshes.length <= 1);
    await f.sessions.close();
  });
}

test('FL-050: after the clock went back a session lives its limits from then on, and not until the clock has caught up', async () => {
  const f = createCookieFixture();
  const browser = createBrowser();
  await f.begin(browser, f.provider.signIn('alice', { lifetime: 480 * hour }));
  f.clock.jumpTo(f.clock.now() - 24 * hour);
  assert.equal(await f.verdict(browser), 'session');
  f.clock.advance(31 * minute);
  assert.equal(await f.verdict(browser), 'idle');
  await f.sessions.close();
});

test('FL-051: cookies of a node whose clock is half a minute off are a session', async () => {
  const keyRing = createKeyRing([randomBytes(32)]);
  const fast = createCookieFixture({ keyRing, clock: createFakeClock(Date.UTC(2030, 0, 1) + 30 * second) });
  const slow = createCookieFixture({ keyRing, clock: createFakeClock(Date.UTC(2030, 0, 1) - 30 * second) });
  const browser = createBrowser();
  await fast.begin(browser);
  for (const f of [slow, fast, slow]) assert.equal(await f.verdict(browser), 'session');
  await Promise.all([fast.sessions.close(), slow.sessions.close()]);
});

for (const [limit, config, wait] of [
  ['idle', { idleTimeout: '10m' }, 10 * minute],
  ['absolute', { idleTimeout: '1h', absoluteTimeout: '1h' }, hour],
] as const) {
  test(`what is held open ends at the ${limit} limit`, async () => {
    const f = createCookieFixture({ config });
    const session = await f.begin(createBrowser(), f.provider.signIn('alice', { lifetime: 24 * hour }));
    const ends: string[] = [];
    f.sessions.hold(session, (reason) => ends.push(reason));
    f.clock.advance(wait - second);
    await new Promise((resolve) => setTimeout(resolve, 60));
    assert.deepEqual(ends, []);
    f.clock.advance(second);
    await until(() => ends.length > 0);
    assert.deepEqual(ends, [limit]);
    assert.deepEqual(f.named('session.ended'), [{ session: session.logId, reason: limit }]);
    await f.sessions.close();
  });
}

test('an idle copy does not end the session that goes on with newer cookies from another process', async () => {
  const [one, other] = createCookieNodes(2);
  const browser = createBrowser();
  await one!.begin(browser, one!.provider.signIn('alice', { lifetime: 24 * hour }));
  const old = browser.copy();
  one!.clock.advance(25 * minute);
  assert.equal(await other!.verdict(browser), 'session');
  one!.clock.advance(10 * minute);
  assert.equal(await one!.verdict(old), 'idle');
  assert.equal(await one!.verdict(browser), 'session');
  await Promise.all([one!.sessions.close(), other!.sessions.close()]);
});

test('a hold on a session that has ended is told at once', async () => {
  const f = createCookieFixture();
  const session = await f.begin(createBrowser());
  await f.sessions.end(session, 'logout');
  const ends: string[] = [];
  f.sessions.hold(session, (reason) => ends.push(reason));
  await until(() => ends.length > 0);
  assert.deepEqual(ends, ['logout']);
  await f.sessions.close();
});

test('without a deny-list nobody can list or end the sessions of others, and it says so', async () => {
  const f = createCookieFixture();
  const { directory } = f.sessions;
  assert.equal(directory.abilities, 'none');
  assert.equal(await f.sessions.count(), null);
  const logout = { provider: 'main', subject: 'alice', sid: null, issuedAt: 1 };
  await assert.rejects(directory.list({}), /cannot be listed/);
  await assert.rejects(directory.find('x'), /cannot be listed/);
  await assert.rejects(directory.end({}, { reason: 'operator' }), /deny-list/);
  await assert.rejects(directory.endByProvider(logout, 'backchannel-logout'), /deny-list/);
  await assert.rejects(directory.useOnce('x', 1), /deny-list/);
  await f.sessions.close();
});

test('the cache forgets what was not used lately, and cookies bring it back', async () => {
  const f = createCookieFixture({ config: { cacheSize: 10 } });
  const browsers = Array.from({ length: 100 }, () => createBrowser());
  for (const browser of browsers) await f.begin(browser);
  for (const browser of browsers) assert.equal(await f.verdict(browser), 'session');
  await f.sessions.close();
});

test('FL-042: cookies of a newer release are no session here, and stay for the nodes that can read them', async () => {
  const f = createCookieFixture();
  const browser = createBrowser();
  await f.begin(browser);
  const ring = createKeyRing([randomBytes(32)]);
  const json = Buffer.from('{"v":2}');
  const plain = Buffer.concat([Buffer.from([0, 0, 0, json.length]), json]);
  const encoded = Buffer.concat([Buffer.alloc(2), brotliCompressSync(plain)]);
  const sealed = ring.seal('session-cookie', encoded, Buffer.from('abcdefghijk.1'));
  const newer = createBrowser([[first, `abcdefghijk.1.${sealed.toString('base64url')}`]]);
  const older = createCookieFixture({ keyRing: ring });
  assert.equal(await older.verdict(newer), 'newer');
  assert.equal(newer.jar.size, 1);
  await Promise.all([f.sessions.close(), older.sessions.close()]);
});

test('SC-004: a thousand sessions and their cookies have nothing in common', async () => {
  const f = createCookieFixture();
  const seen = new Set<string>();
  for (let i = 0; i < 1000; i += 1) {
    const browser = createBrowser();
    seen.add((await f.begin(browser)).key);
    seen.add((browser.jar.get(first) as string).slice(0, 11));
  }
  assert.equal(seen.size, 2000);
  await f.sessions.close();
});
