/** What another site can make a browser do at the gate's own endpoints: nothing (section 4B, SC-043). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { headerValue } from '../../src/core/headers.ts';
import {
  createBrowser,
  createGate,
  publicOrigin,
  secretTokens,
  sessionCookie,
  wholeAnswer,
} from '../support/endpoint-gate.ts';

async function signedInGate() {
  const gate = createGate();
  const browser = createBrowser(gate);
  await browser.signIn();
  return { gate, browser };
}

type Headers = Readonly<Record<string, string>>;

const fromElsewhere: readonly (readonly [id: string, headers: Headers])[] = [
  ['RD-053', { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' }],
  ['RD-053', { 'sec-fetch-site': 'cross-site' }],
  ['RD-053', { 'sec-fetch-site': 'same-site', origin: 'https://sub.app.test' }],
  ['RD-053', { 'sec-fetch-site': 'cross-site', origin: publicOrigin }],
  ['RD-053', { 'sec-fetch-site': 'Same-Origin' }],
  ['RD-053', { 'sec-fetch-site': '' }],
  ['RD-040', { origin: 'https://evil.example' }],
  ['RD-040', { origin: 'https://app.test.evil.example' }],
  ['RD-040', { origin: 'http://app.test' }],
  ['RD-040', { origin: 'https://app.test:8443' }],
  ['RD-044', { origin: 'null' }],
  ['RD-044', { origin: '' }],
  ['RD-044', { origin: 'null', 'x-csrf': '1' }],
  ['RD-044', {}],
  ['RD-043', { 'x-csrf': '0' }],
  ['RD-043', { referer: `${publicOrigin}/` }],
];

for (const [id, headers] of fromElsewhere) {
  test(`${id}: a logout posted with ${JSON.stringify(headers)} changes nothing`, async () => {
    const { gate, browser } = await signedInGate();
    const answer = await browser.visit('/.auth/logout', { method: 'POST', headers });
    assert.equal(answer.status, 403);
    assert.deepEqual(answer.setCookies, []);
    assert.equal(gate.sessions.live.size, 1);
    assert.deepEqual([gate.provider.revoked, gate.provider.loggedOut], [[], []]);
    assert.equal((await browser.visit('/.auth/me')).status, 200);
  });
}

for (const headers of [
  { 'sec-fetch-site': 'same-origin' },
  { 'sec-fetch-site': 'same-origin', origin: 'null' },
  { 'sec-fetch-site': 'none' },
  { origin: publicOrigin },
  { 'x-csrf': '1' },
] satisfies readonly Headers[]) {
  test(`a logout posted with ${JSON.stringify(headers)} is our own`, async () => {
    const { gate, browser } = await signedInGate();
    const answer = await browser.visit('/.auth/logout', { method: 'POST', headers });
    assert.equal(answer.status, 303);
    assert.equal(gate.sessions.live.size, 0);
  });
}

test('RD-053: a logout by GET, as a picture or a link would, only shows a page that posts', async () => {
  const { gate, browser } = await signedInGate();
  for (const headers of [
    {},
    { 'sec-fetch-dest': 'image', 'sec-fetch-site': 'cross-site' },
    { 'x-csrf': '1' },
  ]) {
    const page = await browser.visit('/.auth/logout?returnTo=/bye%22%3E', { headers });
    assert.equal(page.status, 200);
    assert.deepEqual(page.setCookies, []);
    assert.match(
      page.body,
      /<form method="post" action="\/\.auth\/logout\?returnTo=https%3A%2F%2Fapp\.test%2Fbye%2522%253E">/,
    );
    const policy = headerValue(page.headers, 'content-security-policy') ?? '';
    assert.match(policy, /form-action 'self' https:;/);
    assert.match(policy, /frame-ancestors 'none'/);
    // A form of a page with `no-referrer` posts `Origin: null`, which a browser without Sec-Fetch-Site could not undo.
    assert.equal(headerValue(page.headers, 'referrer-policy'), 'same-origin');
  }
  assert.equal(gate.sessions.live.size, 1);
});

test('SC-043: me tells the allow-listed claims and never a token', async () => {
  const { browser } = await signedInGate();
  const answer = await browser.visit('/.auth/me', { headers: { 'sec-fetch-site': 'same-origin' } });
  assert.equal(answer.status, 200);
  assert.deepEqual(JSON.parse(answer.body).claims, { sub: 'alice', name: 'Alice', email: 'alice@app.test' });
  for (const token of Object.values(secretTokens)) assert.ok(!wholeAnswer(answer).includes(token));
  assert.equal(headerValue(answer.headers, 'cache-control'), 'no-store');
  assert.equal(headerValue(answer.headers, 'x-content-type-options'), 'nosniff');
  assert.equal(headerValue(answer.headers, 'cross-origin-resource-policy'), 'same-origin');
  assert.equal(headerValue(answer.headers, 'access-control-allow-origin'), null);
});

for (const headers of [
  { 'sec-fetch-site': 'cross-site' },
  { 'sec-fetch-site': 'same-site' },
  { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'script' },
  { origin: 'https://evil.example' },
  { origin: 'null' },
  { 'sec-fetch-site': 'same-origin', origin: 'https://evil.example' },
] satisfies readonly Headers[]) {
  test(`SC-043: me asked with ${JSON.stringify(headers)} tells nothing`, async () => {
    const { gate, browser } = await signedInGate();
    gate.sessions.slides.length = 0;
    const answer = await browser.visit('/.auth/me', { headers });
    assert.equal(answer.status, 403);
    assert.doesNotMatch(answer.body, /alice/i);
    assert.equal(headerValue(answer.headers, 'access-control-allow-origin'), null);
    assert.deepEqual(gate.sessions.slides, [], 'the session was not even looked at');
  });
}

test('SC-019: me can ask without keeping the session alive', async () => {
  const { gate, browser } = await signedInGate();
  gate.sessions.slides.length = 0;
  for (const query of ['', '?slide=false', '?slide=true', '?slide=false&slide=true'])
    await browser.visit(`/.auth/me${query}`);
  assert.deepEqual(gate.sessions.slides, [true, false, true, true]);
});

test('SC-010, SC-011: cookies that make no sense are nobody', async () => {
  const gate = createGate();
  for (const cookie of [
    '__proto__=x',
    `${sessionCookie}=%E0%A4%A`,
    ';;;==;',
    `${sessionCookie}=a; ${sessionCookie}=b`,
  ]) {
    assert.equal((await gate.call('/.auth/me', { headers: { cookie } })).status, 401, cookie);
  }
});
