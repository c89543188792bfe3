/** Refreshing sessions in cookies: one call in one process, one call in a fleet with a deny-list, nothing lost on the way to the browser. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SallyportError } from '../../src/core/errors.ts';
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
const first = '__Host-sallyport-0';
const down = () => {
  throw new SallyportError('ERR_PROVIDER_UNAVAILABLE', 'down', {});
};

function createFleet(count: number) {
  const clock = createFakeClock();
  const shared = createSharedStore(clock);
  return { shared, nodes: createCookieNodes(count, { clock, denyStore: shared.store }) };
}

test('FL-060: 500 requests at once on an expired session make one refresh, and all of them bring the new cookie', async () => {
  const f = createCookieFixture();
  const browser = createBrowser();
  await f.begin(browser, f.provider.signIn('alice', { lifetime: 5 * minute }));
  f.clock.advance(6 * minute);
  const tabs = Array.from({ length: 500 }, () => browser.copy());
  const answers = await Promise.all(tabs.map((tab) => f.ask(tab)));
  assert.equal(f.provider.refreshes.length, 1);
  for (const answer of answers)
    assert.equal(answer.kind === 'session' && answer.session.tokens.accessToken, 'access-2');
  assert.equal(new Set(tabs.map((tab) => tab.jar.get(first))).size, 1);
  await f.sessions.close();
});

test('FL-060: … in a process that has never seen it as well', async () => {
  const [one, other] = createCookieNodes(2);
  const browser = createBrowser();
  await one!.begin(browser, one!.provider.signIn('alice', { lifetime: 5 * minute }));
  one!.clock.advance(6 * minute);
  const tabs = Array.from({ length: 500 }, () => browser.copy());
  assert.deepEqual([...new Set(await Promise.all(tabs.map((tab) => other!.verdict(tab))))], ['session']);
  assert.equal(one!.provider.refreshes.length, 1);
  await Promise.all([one!.sessions.close(), other!.sessions.close()]);
});

test('requests that come with the cookies of before a refresh get the new tokens and do not refresh again', async () => {
  const f = createCookieFixture();
  const browser = createBrowser();
  await f.begin(browser, f.provider.signIn('alice', { lifetime: 5 * minute }));
  f.clock.advance(6 * minute);
  const old = browser.copy();
  await f.ask(browser);
  for (let i = 0; i < 4; i += 1) {
    f.clock.advance(30 * second);
    const late = old.copy();
    const answer = await f.ask(late);
    assert.equal(answer.kind === 'session' && answer.session.tokens.accessToken, 'access-2');
    assert.notEqual(late.jar.get(first), old.jar.get(first));
  }
  assert.equal(f.provider.refreshes.length, 1);
  await f.sessions.close();
});

test('new tokens that no browser has seen yet are not dropped from memory', async () => {
  const f = createCookieFixture({ config: { cacheSize: 5 } });
  const browser = createBrowser();
  await f.begin(browser, f.provider.signIn('alice', { lifetime: 5 * minute }));
  f.clock.advance(6 * minute);
  await f.verdict(browser.copy());
  for (let i = 0; i < 100; i += 1) await f.begin(createBrowser());
  assert.equal(await f.verdict(browser), 'session');
  assert.equal(f.provider.refreshes.length, 1);
  await f.sessions.close();
});

test('a token that is renewed early is renewed for the answer that began it, so that the browser has it', async () => {
  const f = createCookieFixture();
  const browser = createBrowser();
  await f.begin(browser, f.provider.signIn('alice', { lifetime: 5 * minute }));
  f.clock.advance(4 * minute + 15 * second);
  const answer = await f.ask(browser);
  assert.equal(answer.kind === 'session' && answer.session.tokens.accessToken, 'access-2');
  assert.ok(answer.kind === 'session' && answer.setCookies.length === 1);
  await f.sessions.close();
});

test('… and by the tokens of before when the provider fails, which is asked again after a while only', async () => {
  const f = createCookieFixture();
  const browser = createBrowser();
  await f.begin(browser, f.provider.signIn('alice', { lifetime: 5 * minute }));
  f.clock.advance(4 * minute + 15 * second);
  f.provider.script(down, () => f.provider.renewed());
  for (let i = 0; i < 5; i += 1) {
    const answer = await f.ask(browser);
    assert.equal(answer.kind === 'session' && answer.session.tokens.accessToken, 'access-1');
  }
  assert.equal(f.provider.refreshes.length, 1);
  f.clock.advance(7 * second);
  const answer = await f.ask(browser);
  assert.equal(answer.kind === 'session' && answer.session.tokens.accessToken, 'access-3'.replace('3', '2'));
  await f.sessions.close();
});

test('FL-021: with an expired token and a provider that is down it is a failure, and the session is kept', async () => {
  const f = createCookieFixture();
  const browser = createBrowser();
  await f.begin(browser, f.provider.signIn('alice', { lifetime: minute }));
  f.clock.advance(2 * minute);
  f.provider.script(down, () => f.provider.renewed());
  await assert.rejects(f.ask(browser), { code: 'ERR_PROVIDER_UNAVAILABLE' });
  await assert.rejects(f.ask(browser), { code: 'ERR_PROVIDER_UNAVAILABLE' });
  assert.equal(f.provider.refreshes.length, 1);
  f.clock.advance(10 * second);
  assert.equal(await f.verdict(browser), 'session');
  await f.sessions.close();
});

test('LO-025: a refresh that comes back after the logout brings nothing back, and its token is revoked', async () => {
  const f = createCookieFixture();
  const browser = createBrowser();
  const session = await f.begin(browser, f.provider.signIn('alice', { lifetime: minute }));
  const { promise, resolve } = Promise.withResolvers<void>();
  f.provider.script(async () => {
    await promise;
    return f.provider.renewed();
  });
  f.clock.advance(2 * minute);
  const waiting = f.verdict(browser);
  await until(() => f.provider.refreshes.length === 1);
  browser.take(await f.sessions.end(session, 'logout'));
  resolve();
  assert.equal(await waiting, 'logout');
  assert.equal(browser.jar.size, 0);
  assert.deepEqual(f.provider.revoked, ['refresh-2']);
  await f.sessions.close();
});

test('SC-003: claims follow the refresh, and the cookie takes them along', async () => {
  const [one, other] = createCookieNodes(2);
  const browser = createBrowser();
  await one!.begin(browser, one!.provider.signIn('alice', { lifetime: minute }));
  one!.provider.script(() => one!.provider.renewed({ claims: { sub: 'alice', groups: ['out'] } }));
  one!.clock.advance(2 * minute);
  await one!.ask(browser);
  const answer = await other!.ask(browser);
  assert.deepEqual(answer.kind === 'session' && answer.session.identity.claims.groups, ['out']);
  await Promise.all([one!.sessions.close(), other!.sessions.close()]);
});

test('a session that the provider ends is over', async () => {
  const f = createCookieFixture();
  const browser = createBrowser();
  await f.begin(browser, f.provider.signIn('alice', { lifetime: minute }));
  f.provider.script(() => ({ kind: 'rejected', reason: 'invalid-grant' }));
  f.clock.advance(2 * minute);
  const copy = browser.copy();
  assert.equal(await f.verdict(browser), 'refresh-rejected');
  assert.equal(browser.jar.size, 0);
  assert.equal(await f.verdict(copy), 'refresh-rejected');
  assert.equal(f.provider.refreshes.length, 1);
  await f.sessions.close();
});

test('FL-062: 100 requests on each of three nodes with a deny-list make one refresh in all', async () => {
  const { nodes } = createFleet(3);
  const { clock, provider } = nodes[0]!;
  const browser = createBrowser();
  await nodes[0]!.begin(browser, provider.signIn('alice', { lifetime: 5 * minute }));
  provider.script(async () => {
    await new Promise((resolve) => setTimeout(resolve, 20));
    return provider.renewed();
  });
  clock.advance(6 * minute);
  const answers = await Promise.all(
    nodes.flatMap((node) => Array.from({ length: 100 }, () => node.ask(browser.copy()))),
  );
  assert.equal(provider.refreshes.length, 1);
  for (const answer of answers)
    assert.equal(answer.kind === 'session' && answer.session.tokens.accessToken, 'access-2');
  await Promise.all(nodes.map((node) => node.sessions.close()));
});

test('a node with a deny-list takes the tokens that another one has renewed, though the browser has not', async () => {
  const { nodes } = createFleet(2);
  const [one, other] = nodes;
  const browser = createBrowser();
  await one!.begin(browser, one!.provider.signIn('alice', { lifetime: 5 * minute }));
  one!.clock.advance(6 * minute);
  await one!.ask(browser.copy());
  const answer = await other!.ask(browser);
  assert.equal(answer.kind === 'session' && answer.session.tokens.accessToken, 'access-2');
  assert.equal(one!.provider.refreshes.length, 1);
  // What the browser has now is good without either of them.
  const third = createCookieFixture({ clock: one!.clock, provider: one!.provider, keyRing: one!.keyRing });
  const again = await third.ask(browser);
  assert.equal(again.kind === 'session' && again.session.tokens.refreshToken, 'refresh-2');
  await Promise.all([...nodes, third].map((node) => node.sessions.close()));
});

test('of two cookies of one session the one with more renewals counts, wherever it was made', async () => {
  const [one, other] = createCookieNodes(2);
  const browser = createBrowser();
  await one!.begin(browser, one!.provider.signIn('alice', { lifetime: 5 * minute }));
  const old = browser.copy();
  one!.clock.advance(6 * minute);
  await other!.ask(browser);
  assert.equal(await one!.verdict(browser), 'session');
  const answer = await one!.ask(old);
  assert.equal(answer.kind === 'session' && answer.session.tokens.accessToken, 'access-2');
  assert.equal(one!.provider.refreshes.length, 1);
  await Promise.all([one!.sessions.close(), other!.sessions.close()]);
});

test('LO-025: a logout on another node during a refresh ends the session, and the new token is revoked', async () => {
  const { nodes } = createFleet(2);
  const [one, other] = nodes;
  const browser = createBrowser();
  await one!.begin(browser, one!.provider.signIn('alice', { lifetime: 5 * minute }));
  const elsewhere = await other!.ask(browser.copy());
  assert.ok(elsewhere.kind === 'session');
  const { promise, resolve } = Promise.withResolvers<void>();
  one!.provider.script(async () => {
    await promise;
    return one!.provider.renewed();
  });
  one!.clock.advance(6 * minute);
  const waiting = one!.verdict(browser);
  await until(() => one!.provider.refreshes.length === 1);
  await other!.sessions.end(elsewhere.session, 'logout');
  resolve();
  assert.notEqual(await waiting, 'session');
  assert.deepEqual(one!.provider.revoked, ['refresh-2']);
  await Promise.all(nodes.map((node) => node.sessions.close()));
});

test('renewed tokens go to the browser although the store cannot be told of them', async () => {
  const clock = createFakeClock();
  const store = createFaultyStore(createSharedStore(clock).store);
  const f = createCookieFixture({ clock, denyStore: store });
  const browser = createBrowser();
  await f.begin(browser, f.provider.signIn('alice', { lifetime: 5 * minute }));
  clock.advance(6 * minute);
  f.provider.script(() => {
    store.fail('set');
    return f.provider.renewed();
  });
  const answer = await f.ask(browser);
  assert.equal(answer.kind === 'session' && answer.session.tokens.accessToken, 'access-2');
  store.fail();
  const other = createCookieFixture({ clock, provider: f.provider, keyRing: f.keyRing });
  const again = await other.ask(browser);
  assert.equal(again.kind === 'session' && again.session.tokens.refreshToken, 'refresh-2');
  await Promise.all([f.sessions.close(), other.sessions.close()]);
});
