/** The whole gate with sessions in cookies: sign in at a real provider, pass, and out again, with nothing of ours forwarded. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { cookieOf, type Received, type RunningGate, startGate } from '../support/gate.ts';
import { createUserAgent, fetchHeaders, type UserAgent } from '../support/user-agent.ts';

for (const [what, session] of [
  ['without a deny-list', { store: 'cookie' }],
  ['with a deny-list', { store: 'cookie', denyList: 'sqlite' }],
] as const) {
  let gate: RunningGate;
  before(async () => {
    gate = await startGate({ config: { session } });
  });
  after(() => gate.close());

  test(`SC-037, SC-031: sessions in cookies ${what} pass, and no piece of them is forwarded`, async () => {
    const agent = await gate.signIn();
    const good = cookieOf(agent, gate.url);
    assert.match(good, /(^|; )sallyport-0=/);
    const ask = (cookie: string) =>
      createUserAgent().ask(`${gate.url}/api/x`, { headers: { ...fetchHeaders, cookie } });
    const answer = await ask(`theme=dark; ${good}; sallyport-login-x=1; sallyport_0=y`);
    assert.equal(answer.status, 200);
    assert.equal((JSON.parse(answer.body) as Received).headers.cookie, 'theme=dark');
    const more = await ask(`${good}; sallyport-7=x`);
    assert.equal(more.status, 401);
  });

  test(`SC-013: a copy of cookies ${what} is refused after the logout where it was`, async () => {
    const agent = await gate.signIn();
    const copy = cookieOf(agent, gate.url);
    const out = await agent.ask(`${gate.url}/.auth/logout`, {
      method: 'POST',
      headers: { origin: gate.url, ...fetchHeaders },
    });
    assert.equal(out.status, 200);
    assert.equal(agent.cookie(gate.url, 'sallyport-0'), undefined);
    const again = await createUserAgent().ask(`${gate.url}/api/x`, {
      headers: { ...fetchHeaders, cookie: copy },
    });
    assert.equal(again.status, 401);
  });
}

describe('a provider that tells of logouts', () => {
  let gate: RunningGate;
  before(async () => {
    const session = { store: 'cookie', denyList: 'sqlite' };
    gate = await startGate({ config: { session }, provider: { backchannel: true } });
  });
  after(() => gate.close());

  const statusOf = async (agent: UserAgent) =>
    (await agent.ask(`${gate.url}/.auth/me`, { headers: fetchHeaders })).status;

  test('LO-027: who signs out at the provider is signed out here, and on that device only', async () => {
    const [first, second] = [await gate.signIn(), await gate.signIn()];
    const page = await first.ask(`${gate.provider.issuer}/session/end`);
    const action = /action="([^"]+)"/.exec(page.body)?.[1] ?? '';
    const xsrf = /name="xsrf" value="([^"]+)"/.exec(page.body)?.[1] ?? '';
    await first.submit(new URL(action, page.url), { xsrf, logout: 'yes' }, page.url);
    assert.deepEqual([await statusOf(first), await statusOf(second)], [401, 200]);
  });

  test('LO-053: everywhere means everywhere', async () => {
    const [first, second] = [await gate.signIn(), await gate.signIn()];
    const answer = await first.submit(`${gate.url}/.auth/logout`, { everywhere: '1' });
    assert.equal(answer.status, 303);
    assert.deepEqual([await statusOf(first), await statusOf(second)], [401, 401]);
  });
});
