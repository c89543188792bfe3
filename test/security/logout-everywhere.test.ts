/** LO-042 and LO-053 at the endpoint: the goodbye that is posted, and signing out everywhere. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { headerValue } from '../../src/core/headers.ts';
import { goodbyeScriptHash } from '../../src/pages/goodbye-page.ts';
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

const page = { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };
const sameOrigin = { 'sec-fetch-site': 'same-origin' };
const logOut = (browser: Browser, form = '', headers: Readonly<Record<string, string>> = {}) =>
  browser.visit('/.auth/logout', { method: 'POST', form, headers: { ...sameOrigin, ...headers } });

async function signIn(gate: Gate, ...people: readonly string[]): Promise<Browser[]> {
  const browsers: Browser[] = [];
  for (const subject of people) {
    gate.provider.script.redeem = async () => signedIn(subject);
    const browser = createBrowser(gate);
    await browser.signIn();
    browsers.push(browser);
  }
  return browsers;
}

const subjects = (gate: Gate) => [...gate.sessions.live.values()].map(({ identity }) => identity.subject);

const form = {
  action: 'https://main.idp.test/end?tenant=1',
  fields: [
    ['state', 'opaque'],
    ['id_token_hint', secretTokens.idToken],
  ],
} as const;

test('LO-042: when the address would be too long, a page posts it instead', async () => {
  const gate = createGate();
  const [browser] = await signIn(gate, 'alice');
  gate.provider.script.goodbyeForm = () => form;
  const answer = await logOut(browser as Browser, '', page);
  assert.equal(answer.status, 200);
  assert.equal(gate.sessions.live.size, 0);
  assert.match(answer.body, /<form method="post" action="https:\/\/main\.idp\.test\/end\?tenant=1">/);
  assert.match(answer.body, /name="id_token_hint" value="secret-id-token"/);
  const policy = headerValue(answer.headers, 'content-security-policy') ?? '';
  assert.ok(policy.includes(`script-src ${goodbyeScriptHash};`));
  assert.match(policy, /form-action 'self' https:;/);
  assert.equal(headerValue(answer.headers, 'cache-control'), 'no-store');
  assert.equal(headerValue(answer.headers, 'referrer-policy'), 'no-referrer');
  assert.match(answer.setCookies.join('\n'), new RegExp(`^${sessionCookie}=; .*Max-Age=0`, 'm'));
  assert.match(answer.setCookies.join('\n'), new RegExp(`^${sessionCookie}-after-logout=`, 'm'));
});

test('LO-042: what is not for certain a page of its own gets the address without the token', async () => {
  for (const headers of [
    { accept: 'text/html' },
    { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' },
  ]) {
    const gate = createGate();
    const [browser] = await signIn(gate, 'alice');
    gate.provider.script.goodbyeForm = () => form;
    const answer = await logOut(browser as Browser, '', headers);
    assert.equal(answer.status, 303);
    assert.ok(!wholeAnswer(answer).includes(secretTokens.idToken));
  }
});

test('LO-042: a script never gets the page with the token, only the address without it', async () => {
  const gate = createGate();
  const [browser] = await signIn(gate, 'alice');
  gate.provider.script.goodbyeForm = () => form;
  const answer = await logOut(browser as Browser, '', { accept: 'application/json' });
  assert.equal(answer.status, 200);
  assert.match(JSON.parse(answer.body).location, /^https:\/\/main\.idp\.test\/logout/);
  assert.ok(!wholeAnswer(answer).includes(secretTokens.idToken));
  assert.equal(gate.provider.loggedOut[0]?.idToken, null);
});

test('LO-047: refresh and access token are revoked, and nobody waits for it', async () => {
  const gate = createGate();
  const [browser] = await signIn(gate, 'alice');
  gate.provider.script.revoke = () => new Promise(() => {});
  assert.equal((await logOut(browser as Browser)).status, 303);
  assert.deepEqual(gate.provider.revoked, [secretTokens.refreshToken, secretTokens.accessToken]);
});

test('LO-053: everywhere ends all sessions of that person, and nobody else, then says goodbye as usual', async () => {
  const gate = createGate();
  const [first, second, bob] = await signIn(gate, 'alice', 'alice', 'bob');
  const answer = await logOut(first as Browser, 'everywhere=1');
  assert.match(locationOf(answer), /^https:\/\/main\.idp\.test\/logout/);
  assert.deepEqual(subjects(gate), ['bob']);
  assert.equal((await (second as Browser).visit('/.auth/me')).status, 401);
  assert.equal((await (bob as Browser).visit('/.auth/me')).status, 200);
  assert.deepEqual(gate.provider.revoked, [secretTokens.refreshToken, secretTokens.accessToken]);
  assert.deepEqual(gate.sessions.directory.reasons, ['person']);
});

test('LO-053: a plain sign-out leaves the other sessions of the person', async () => {
  for (const fields of ['', 'everywhere=', 'everywhere=0', 'everywhere=1&everywhere=1']) {
    const gate = createGate();
    const [first] = await signIn(gate, 'alice', 'alice');
    await logOut(first as Browser, fields);
    assert.deepEqual(subjects(gate), ['alice'], fields);
  }
});

test('LO-053: another site cannot sign anybody out everywhere', async () => {
  const gate = createGate();
  const [first] = await signIn(gate, 'alice', 'alice');
  const answer = await logOut(first as Browser, 'everywhere=1', { 'sec-fetch-site': 'cross-site' });
  assert.equal(answer.status, 403);
  assert.equal(gate.sessions.live.size, 2);
});

test('LO-053: when the store fails in between, the person is still signed in here to try again', async () => {
  const gate = createGate();
  const [first] = await signIn(gate, 'alice', 'alice');
  gate.sessions.directory.failing = 'end';
  await assert.rejects(logOut(first as Browser, 'everywhere=1'), { code: 'ERR_STORE_UNAVAILABLE' });
  gate.sessions.directory.failing = null;
  assert.equal((await logOut(first as Browser, 'everywhere=1')).status, 303);
  assert.deepEqual(subjects(gate), []);
});

test('LO-027, LO-053: where that cannot be done it is not offered, and who asks is told before anything ends', async () => {
  const gate = createGate();
  const [first] = await signIn(gate, 'alice', 'alice');
  const browser = first as Browser;
  for (const abilities of ['all', 'end'] as const) {
    gate.sessions.directory.abilities = abilities;
    assert.match((await browser.visit('/.auth/logout')).body, /Sign out everywhere/);
  }
  gate.sessions.directory.abilities = 'none';
  assert.doesNotMatch((await browser.visit('/.auth/logout')).body, /everywhere/i);
  const answer = await logOut(browser, 'everywhere=1', { accept: 'text/html' });
  assert.equal(answer.status, 501);
  assert.match(answer.body, /You are still signed in/);
  assert.equal(gate.sessions.live.size, 2);
  assert.equal((await logOut(browser)).status, 303);
});
