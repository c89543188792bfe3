/** Starting a login: who may, with which parameters, and when it has to stop. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SallyportError } from '../../src/core/errors.ts';
import { headerValue } from '../../src/core/headers.ts';
import {
  bounceCookie,
  createBrowser,
  createGate,
  createScriptedProvider,
  locationOf,
  loginPrefix,
  publicOrigin,
  secretTokens,
  sessionCookie,
  signedIn,
} from '../support/endpoint-gate.ts';

const speculative: readonly Readonly<Record<string, string>>[] = [
  { 'sec-purpose': 'prefetch' },
  { 'sec-purpose': 'prefetch;prerender' },
  { 'sec-purpose': 'prefetch;anonymous-client-ip' },
  { purpose: 'prefetch' },
  { 'x-purpose': 'preview' },
  { 'x-moz': 'prefetch' },
];

for (const headers of speculative) {
  test(`RP-063, SC-054: a login fetched ahead (${Object.entries(headers).flat().join(': ')}) starts nothing`, async () => {
    const gate = createGate();
    const answer = await gate.call('/.auth/login', { headers: { ...headers, 'sec-fetch-dest': 'document' } });
    assert.equal(answer.status, 403);
    assert.deepEqual(answer.setCookies, []);
    assert.equal(gate.transactions.open.size, 0);
    assert.equal(gate.provider.asked.length, 0);
  });
}

for (const destination of [
  'image',
  'iframe',
  'frame',
  'script',
  'style',
  'font',
  'embed',
  'object',
  'empty',
  'video',
  'worker',
]) {
  test(`RD-051: a login that is loaded as ${destination} starts nothing`, async () => {
    const gate = createGate();
    const headers = { 'sec-fetch-dest': destination, 'sec-fetch-site': 'cross-site' };
    const answer = await gate.call('/.auth/login?returnTo=/x', { headers });
    assert.equal(answer.status, 403);
    assert.equal(headerValue(answer.headers, 'location'), null);
    assert.equal(gate.transactions.open.size, 0);
  });
}

test('RD-051: a link of another site at worst starts a flow, and makes no session', async () => {
  const gate = createGate();
  const headers = {
    'sec-fetch-dest': 'document',
    'sec-fetch-mode': 'navigate',
    'sec-fetch-site': 'cross-site',
  };
  const answer = await gate.call('/.auth/login', { headers });
  assert.equal(answer.status, 303);
  assert.ok(!answer.setCookies.some((cookie) => cookie.startsWith(`${sessionCookie}=`)));
  assert.equal(gate.sessions.live.size, 0);
});

test('a HEAD on the login starts nothing', async () => {
  const gate = createGate();
  assert.equal((await gate.call('/.auth/login', { method: 'HEAD' })).status, 403);
  assert.equal(gate.transactions.open.size, 0);
});

test('RD-052: only the parameters on the allow-list reach the provider', async () => {
  const gate = createGate();
  const reserved =
    'scope=openid+admin&acr_values=x&resource=y&redirect_uri=https://evil.example&client_id=evil';
  const more = 'state=s&nonce=n&response_type=token&code_challenge=c&request=r&__proto__=p&max_age=0';
  await gate.call(
    `/.auth/login?${reserved}&${more}&prompt=login&login_hint=alice%40app.test&ui_locales=de-CH+fr`,
  );
  assert.deepEqual(gate.provider.asked[0]?.parameters, {
    prompt: 'login',
    login_hint: 'alice@app.test',
    ui_locales: 'de-CH fr',
  });
});

const malformed = [
  ['prompt', 'login&prompt=none'],
  ['prompt', 'login%0d%0aX:'],
  ['prompt', 'LOGIN'],
  ['prompt', 'constructor'],
  ['prompt', 'none login'],
  ['prompt', 'login '],
  ['prompt', ''],
  ['login_hint', 'a%00b'],
  ['login_hint', 'a%0ab'],
  ['login_hint', 'x'.repeat(257)],
  ['login_hint', '%ed%a0%80%e2%80%ae'],
  ['ui_locales', 'de;q=1'],
  ['ui_locales', '<script>'],
] as const;

for (const [name, value] of malformed) {
  test(`RD-052: ${name}=${value.slice(0, 24)} is ignored`, async () => {
    const gate = createGate();
    await gate.call(`/.auth/login?${name}=${value}`);
    assert.deepEqual(gate.provider.asked[0]?.parameters, {});
  });
}

test('state, nonce and verifier are fresh for every login, 256 bits each, and differ from each other', async () => {
  const gate = createGate();
  const browser = createBrowser(gate);
  for (let i = 0; i < 50; i++) await browser.startLogin();
  const all = gate.provider.asked.flatMap(({ secrets }) => [
    secrets.state,
    secrets.nonce,
    secrets.codeVerifier,
  ]);
  for (const secret of all) assert.match(secret, /^[A-Za-z0-9_-]{43}$/);
  assert.equal(new Set(all).size, 150);
});

test('parallel tabs: several logins of one browser all come to an end', async () => {
  const gate = createGate();
  const browser = createBrowser(gate);
  const states = [];
  for (const target of ['/a', '/b', '/c']) states.push(await browser.startLogin(`?returnTo=${target}`));
  const landings = [];
  for (const state of states.reverse()) {
    landings.push(locationOf(await browser.visit(`/.auth/callback?code=c&state=${state}`)));
  }
  assert.deepEqual(landings, [`${publicOrigin}/c`, `${publicOrigin}/b`, `${publicOrigin}/a`]);
});

test('FL-021: a provider that is down starts no transaction and says so', async () => {
  const gate = createGate();
  gate.provider.script.authorize = async () => {
    throw new SallyportError('ERR_PROVIDER_UNAVAILABLE', 'down');
  };
  await assert.rejects(gate.call('/.auth/login'), { code: 'ERR_PROVIDER_UNAVAILABLE' });
  assert.equal(gate.transactions.open.size, 0);
  assert.deepEqual(gate.events, []);
});

/** A browser that keeps every cookie but that of the session. */
async function turn(browser: ReturnType<typeof createBrowser>) {
  const answer = await browser.signIn('?returnTo=/deep');
  browser.jar.delete(sessionCookie);
  return answer;
}

test('three sign-ins without a session end on a page that explains it, and the next click is a fresh start', async () => {
  const gate = createGate();
  const browser = createBrowser(gate);
  for (let i = 0; i < 3; i++) assert.equal((await turn(browser)).status, 303);
  assert.match(browser.jar.get(bounceCookie) ?? '', /^3-\d+$/);

  const page = await browser.visit('/.auth/login?returnTo=/deep');
  assert.equal(page.status, 400);
  assert.equal(headerValue(page.headers, 'location'), null);
  assert.match(page.body, /ERR_LOGIN_LOOP/);
  assert.match(page.body, /cookie/);
  assert.match(
    page.body,
    /href="https:\/\/app\.test\/\.auth\/login\?returnTo=https%3A%2F%2Fapp\.test%2Fdeep">Try again</,
  );
  assert.equal(gate.transactions.open.size, 0);
  const last = gate.events.at(-1);
  assert.equal(last?.name, 'login.failed');

  assert.ok(!browser.jar.has(bounceCookie));
  assert.equal((await turn(browser)).status, 303);
});

test('a form_post provider is counted as well: its answers are cross-site posts', async () => {
  const gate = createGate({ providers: [createScriptedProvider('main', 'form_post')] });
  const browser = createBrowser(gate);
  const state = await browser.startLogin();
  const answer = await browser.visit('/.auth/callback', { method: 'POST', form: `code=c&state=${state}` });
  const bounce = answer.setCookies.find((cookie) => cookie.startsWith(bounceCookie));
  assert.match(bounce ?? '', /; Secure; SameSite=None; Max-Age=60$/);
});

test('sign-ins that lead to a session are no loop, however many', async () => {
  const gate = createGate();
  const browser = createBrowser(gate);
  for (let i = 0; i < 6; i++) assert.equal((await browser.signIn()).status, 303);
});

test('a provider whose tokens are dead on arrival does not send anybody round in circles', async () => {
  const gate = createGate();
  const tokens = {
    ...secretTokens,
    refreshToken: null,
    accessTokenExpiresAt: gate.clock.now(),
    scope: 'openid',
  };
  gate.provider.script.redeem = async () => ({ ...signedIn(), tokens });
  const browser = createBrowser(gate);
  for (let i = 0; i < 3; i++) assert.equal((await browser.signIn()).status, 303);
  assert.match((await browser.visit('/.auth/login')).body, /ERR_LOGIN_LOOP/);
});

test('sign-ins a minute apart are no loop', async () => {
  const gate = createGate();
  const browser = createBrowser(gate);
  for (let i = 0; i < 6; i++) {
    assert.equal((await turn(browser)).status, 303);
    gate.clock.advance(61_000);
  }
});

test('a logout is a fresh start for the counter', async () => {
  const gate = createGate();
  const browser = createBrowser(gate);
  for (let i = 0; i < 6; i++) {
    assert.equal((await browser.signIn()).status, 303);
    await browser.visit('/.auth/logout', { method: 'POST', headers: { 'sec-fetch-site': 'same-origin' } });
  }
});

test('a counter that is forged, from the future or doubled counts for nothing', async () => {
  const gate = createGate();
  const now = Math.floor(gate.clock.now() / 1000);
  for (const value of [
    `9-${now + 60}`,
    '3-',
    `-3-${now}`,
    'x',
    `3-${now - 61}`,
    `33-${now}`,
    `3-${now}; ${bounceCookie}=2-${now}`,
  ]) {
    const answer = await gate.call('/.auth/login', { headers: { cookie: `${bounceCookie}=${value}` } });
    assert.equal(answer.status, 303, value);
  }
});

test('FL-001: whether a login loops cannot be told while the store is down: that is a failure, not a loop', async () => {
  const gate = createGate();
  const browser = createBrowser(gate);
  for (let i = 0; i < 3; i++) await browser.signIn();
  gate.sessions.down = true;
  await assert.rejects(browser.visit('/.auth/login'), { code: 'ERR_STORE_UNAVAILABLE' });
});

test('DL-020: an anonymous login leaves no session behind, only a login cookie', async () => {
  const gate = createGate();
  const answer = await gate.call('/.auth/login');
  assert.equal(answer.setCookies.length, 1);
  assert.ok(answer.setCookies[0]?.startsWith(loginPrefix));
  assert.equal(gate.sessions.live.size, 0);
});
