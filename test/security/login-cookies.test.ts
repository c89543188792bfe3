/** Signing in and out with the real sessions and login transactions behind the endpoints. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, test } from 'node:test';
import type { Respond } from '../../src/core/decision.ts';
import { createKeyRing } from '../../src/keys/create-key-ring.ts';
import { createCookieNames } from '../../src/sessions/cookie-names.ts';
import { createSessions } from '../../src/sessions/create-sessions.ts';
import { createLoginTransactions } from '../../src/sessions/login-transactions.ts';
import { sessionSchema } from '../../src/sessions/session-config.ts';
import type { Sessions } from '../../src/sessions/sessions.ts';
import { createMemoryStore } from '../../src/stores/memory-store.ts';
import type { Store } from '../../src/stores/store.ts';
import {
  createBrowser,
  createGate,
  createScriptedProvider,
  locationOf,
  loginPrefix,
  publicOrigin,
  sessionCookie,
} from '../support/endpoint-gate.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const opened: Sessions[] = [];
after(() => Promise.all(opened.map((sessions) => sessions.close())));

function createRealGate(sameSite: 'lax' | 'strict' = 'lax') {
  const clock = createFakeClock();
  const provider = createScriptedProvider();
  const store: Store = createMemoryStore({ clock });
  const keyRing = createKeyRing([randomBytes(32)]);
  const publicUrl = new URL(publicOrigin);
  const config = sessionSchema.parse({ cookie: { sameSite } });
  const cookieNames = createCookieNames(config, publicUrl);
  const deps = { store, keyRing, cookieNames, clock };
  const sessions = createSessions(config, {
    ...deps,
    providers: new Map([['main', provider]]),
    publicUrl,
    random: randomBytes,
    emit: () => {},
  });
  opened.push(sessions);
  const transactions = createLoginTransactions(deps);
  const parts = { clock, sessions, transactions };
  const gate = createGate({ parts, providers: [provider], sessionSameSite: sameSite });
  return { gate, store, browser: createBrowser(gate), countSessions: () => sessions.count() };
}

const logOut = (browser: ReturnType<typeof createBrowser>): Promise<Respond> =>
  browser.visit('/.auth/logout', { method: 'POST', headers: { 'sec-fetch-site': 'same-origin' } });

test('sign in, ask, sign out: the longest return target survives, and no login cookie is left', async () => {
  const { browser, countSessions } = createRealGate();
  const target = `/${'a'.repeat(2000)}?x=1`;
  const answer = await browser.signIn(`?returnTo=${encodeURIComponent(target)}`);
  assert.equal(locationOf(answer), publicOrigin + target);
  assert.deepEqual(
    [...browser.jar.keys()].filter((name) => name.startsWith(loginPrefix)),
    [],
  );
  assert.equal((await browser.visit('/.auth/me')).status, 200);
  assert.equal(countSessions(), 1);

  const old = browser.jar.get(sessionCookie) as string;
  const goodbye = await logOut(browser);
  assert.equal(countSessions(), 0);
  await browser.visit(`/.auth/signed-out${new URL(locationOf(goodbye)).search}`);
  assert.deepEqual([...browser.jar.keys()], []);
  browser.jar.set(sessionCookie, old);
  assert.equal((await browser.visit('/.auth/me')).status, 401, 'LO-048');
});

test('RD-020: a target that percent-encoding makes too long for a cookie leads to the default page', async () => {
  const { browser } = createRealGate();
  const answer = await browser.signIn(`?returnTo=/${encodeURIComponent('\u{1f600}'.repeat(900))}`);
  assert.equal(locationOf(answer), `${publicOrigin}/`);
});

test('RP-052, RP-053: of many callbacks at once one is redeemed, and the session of the browser lives on', async () => {
  const { gate, browser } = createRealGate();
  const callback = `/.auth/callback?code=c&state=${await browser.startLogin()}`;
  const cookie = [...browser.jar].map(([name, value]) => `${name}=${value}`).join('; ');
  const answers = await Promise.all(
    Array.from({ length: 10 }, () => gate.call(callback, { headers: { cookie } })),
  );
  assert.equal(answers.filter(({ status }) => status === 303).length, 1);
  assert.equal(gate.provider.redeemed.length, 1);
});

test('RD-021: a login cookie that was tampered with is no login', async () => {
  const { gate, browser } = createRealGate();
  const state = await browser.startLogin();
  const [name = '', value = ''] = [...browser.jar][0] ?? [];
  const flipped = (at: number) =>
    `${value.slice(0, at)}${value[at] === 'A' ? 'B' : 'A'}${value.slice(at + 1)}`;
  for (const forged of [
    flipped(0),
    flipped(40),
    flipped(value.length - 5),
    value.slice(1),
    value.slice(0, -4),
    'x',
    '',
  ]) {
    browser.jar.set(name, forged);
    assert.equal((await browser.visit(`/.auth/callback?code=c&state=${state}`)).status, 400);
  }
  assert.equal(gate.provider.redeemed.length, 0);
});

test('RD-021: a login cookie is no session cookie and the other way round', async () => {
  const { browser } = createRealGate();
  const state = await browser.startLogin();
  const [name = '', value = ''] = [...browser.jar][0] ?? [];
  browser.jar.set(sessionCookie, value);
  assert.equal((await browser.visit('/.auth/me')).status, 401);
  await browser.signIn();
  browser.jar.set(name, browser.jar.get(sessionCookie) as string);
  assert.equal((await browser.visit(`/.auth/callback?code=c&state=${state}`)).status, 400);
});

test('SC-048: two hundred logins leave at most eight login cookies and under four KiB, and the last one works', async () => {
  const { browser } = createRealGate();
  let state = '';
  for (let i = 0; i < 200; i++) state = await browser.startLogin(`?returnTo=/${'x'.repeat(i)}`);
  const cookies = [...browser.jar].filter(([name]) => name.startsWith(loginPrefix));
  assert.ok(cookies.length <= 8, `${cookies.length}`);
  assert.ok(cookies.map(([name, value]) => `${name}=${value}; `).join('').length < 4096);
  assert.equal((await browser.visit(`/.auth/callback?code=c&state=${state}`)).status, 303);
});

test('DL-020: a thousand anonymous logins leave no record behind', async () => {
  const { gate, store } = createRealGate();
  for (let i = 0; i < 1000; i++) await gate.call('/.auth/login?returnTo=/x');
  assert.equal(store.count(''), 0);
});

test('SC-045: with SameSite=Strict the cookie comes on a page of our own', async () => {
  const { browser } = createRealGate('strict');
  const answer = await browser.signIn();
  assert.equal(answer.status, 200);
  const cookie = answer.setCookies.find((line) => line.startsWith(`${sessionCookie}=`));
  assert.match(cookie ?? '', /; SameSite=Strict/);
});

test('every cookie of the endpoints is for this host alone, Secure and HttpOnly', async () => {
  const { browser } = createRealGate();
  const answers = [
    await browser.visit('/.auth/login'),
    await browser.signIn(),
    await browser.visit('/.auth/logout?returnTo=/x', { method: 'POST', headers: { 'x-csrf': '1' } }),
    await browser.visit('/.auth/signed-out'),
  ];
  const cookies = answers.flatMap(({ setCookies }) => setCookies);
  assert.ok(cookies.length >= 8);
  for (const cookie of cookies) {
    assert.match(cookie, /^__Host-sallyport/);
    assert.match(cookie, /; Path=\/; HttpOnly; Secure; SameSite=(Lax|Strict)/);
    assert.doesNotMatch(cookie, /Domain/i);
  }
});
