/** Section 7 at the endpoints with the sessions of the product behind them: races, replays across nodes, crowds. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { LogoutToken } from '../../src/oidc/provider.ts';
import {
  type Browser,
  createBrowser,
  createGate,
  createScriptedProvider,
  signedIn,
} from '../support/endpoint-gate.ts';
import { makeLogoutToken } from '../support/evil-provider.ts';
import { createFleet } from '../support/session-fixture.ts';

/** What another node has done is seen soon. */
async function soon(isSo: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 2000;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error('it did not come true');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const isOut = (browser: Browser) => async () => (await browser.visit('/.auth/me')).status === 401;

const post = (gate: ReturnType<typeof createGate>, issuer: string) =>
  gate.call('/.auth/backchannel-logout', {
    method: 'POST',
    form: `logout_token=${makeLogoutToken(issuer)}`,
  });

/** Two nodes over one store; both read the logout token that the test makes up. */
function createNodes(t: TestContext, sessionSameSite: 'lax' | 'strict' = 'lax') {
  const fleet = createFleet(2);
  t.after(() => fleet.close());
  const provider = createScriptedProvider();
  const token = (parts: Partial<LogoutToken> = {}) => {
    const now = Math.floor(fleet.clock.now() / 1000);
    const whole: LogoutToken = {
      issuer: provider.issuer,
      subject: 'alice',
      sid: null,
      tokenId: 'id-1',
      issuedAt: now,
      expiresAt: now + 120,
      ...parts,
    };
    provider.script.logoutToken = async () => whole;
  };
  provider.script.redeem = async () => {
    const person = signedIn();
    const iat = Math.floor(fleet.clock.now() / 1000);
    return { ...person, claims: { ...person.claims, sid: 'sid-1', iat } };
  };
  const gates = fleet.nodes.map((parts) => createGate({ parts, providers: [provider], sessionSameSite }));
  const [first, second] = gates as [(typeof gates)[0], (typeof gates)[0]];
  return { fleet, provider, token, first, second };
}

test('LO-012, LO-022: a logout at one node ends the session at all of them', async (t) => {
  const { fleet, provider, token, first, second } = createNodes(t);
  const browser = createBrowser(first);
  await browser.signIn();
  token({ sid: 'sid-1' });
  assert.equal((await post(second, provider.issuer)).status, 200);
  await soon(isOut(browser));
  assert.equal(await fleet.nodes[0]?.sessions.count(), 0);
});

test('LO-016: the same token at the other node is a replay, and who has signed in since stays', async (t) => {
  const { fleet, provider, token, first, second } = createNodes(t);
  const browser = createBrowser(first);
  await browser.signIn();
  token();
  assert.equal((await post(first, provider.issuer)).status, 200);
  fleet.clock.advance(2000);
  assert.equal((await browser.signIn()).status, 303);
  assert.equal((await post(second, provider.issuer)).status, 400);
  assert.equal((await browser.visit('/.auth/me')).status, 200);
});

for (const [title, whom] of [
  ['sid', { sid: 'sid-1', subject: null }],
  ['subject', { sid: null, subject: 'alice' }],
] as const) {
  test(`LO-024: a login that was under way when a logout by ${title} came ends with a fresh start, not with a session`, async (t) => {
    const { fleet, provider, token, first, second } = createNodes(t);
    const browser = createBrowser(first);
    const state = await browser.startLogin();
    const person = await provider.script.redeem(new URLSearchParams());
    provider.script.redeem = async () => person;
    fleet.clock.advance(1000);
    token(whom);
    assert.equal((await post(second, provider.issuer)).status, 200);
    const answer = await browser.visit(`/.auth/callback?code=c&state=${state}`);
    assert.equal(answer.status, 400);
    assert.match(answer.body, /signed out while this sign-in was on its way/);
    assert.equal(await fleet.nodes[0]?.sessions.count(), 0);
    assert.equal((await browser.visit('/.auth/me')).status, 401);
  });
}

test('LO-026: two thousand sessions of one person end with one logout', async (t) => {
  const { fleet, provider, token, first } = createNodes(t);
  const [node] = fleet.nodes;
  for (let i = 0; i < 2000; i++) await node?.signIn('alice');
  const bob = await node?.signIn('bob');
  token();
  assert.equal((await post(first, provider.issuer)).status, 200);
  assert.equal(await node?.sessions.count(), 1);
  assert.notEqual(await node?.sessionOf(bob?.cookie ?? ''), null);
});

test('SC-002: a session that the callback is not shown is replaced all the same', async (t) => {
  const { fleet, first } = createNodes(t, 'strict');
  const browser = createBrowser(first);
  await browser.signIn();
  const [name = ''] = [...browser.jar.keys()].filter((key) => !key.includes('bounce'));
  const old = `${name}=${browser.jar.get(name)}`;
  const state = await browser.startLogin();
  browser.jar.delete(name);
  assert.equal((await browser.visit(`/.auth/callback?code=c&state=${state}`)).status, 200);
  for (const node of fleet.nodes) await soon(async () => (await node.sessionOf(old)) === null);
  assert.equal((await browser.visit('/.auth/me')).status, 200);
});

test('LO-053: the own sessions are those of the store: listed, marked, and ended one by one', async (t) => {
  const { fleet, first, second } = createNodes(t);
  const [here, there] = [createBrowser(first), createBrowser(second)];
  await here.signIn();
  await there.signIn();
  await fleet.nodes[0]?.signIn('bob');
  const headers = { 'sec-fetch-site': 'same-origin' };
  const list = async () =>
    JSON.parse((await here.visit('/.auth/sessions', { headers })).body).sessions as {
      readonly id: string;
      readonly current: boolean;
    }[];
  const before = await list();
  assert.deepEqual(
    before.map(({ current }) => current),
    [true, false],
  );
  const form = `session=${before[1]?.id}`;
  const ended = await here.visit('/.auth/sessions', { method: 'POST', form, headers });
  assert.deepEqual(JSON.parse(ended.body), { ended: 1 });
  await soon(isOut(there));
  assert.equal((await list()).length, 1);
  await there.signIn();
  await here.visit('/.auth/logout', { method: 'POST', form: 'everywhere=1', headers });
  await soon(isOut(there));
  assert.equal(await fleet.nodes[0]?.sessions.count(), 1);
});
