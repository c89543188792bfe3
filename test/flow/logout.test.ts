/** Signing out over the whole product: at the provider, everywhere, and of one's own other sessions. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type RunningGate, startGate } from '../support/gate.ts';
import { type Answer, fetchHeaders, type UserAgent } from '../support/user-agent.ts';

const statusOf = async (gate: RunningGate, agent: UserAgent) =>
  (await agent.ask(`${gate.url}/.auth/me`, { headers: fetchHeaders })).status;

/** Signs out at the provider, on its own page. */
async function leaveProvider(gate: RunningGate, agent: UserAgent): Promise<Answer> {
  const page = await agent.ask(`${gate.provider.issuer}/session/end`);
  const action = /action="([^"]+)"/.exec(page.body)?.[1] ?? '';
  const xsrf = /name="xsrf" value="([^"]+)"/.exec(page.body)?.[1] ?? '';
  return agent.submit(new URL(action, page.url), { xsrf, logout: 'yes' }, page.url);
}

/** The log is written a moment later. */
async function outcomeOf(gate: RunningGate): Promise<unknown> {
  const end = performance.now() + 5000;
  while (gate.events('logout.received').length === 0 && performance.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return gate.events('logout.received').at(-1)?.outcome;
}

describe('signing out', () => {
  let gate: RunningGate;
  before(async () => {
    gate = await startGate({ provider: { backchannel: true } });
  });
  after(() => gate.close());

  test('LO-022: who signs out at the provider is signed out here, and on that device only', async () => {
    const [first, second] = [await gate.signIn(), await gate.signIn()];
    await leaveProvider(gate, first);
    assert.deepEqual([await statusOf(gate, first), await statusOf(gate, second)], [401, 200]);
    assert.equal(await outcomeOf(gate), 'accepted');
  });

  test('LO-018: what is no logout is refused at the door of the product as well', async () => {
    const agent = await gate.signIn();
    const url = `${gate.url}/.auth/backchannel-logout`;
    const urlencoded = { 'content-type': 'application/x-www-form-urlencoded' };
    const cases = [
      [{ method: 'POST', headers: urlencoded, body: 'logout_token=a.b.c' }, 400],
      [{ method: 'POST', headers: urlencoded, body: '' }, 400],
      [{ method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' }, 415],
      [{ method: 'POST', headers: {}, body: 'logout_token=x' }, 415],
      [{ method: 'POST', headers: urlencoded, body: `logout_token=${'x'.repeat(1024 ** 2)}` }, 413],
      [{ method: 'GET', headers: {} }, 405],
      [{ method: 'PUT', headers: urlencoded, body: 'logout_token=x' }, 405],
    ] as const;
    for (const [request, status] of cases) {
      const answer = await agent.ask(url, request);
      assert.equal(answer.status, status, JSON.stringify(request).slice(0, 120));
      assert.equal(answer.headers['cache-control'], 'no-store');
      assert.equal(answer.headers.location, undefined);
    }
    assert.equal(await statusOf(gate, agent), 200);
  });

  test('LO-053: everywhere means everywhere', async () => {
    const agents = [await gate.signIn(), await gate.signIn(), await gate.signIn()];
    const [first] = agents as [UserAgent];
    const answer = await first.submit(`${gate.url}/.auth/logout`, { everywhere: '1' });
    assert.equal(answer.status, 303);
    assert.ok(String(answer.headers.location).startsWith(gate.provider.issuer));
    for (const agent of agents) assert.equal(await statusOf(gate, agent), 401);
  });

  test('LO-053: a person sees their sessions and ends another one; no token is among what they see', async () => {
    const [first, second] = [await gate.signIn(), await gate.signIn()];
    const url = `${gate.url}/.auth/sessions`;
    const { sessions } = JSON.parse((await first.ask(url, { headers: fetchHeaders })).body) as {
      sessions: readonly { readonly id: string; readonly current: boolean }[];
    };
    assert.equal(sessions.filter(({ current }) => current).length, 1);
    const page = await first.ask(url);
    assert.equal(page.status, 200);
    assert.match(page.body, /<h1>Your sessions<\/h1>/);
    assert.doesNotMatch(page.body, /eyJ/);
    for (const { id, current } of sessions) {
      if (!current) assert.equal((await first.submit(url, { session: id })).status, 303);
    }
    assert.deepEqual([await statusOf(gate, first), await statusOf(gate, second)], [200, 401]);
    const left = JSON.parse((await first.ask(url, { headers: fetchHeaders })).body);
    assert.equal(left.sessions.length, 1);
  });

  test('LO-030: the frame of the provider ends the session of its sid', async () => {
    const agent = await gate.signIn();
    const frame = (sid: string) =>
      gate.url +
      `/.auth/frontchannel-logout?iss=${encodeURIComponent(gate.provider.issuer)}&sid=${encodeURIComponent(sid)}`;
    const headers = { 'sec-fetch-dest': 'iframe', 'sec-fetch-mode': 'navigate', accept: 'text/html' };
    const answer = await agent.ask(frame('guess'), { headers });
    assert.equal(answer.status, 200);
    assert.ok(
      String(answer.headers['content-security-policy']).endsWith(`frame-ancestors ${gate.provider.issuer}`),
    );
    assert.equal(answer.headers['x-frame-options'], undefined);
    assert.equal(await statusOf(gate, agent), 200);
    assert.equal((await agent.ask(`${gate.url}/.auth/frontchannel-logout`, { headers })).status, 400);
  });
});
