/** A way out that depends on nobody: the access token has expired and the provider is down (LO-040, FL-021). */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { SallyportError } from '../../src/core/errors.ts';
import { createGate, locationOf } from '../support/endpoint-gate.ts';
import { createSessionFixture } from '../support/session-fixture.ts';

const sameOrigin = { 'sec-fetch-site': 'same-origin' };

/** A gate with somebody whose token has expired, at a provider that does not answer. */
async function strandedGate(t: TestContext) {
  const fixture = createSessionFixture();
  t.after(() => fixture.sessions.close());
  const { cookie } = await fixture.signIn('alice', { lifetime: 60_000 });
  fixture.provider.script(() => {
    throw new SallyportError('ERR_PROVIDER_UNAVAILABLE', 'down', { retryAfter: 5 });
  });
  fixture.clock.advance(120_000);
  const gate = createGate({ parts: fixture });
  gate.provider.script.endSession = async () => null;
  return { fixture, gate, cookie };
}

test('LO-040: a person whose token cannot be renewed signs out all the same, and nobody asks for a new one first', async (t) => {
  const { fixture, gate, cookie } = await strandedGate(t);
  const answer = await gate.call('/.auth/logout', { method: 'POST', headers: { cookie, ...sameOrigin } });
  assert.equal(answer.status, 303);
  assert.match(locationOf(answer), /\/\.auth\/signed-out/);
  assert.match(answer.setCookies.join(), /Max-Age=0/);
  assert.equal(await fixture.sessions.count(), 0);
  assert.equal(fixture.provider.refreshes.length, 0);
  assert.deepEqual(gate.provider.revoked, ['refresh-1', 'access-1']);
});

test('the signed-out page and a late callback tell what is so, provider or not', async (t) => {
  const { gate, cookie } = await strandedGate(t);
  const page = await gate.call('/.auth/signed-out', { headers: { cookie } });
  assert.match(page.body, /<h1>You are still signed in<\/h1>/);
  const late = await gate.call(`/.auth/callback?code=c&state=${'s'.repeat(43)}`, { headers: { cookie } });
  assert.match(late.body, /You are signed in already/);
});

test('FL-021: what needs the token still gets 503 and the session lives on', async (t) => {
  const { fixture, gate, cookie } = await strandedGate(t);
  await assert.rejects(fixture.authenticate(cookie), { code: 'ERR_PROVIDER_UNAVAILABLE' });
  await assert.rejects(gate.call('/.auth/me', { headers: { cookie } }), { code: 'ERR_PROVIDER_UNAVAILABLE' });
  assert.equal(await fixture.sessions.count(), 1);
});
