/** Section 7 of the catalogue from LO-040, at the endpoint. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Respond } from '../../src/core/decision.ts';
import { headerValue } from '../../src/core/headers.ts';
import {
  type Browser,
  createBrowser,
  createGate,
  locationOf,
  publicOrigin,
  secretTokens,
  sessionCookie,
  wholeAnswer,
} from '../support/endpoint-gate.ts';

const signedOutUrl = `${publicOrigin}/.auth/signed-out`;

const logOut = (
  browser: Browser,
  query = '',
  headers: Readonly<Record<string, string>> = {},
): Promise<Respond> =>
  browser.visit(`/.auth/logout${query}`, {
    method: 'POST',
    headers: { 'sec-fetch-site': 'same-origin', ...headers },
  });

/** The path and query by which a provider sends the browser back from there. */
function backFrom(answer: Respond): string {
  const state = new URL(locationOf(answer)).searchParams.get('state');
  return `/.auth/signed-out?state=${state}`;
}

async function signedInGate() {
  const gate = createGate();
  const browser = createBrowser(gate);
  await browser.signIn();
  return { gate, browser };
}

test('LO-040: the session ends first, the cookie is cleared as it was set, then the provider is told', async () => {
  const { gate, browser } = await signedInGate();
  let liveWhenAsked = -1;
  gate.provider.script.endSession = async (uri) => {
    liveWhenAsked = gate.sessions.live.size;
    return `https://main.idp.test/logout?post_logout_redirect_uri=${encodeURIComponent(uri)}`;
  };
  const answer = await logOut(browser);
  assert.equal(answer.status, 303);
  assert.equal(liveWhenAsked, 0);
  assert.equal(new URL(locationOf(answer)).searchParams.get('post_logout_redirect_uri'), signedOutUrl);
  assert.deepEqual(gate.provider.loggedOut, [
    { idToken: secretTokens.idToken, postLogoutRedirectUri: signedOutUrl },
  ]);
  const cleared = answer.setCookies.find((cookie) => cookie.startsWith(`${sessionCookie}=`));
  assert.equal(cleared, `${sessionCookie}=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0`);
  assert.equal(headerValue(answer.headers, 'cache-control'), 'no-store');
  assert.equal(headerValue(answer.headers, 'referrer-policy'), 'no-referrer');
});

test('LO-041: without an end_session_endpoint the logout is local, and the page says what lives on', async () => {
  const { gate, browser } = await signedInGate();
  gate.provider.script.endSession = async () => null;
  const answer = await logOut(browser);
  assert.equal(locationOf(answer), `${signedOutUrl}?local=1`);
  assert.deepEqual(gate.provider.revoked, [secretTokens.refreshToken, secretTokens.accessToken]);
  const page = await browser.visit('/.auth/signed-out?local=1');
  assert.match(page.body, /may still be signed in there/);
  assert.doesNotMatch((await browser.visit('/.auth/signed-out')).body, /may still be signed in there/);
});

test('LO-043: the ID token is the hint even when it has long expired', async () => {
  const { gate, browser } = await signedInGate();
  gate.clock.advance(1_700_000);
  await logOut(browser);
  assert.equal(gate.provider.loggedOut[0]?.idToken, secretTokens.idToken);
});

test('LO-044, LO-045: the signed-out page takes nothing from a state and changes no session', async () => {
  const { gate, browser } = await signedInGate();
  const [key] = gate.sessions.live.keys();
  const evil = encodeURIComponent('https://evil.example/');
  const queries = [
    '',
    `?state=${evil}`,
    `?state=${evil}&state=x`,
    `?returnTo=${evil}`,
    '?state=%ff',
    `?local=${evil}`,
    '?error=x',
  ];
  for (const query of queries) {
    const page = await browser.visit(`/.auth/signed-out${query}`);
    assert.equal(page.status, 200, query);
    assert.doesNotMatch(wholeAnswer(page), /evil/);
    assert.deepEqual(page.setCookies, []);
  }
  assert.deepEqual([...gate.sessions.live.keys()], [key]);
  assert.equal(browser.jar.get(sessionCookie), key);
});

test('SC-046: the signed-out page never tells a person with a live session that it has ended', async () => {
  const { browser } = await signedInGate();
  const page = await browser.visit('/.auth/signed-out');
  assert.match(page.body, /<h1>You are still signed in<\/h1>/);
  assert.doesNotMatch(page.body, /signed out|has ended/);
  assert.match(page.body, /href="https:\/\/app\.test\/\.auth\/logout">Sign out</);
  await logOut(browser);
  assert.match((await browser.visit('/.auth/signed-out')).body, /<h1>You are signed out<\/h1>/);
});

test('LO-045: a planted after-logout cookie leads nowhere that a return target could not', async () => {
  const gate = createGate();
  const name = `${sessionCookie}-after-logout`;
  for (const target of [
    'https://evil.example/',
    '//evil.example',
    '/.auth/logout',
    'javascript:alert(1)',
    '\u0000',
  ]) {
    const cookie = `${name}=planted.${Buffer.from(target).toString('base64url')}`;
    const answer = await gate.call('/.auth/signed-out?state=planted', { headers: { cookie } });
    assert.equal(answer.status, 200, target);
    assert.match(answer.setCookies.join(), /Max-Age=0/);
  }
});

test('LO-047: neither a revocation that hangs nor one that failed keeps anybody signed in', async () => {
  const { gate, browser } = await signedInGate();
  gate.provider.script.revoke = () => new Promise(() => {});
  assert.equal((await logOut(browser)).status, 303);
  assert.deepEqual(gate.provider.revoked, [secretTokens.refreshToken, secretTokens.accessToken]);
  assert.equal(gate.sessions.live.size, 0);
});

test('LO-047: a provider that does not answer is not waited for longer than two seconds', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { gate, browser } = await signedInGate();
  let asked = () => {};
  const isAsked = new Promise<void>((resolve) => {
    asked = resolve;
  });
  gate.provider.script.endSession = () => {
    asked();
    return new Promise(() => {});
  };
  const answer = logOut(browser);
  await isAsked;
  await new Promise((resolve) => setImmediate(resolve));
  t.mock.timers.tick(2000);
  assert.equal(locationOf(await answer), `${signedOutUrl}?local=1`);
});

test('a provider that fails at logout leaves a local logout', async () => {
  const { gate, browser } = await signedInGate();
  gate.provider.script.endSession = async () => {
    throw new Error('unexpected');
  };
  assert.equal(locationOf(await logOut(browser)), `${signedOutUrl}?local=1`);
  assert.equal(gate.sessions.live.size, 0);
});

test('LO-048: the old cookie is nobody after the logout', async () => {
  const { browser } = await signedInGate();
  const old = browser.jar.get(sessionCookie) as string;
  await logOut(browser);
  browser.jar.set(sessionCookie, old);
  assert.equal((await browser.visit('/.auth/me')).status, 401);
});

test('LO-051, LO-054: the signed-out page is public, never stored, and starts no sign-in by itself', async () => {
  const gate = createGate();
  const page = await gate.call('/.auth/signed-out');
  assert.equal(page.status, 200);
  assert.equal(headerValue(page.headers, 'cache-control'), 'no-store');
  assert.doesNotMatch(page.body, /http-equiv|<script|<iframe|<img/i);
  assert.match(page.body, /href="https:\/\/app\.test\/\.auth\/login">Sign in again</);
});

test('LO-051, SC-053: after a sign-out the kept pages go, and nothing that belongs to the application', async () => {
  const { browser } = await signedInGate();
  const clearSiteData = (answer: Respond) => headerValue(answer.headers, 'clear-site-data');
  assert.equal(clearSiteData(await browser.visit('/.auth/signed-out')), null, 'nobody signed out yet');
  assert.equal(clearSiteData(await browser.visit('/.auth/me')), null);
  const back = backFrom(await logOut(browser, '?returnTo=/bye'));
  assert.equal(clearSiteData(await browser.visit(back)), '"cache"', 'on the way on');
  const headers = { 'sec-fetch-site': 'same-origin', 'sec-fetch-dest': 'document' };
  assert.equal(
    clearSiteData(await browser.visit('/.auth/signed-out', { headers })),
    '"cache"',
    'on the page',
  );
});

test('LO-051: what another site opens or embeds never empties the cache of anybody', async () => {
  for (const [site, destination] of [
    ['cross-site', 'document'],
    ['same-site', 'document'],
    ['cross-site', 'image'],
    ['same-origin', 'image'],
    ['same-origin', 'empty'],
    ['none', 'document'],
  ] as const) {
    const headers = { 'sec-fetch-site': site, 'sec-fetch-dest': destination };
    const { browser } = await signedInGate();
    await logOut(browser);
    const page = await browser.visit('/.auth/signed-out?state=guessed', { headers });
    assert.equal(page.status, 200);
    assert.equal(headerValue(page.headers, 'clear-site-data'), null, `${site} ${destination}`);
  }
});

test('LO-040, LO-044, LO-045: only the answer to the logout of this very browser leads on', async () => {
  const { gate, browser } = await signedInGate();
  const state = new URL(locationOf(await logOut(browser, '?returnTo=/bye'))).searchParams.get('state') ?? '';
  assert.match(state, /^[A-Za-z0-9_-]{43}$/);
  const kept = browser.jar.get(`${sessionCookie}-after-logout`) as string;
  for (const query of ['', '?state=', '?state=other', `?state=${state}&state=${state}`, `?state=${state}x`]) {
    browser.jar.set(`${sessionCookie}-after-logout`, kept);
    const page = await browser.visit(`/.auth/signed-out${query}`);
    assert.equal(page.status, 200, query);
    assert.match(page.body, /<h1>You are signed out<\/h1>/);
  }
  const stranger = await createBrowser(gate).visit(`/.auth/signed-out?state=${state}`);
  assert.equal(stranger.status, 200);
  browser.jar.set(`${sessionCookie}-after-logout`, kept);
  assert.equal(locationOf(await browser.visit(`/.auth/signed-out?state=${state}`)), `${publicOrigin}/bye`);
});

test('LO-040: every logout has a state of its own, and none of it is left after the return', async () => {
  const states = new Set<string>();
  for (let i = 0; i < 3; i++) {
    const { browser } = await signedInGate();
    const back = backFrom(await logOut(browser));
    states.add(back);
    assert.equal((await browser.visit(back)).status, 200);
    assert.equal(browser.jar.size, 0);
  }
  assert.equal(states.size, 3);
});

test('without a session a logout clears the cookies and goes straight to the signed-out page', async () => {
  const gate = createGate();
  for (const cookie of ['', `${sessionCookie}=stale`]) {
    const browser = createBrowser(gate);
    if (cookie !== '') browser.jar.set(sessionCookie, 'stale');
    const answer = await logOut(browser);
    assert.equal(locationOf(answer), signedOutUrl);
    assert.match(answer.setCookies.join(), /Max-Age=0/);
    assert.equal(gate.provider.loggedOut.length, 0);
    assert.equal(gate.provider.revoked.length, 0);
  }
});

test('LO-020: a store that is down gives a failure: nobody is told to be signed out who is not', async () => {
  const { gate, browser } = await signedInGate();
  gate.sessions.down = true;
  await assert.rejects(logOut(browser), { code: 'ERR_STORE_UNAVAILABLE' });
  gate.sessions.down = false;
  assert.equal(gate.sessions.live.size, 1);
  assert.equal((await browser.visit('/.auth/me')).status, 200);
});

test('a script gets the address to go on to instead of a redirect it could not follow', async () => {
  const { browser } = await signedInGate();
  const answer = await logOut(browser, '', { accept: 'application/json' });
  assert.equal(answer.status, 200);
  assert.match(JSON.parse(answer.body).location, /^https:\/\/main\.idp\.test\/logout\?/);
});

test('a return target is reached over the provider and the signed-out path, once', async () => {
  const { browser } = await signedInGate();
  const answer = await logOut(browser, '?returnTo=/bye%3Fx=1');
  assert.equal(new URL(locationOf(answer)).searchParams.get('post_logout_redirect_uri'), signedOutUrl);
  const back = await browser.visit(backFrom(answer));
  assert.equal(back.status, 303);
  assert.equal(locationOf(back), `${publicOrigin}/bye?x=1`);
  assert.equal((await browser.visit('/.auth/signed-out')).status, 200);
});

test('a return target comes from a form field as well, and a bad one is dropped', async () => {
  for (const [form, location] of [
    ['returnTo=%2Fbye', `${publicOrigin}/bye`],
    ['returnTo=%2F%2Fevil.example', `${signedOutUrl}?local=1`],
    ['returnTo=%2Fa&returnTo=%2Fb', `${signedOutUrl}?local=1`],
  ] as const) {
    const { gate, browser } = await signedInGate();
    gate.provider.script.endSession = async () => null;
    const headers = { 'sec-fetch-site': 'same-origin' };
    const answer = await browser.visit('/.auth/logout', { method: 'POST', form, headers });
    assert.equal(locationOf(answer), location);
  }
});

test('a session of a provider that is no longer configured still ends', async () => {
  const { gate, browser } = await signedInGate();
  for (const [key, session] of gate.sessions.live) {
    gate.sessions.live.set(key, { ...session, identity: { ...session.identity, provider: 'gone' } });
  }
  assert.equal(locationOf(await logOut(browser)), `${signedOutUrl}?local=1`);
  assert.equal(gate.sessions.live.size, 0);
});
