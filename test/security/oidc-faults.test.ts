/** Section 8 at the provider: down, slow, crowded, with another idea of the time, and in the way of leaving. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { SallyportError } from '../../src/core/errors.ts';
import {
  assertLoginFails,
  loginAtEvil,
  makeAnswer,
  makeEvilGate,
  makeLoginSecrets,
} from '../support/evil-login.ts';
import { type EvilProvider, startEvilProvider } from '../support/evil-provider.ts';
import { createFakeClock } from '../support/fake-clock.ts';

let evil: EvilProvider;
before(async () => {
  evil = await startEvilProvider();
});
after(() => evil.close());
beforeEach(() => evil.reset());

const down = { raw: true, status: 503 } as const;
const now = () => Math.floor(Date.now() / 1000);
const outcomes = (gate: ReturnType<typeof makeEvilGate>) =>
  gate.events
    .filter(([name]) => name === 'provider.called')
    .map(([, event]) => `${event.call} ${event.outcome}`);

test('FL-023: a provider that is down is asked again with back-off, and used as soon as it is back', async () => {
  const clock = createFakeClock(Date.now());
  const gate = makeEvilGate(evil, { clock });
  evil.behaviour = { metadata: down };
  const ask = () => gate.provider.authorizationUrl(makeLoginSecrets(), {});
  for (let i = 0; i < 50; i += 1) await assert.rejects(ask(), { code: 'ERR_PROVIDER_UNAVAILABLE' });
  assert.equal(evil.hits.metadata, 1);
  assert.equal(gate.provider.isReady(), false);
  for (let i = 0; i < 60; i += 1) {
    clock.advance(1000);
    await assert.rejects(ask(), { code: 'ERR_PROVIDER_UNAVAILABLE' });
  }
  assert.ok(evil.hits.metadata >= 5 && evil.hits.metadata <= 12, String(evil.hits.metadata));
  evil.behaviour = {};
  clock.advance(20_000);
  assert.ok(await ask());
  assert.equal(gate.provider.isReady(), true);
  await gate.provider.close();
});

test('FL-023: many first logins ask for the metadata once', async () => {
  const gate = makeEvilGate(evil);
  await Promise.all(Array.from({ length: 50 }, () => gate.provider.authorizationUrl(makeLoginSecrets(), {})));
  assert.equal(evil.hits.metadata, 1);
  await gate.provider.close();
});

test('FL-023: metadata that is known is kept when it cannot be renewed', async () => {
  const clock = createFakeClock(Date.now());
  const gate = makeEvilGate(evil, { clock });
  const ask = () => gate.provider.authorizationUrl(makeLoginSecrets(), {});
  await ask();
  evil.behaviour = { metadata: down };
  clock.advance(3_600_001);
  assert.ok(await ask());
  for (let i = 0; i < 100 && evil.hits.metadata < 2; i += 1)
    await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(evil.hits.metadata, 2);
  assert.ok(await ask());
  assert.equal(gate.provider.isReady(), true);
  await gate.provider.close();
});

test('FL-023: a provider that refuses connections is unavailable and nothing worse', async () => {
  const gone = await startEvilProvider();
  await gone.close();
  const gate = makeEvilGate(gone);
  await assert.rejects(gate.provider.authorizationUrl(makeLoginSecrets(), {}), (error) => {
    assert.ok(error instanceof SallyportError);
    assert.equal(error.code, 'ERR_PROVIDER_UNAVAILABLE');
    assert.equal(error.detail, 'ECONNREFUSED');
    return true;
  });
  assert.deepEqual(outcomes(gate), ['discovery failed']);
  assert.equal(await gate.provider.goodbye('x', 'https://app.test/', 's'), null);
  await gate.provider.close();
});

test('FL-026, FL-070: calls to a slow provider are capped, a few wait, the rest is told at once', async () => {
  const config = { maxConcurrentCalls: 3, maxWaitingCalls: 2, timeout: '1500ms' };
  const gate = makeEvilGate(evil, { config });
  await gate.provider.authorizationUrl(makeLoginSecrets(), {});
  evil.behaviour = { tokens: { raw: true, hang: true } };
  const started = performance.now();
  const attempts = Array.from({ length: 20 }, async () => {
    const secrets = makeLoginSecrets();
    const error = await gate.provider.redeem(makeAnswer(evil, secrets), secrets).catch((failure) => failure);
    return { detail: error.detail, after: performance.now() - started };
  });
  await new Promise((resolve) => setTimeout(resolve, 500));
  assert.ok(evil.hits.token <= 3, String(evil.hits.token));
  const results = await Promise.all(attempts);
  const busy = results.filter(({ detail }) => detail === 'busy');
  assert.equal(busy.length, 15);
  assert.ok(busy.every(({ after }) => after < 1400));
  assert.equal(results.filter(({ detail }) => detail === 'timeout').length, 5);
  assert.ok(results.filter(({ detail }) => detail === 'timeout').every(({ after }) => after >= 1400));
  evil.behaviour = {};
  assert.equal((await loginAtEvil(evil, { gate })).error, null);
  await gate.provider.close();
});

test('FL-070: a herd of logins goes through a few calls at a time', async () => {
  const gate = makeEvilGate(evil, { config: { maxConcurrentCalls: 4 } });
  const secrets = makeLoginSecrets();
  evil.nonce = secrets.nonce;
  const herd = Array.from({ length: 200 }, () => gate.provider.redeem(makeAnswer(evil, secrets), secrets));
  assert.ok((await Promise.all(herd)).every(({ subject }) => subject === 'alice'));
  assert.equal(evil.hits.token, 200);
  assert.ok(evil.peak <= 4, String(evil.peak));
  assert.equal(evil.hits.jwks, 1);
  await gate.provider.close();
});

test('FL-027: a provider whose clock is five minutes ahead is told as clock-skew', async () => {
  await assertLoginFails(
    evil,
    { behaviour: { claims: { iat: now() + 300, exp: now() + 600 } } },
    'clock-skew',
  );
});

test('FL-027: a provider whose clock is five minutes behind is told as clock-skew', async () => {
  await assertLoginFails(
    evil,
    { behaviour: { claims: { iat: now() - 300, exp: now() - 60 } } },
    'clock-skew',
  );
});

test('FL-027: our own clock decides, whatever the system says', async () => {
  const clock = createFakeClock(Date.now() + 86_400_000);
  const claims = { iat: now() + 86_400, exp: now() + 86_700 };
  assert.equal((await loginAtEvil(evil, { clock, behaviour: { claims } })).error, null);
});

const revocations = [
  ['an answer 200', {}, 'revoked'],
  [
    '400 unsupported_token_type',
    { revocation: { raw: true, status: 400, body: '{"error":"unsupported_token_type"}' } },
    'unsupported',
  ],
  ['503', { revocation: down }, 'failed'],
  ['401', { revocation: { raw: true, status: 401 } }, 'failed'],
  ['no such endpoint', { metadata: { revocation_endpoint: undefined } }, 'unsupported'],
  ['a provider that is down', { metadata: down }, 'failed'],
] as const;
for (const [title, behaviour, outcome] of revocations) {
  test(`LO-047: revocation with ${title} is ${outcome} and never throws`, async () => {
    const gate = makeEvilGate(evil);
    evil.behaviour = behaviour;
    await gate.provider.revoke('evil-refresh-token');
    assert.deepEqual(gate.events.at(-1), ['token.revoked', { provider: 'evil', outcome }]);
    if (outcome === 'revoked') {
      const request = evil.requests.at(-1);
      assert.equal(new URLSearchParams(request?.body).get('token'), 'evil-refresh-token');
      assert.match(request?.headers.authorization ?? '', /^Basic /);
    }
    await gate.provider.close();
  });
}

test('LO-047: what is revoked is named by its kind, which is a refresh token when nothing is said', async () => {
  const gate = makeEvilGate(evil);
  evil.behaviour = {};
  await gate.provider.revoke('a');
  await gate.provider.revoke('b', 'access_token');
  const hints = evil.requests
    .filter(({ endpoint }) => endpoint === 'revocation')
    .slice(-2)
    .map(({ body }) => new URLSearchParams(body).get('token_type_hint'));
  assert.deepEqual(hints, ['refresh_token', 'access_token']);
  await gate.provider.close();
});

test('LO-047: a revocation endpoint that never answers is left after three seconds', async () => {
  const gate = makeEvilGate(evil);
  await gate.provider.authorizationUrl(makeLoginSecrets(), {});
  evil.behaviour = { revocation: { raw: true, hang: true } };
  const started = performance.now();
  await gate.provider.revoke('evil-refresh-token');
  assert.ok(performance.now() - started < 3500);
  assert.deepEqual(gate.events.at(-1)?.[1], { provider: 'evil', outcome: 'failed' });
  await gate.provider.close();
});

test('LO-041, LO-042: there is no goodbye without an endpoint, and one with a long hint is posted', async () => {
  const gate = makeEvilGate(evil);
  assert.equal(await gate.provider.goodbye('hint', 'https://app.test/out', 's'), null);
  await gate.provider.close();
  evil.behaviour = { metadata: { end_session_endpoint: `${evil.issuer}/end?tenant=1` } };
  const other = makeEvilGate(evil);
  const goodbye = (hint: string) => other.provider.goodbye(hint, 'https://app.test/out', 's');
  const query = (url = '') => Object.fromEntries(new URL(url).searchParams);
  const fields = { client_id: 'app', post_logout_redirect_uri: 'https://app.test/out', state: 's' };
  const short = await goodbye('hint');
  assert.deepEqual(query(short?.url), { tenant: '1', ...fields, id_token_hint: 'hint' });
  assert.equal(short?.form, null);
  const hint = 'h'.repeat(6000);
  const long = await goodbye(hint);
  assert.deepEqual(query(long?.url), { tenant: '1', ...fields });
  assert.equal(long?.form?.action, `${evil.issuer}/end?tenant=1`);
  assert.deepEqual(Object.fromEntries(long?.form?.fields ?? []), { ...fields, id_token_hint: hint });
  await other.provider.close();
});

test('every call is an event with its outcome and nothing else', async () => {
  const gate = makeEvilGate(evil, { config: { userinfo: 'always' } });
  evil.behaviour = { userinfo: { raw: true, status: 403 } };
  const secrets = makeLoginSecrets();
  evil.nonce = secrets.nonce;
  await assert.rejects(gate.provider.redeem(makeAnswer(evil, secrets), secrets), {
    detail: 'userinfo-status',
  });
  assert.deepEqual(outcomes(gate), ['discovery ok', 'jwks ok', 'token ok', 'userinfo refused']);
  for (const [, event] of gate.events) {
    assert.deepEqual(Object.keys(event).sort(), ['call', 'durationMs', 'outcome', 'provider']);
  }
  await gate.provider.close();
});
