/** A person sees their own sessions and ends them: theirs only, from here only, and never a token (LO-053, SC-023). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Respond } from '../../src/core/decision.ts';
import { headerValue } from '../../src/core/headers.ts';
import {
  type Browser,
  createBrowser,
  createGate,
  type Gate,
  locationOf,
  secretTokens,
  sessionCookie,
  signedIn,
  wholeAnswer,
} from '../support/endpoint-gate.ts';

const path = '/.auth/sessions';
const navigation = { accept: 'text/html', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };
const sameOrigin = { 'sec-fetch-site': 'same-origin' };
const firefox = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0';

/** Two sessions of alice and one of bob; the browser is alice's first one. */
async function crowd() {
  const gate = createGate();
  gate.sessions.directory.userAgent = firefox;
  const browsers: Browser[] = [];
  for (const subject of ['alice', 'alice', 'bob']) {
    gate.provider.script.redeem = async () => signedIn(subject);
    const browser = createBrowser(gate);
    await browser.signIn();
    gate.clock.advance(60_000);
    browsers.push(browser);
  }
  const [browser, other, bob] = browsers as [Browser, Browser, Browser];
  const idOf = (one: Browser) => one.jar.get(sessionCookie) as string;
  return { gate, browser, other, bob, ids: { own: idOf(browser), other: idOf(other), bob: idOf(bob) } };
}

const page = (browser: Browser) => browser.visit(path, { headers: { ...navigation, ...sameOrigin } });
const json = (browser: Browser) => browser.visit(path, { headers: sameOrigin });
const post = (browser: Browser, form: string, headers: Readonly<Record<string, string>> = navigation) =>
  browser.visit(path, { method: 'POST', form, headers: { ...sameOrigin, ...headers } });

const live = (gate: Gate) => [...gate.sessions.live.keys()];

function assertNoTokens(answer: Respond): void {
  for (const token of Object.values(secretTokens)) assert.ok(!wholeAnswer(answer).includes(token));
}

test('a person sees their own sessions, the current one first, and nobody else sees them', async () => {
  const { browser, ids } = await crowd();
  const answer = await json(browser);
  assert.equal(answer.status, 200);
  assert.equal(headerValue(answer.headers, 'cache-control'), 'no-store');
  assert.equal(headerValue(answer.headers, 'cross-origin-resource-policy'), 'same-origin');
  const { sessions, more } = JSON.parse(answer.body);
  assert.equal(more, false);
  assert.deepEqual(
    sessions.map(({ id, current }: { id: string; current: boolean }) => [id, current]),
    [
      [ids.own, true],
      [ids.other, false],
    ],
  );
  assert.deepEqual(Object.keys(sessions[0]).sort(), [
    'address',
    'client',
    'current',
    'id',
    'lastSeen',
    'since',
  ]);
  assert.equal(sessions[0].client, 'Firefox on Linux');
  assert.equal(new Date(sessions[0].since).toISOString(), sessions[0].since);
  assertNoTokens(answer);
});

test('the page has a button for each, works without script and posts to itself alone', async () => {
  const { browser, ids } = await crowd();
  const answer = await page(browser);
  assert.equal(answer.status, 200);
  assert.match(headerValue(answer.headers, 'content-security-policy') ?? '', /form-action 'self'/);
  for (const id of [ids.own, ids.other])
    assert.match(answer.body, new RegExp(`name="session" value="${id}"`));
  assert.ok(!answer.body.includes(ids.bob));
  assert.match(answer.body, /name="all" value="others"/);
  assert.doesNotMatch(answer.body, /<script/);
  assertNoTokens(answer);
});

test('an address or a browser name from outside is text on the page', async () => {
  const { gate, browser } = await crowd();
  gate.sessions.directory.userAgent = '"><script>alert(1)</script>';
  assert.doesNotMatch((await page(browser)).body, /<script/);
});

test('LO-053: a person ends one of their sessions, or all others, and comes back to the page', async () => {
  const one = await crowd();
  const answer = await post(one.browser, `session=${one.ids.other}`);
  assert.equal(answer.status, 303);
  assert.equal(locationOf(answer), `https://app.test${path}`);
  assert.deepEqual(live(one.gate), [one.ids.own, one.ids.bob]);
  assert.deepEqual(one.gate.sessions.directory.reasons, ['person']);
  const all = await crowd();
  const ended = await post(all.browser, 'all=others', {});
  assert.deepEqual(JSON.parse(ended.body), { ended: 1 });
  assert.deepEqual(live(all.gate), [all.ids.own, all.ids.bob]);
});

test('a person cannot end the session of somebody else, and is not told whether there is one', async () => {
  const { gate, browser, ids } = await crowd();
  const theirs = await post(browser, `session=${ids.bob}`, {});
  const nobodys = await post(browser, `session=${'x'.repeat(43)}`, {});
  assert.deepEqual(theirs, nobodys);
  assert.equal(gate.sessions.live.size, 3);
});

test('the same subject at another provider is somebody else', async () => {
  const { gate, browser, ids } = await crowd();
  const session = gate.sessions.live.get(ids.other);
  assert.ok(session);
  const identity = { ...session.identity, provider: 'second' };
  gate.sessions.live.set(ids.other, { ...session, identity });
  assert.equal(JSON.parse((await json(browser)).body).sessions.length, 1);
  await post(browser, `session=${ids.other}`);
  await post(browser, 'all=others');
  assert.equal(gate.sessions.live.size, 3);
});

test('ending the current session is a sign-out here: cookies cleared, tokens revoked, the provider left alone', async () => {
  const { gate, browser, ids } = await crowd();
  const answer = await post(browser, `session=${ids.own}`);
  assert.equal(locationOf(answer), 'https://app.test/.auth/signed-out?local=1');
  assert.deepEqual(live(gate), [ids.other, ids.bob]);
  assert.match(answer.setCookies.join(), /Max-Age=0/);
  assert.deepEqual(gate.provider.revoked, [secretTokens.refreshToken, secretTokens.accessToken]);
  assert.equal(gate.provider.loggedOut.length, 0);
});

for (const [title, headers] of [
  ['another site', { 'sec-fetch-site': 'cross-site' }],
  ['a sibling host', { 'sec-fetch-site': 'same-site' }],
  ['another origin, in a browser without Sec-Fetch-Site', { origin: 'https://evil.example' }],
  ['who knows where', {}],
] as const) {
  test(`RD-053: a request from ${title} ends no session and, as a script, sees none`, async () => {
    const { gate, browser, ids } = await crowd();
    const request = { method: 'POST', form: `session=${ids.other}`, headers };
    assert.equal((await browser.visit(path, request)).status, 403);
    assert.equal(gate.sessions.live.size, 3);
    if (title !== 'who knows where') assert.equal((await browser.visit(path, { headers })).status, 403);
  });
}

test('a form that asks for nothing, for both, or for what is no id is refused', async () => {
  const { gate, browser, ids } = await crowd();
  for (const form of [
    'x=1',
    'session=',
    'session=short',
    `session=${ids.other}&session=${ids.other}`,
    `session=${ids.other}&all=others`,
    'all=everyone',
    `session=${'%00'.repeat(43)}`,
    `session=${'*'.repeat(43)}`,
  ]) {
    await assert.rejects(post(browser, form), { code: 'ERR_BAD_REQUEST' }, form);
  }
  assert.equal(gate.sessions.live.size, 3);
});

test('nobody signed in: a person is sent to sign in, a program gets 401', async () => {
  const stranger = createBrowser(createGate());
  assert.equal(locationOf(await page(stranger)), 'https://app.test/.auth/login');
  const answer = await json(stranger);
  assert.equal(answer.status, 401);
  assert.equal(JSON.parse(answer.body).code, 'login-required');
  assert.equal((await post(stranger, 'all=others', {})).status, 401);
});

test('a store that is down is a failure, not an empty list', async () => {
  const { gate, browser } = await crowd();
  gate.sessions.down = true;
  await assert.rejects(json(browser), { code: 'ERR_STORE_UNAVAILABLE' });
  await assert.rejects(post(browser, 'all=others'), { code: 'ERR_STORE_UNAVAILABLE' });
});

test('LO-027: where sessions live in browsers alone, the page says that it has no list', async () => {
  const { gate, browser } = await crowd();
  for (const abilities of ['none', 'end'] as const) {
    gate.sessions.directory.abilities = abilities;
    const answer = await page(browser);
    assert.equal(answer.status, 404);
    assert.match(answer.body, /Sessions cannot be listed here/);
    assert.equal((await json(browser)).status, 404);
    assert.equal((await post(browser, 'all=others')).status, 404);
  }
});

test('a person with very many sessions sees a hundred of them and that there are more', async () => {
  const gate = createGate();
  const browser = createBrowser(gate);
  await browser.signIn();
  for (let i = 0; i < 120; i++) await createBrowser(gate).signIn();
  const { sessions, more } = JSON.parse((await json(browser)).body);
  assert.deepEqual([sessions.length, more], [100, true]);
});

test('looking at the sessions does not keep the own one alive', async () => {
  const { gate, browser } = await crowd();
  await page(browser);
  assert.equal(gate.sessions.slides.at(-1), false);
});
