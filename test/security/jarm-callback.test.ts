/** The callback with signed answers (JARM): the login is found by what stands inside, once, and nothing else is believed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SallyportError } from '../../src/core/errors.ts';
import {
  createBrowser,
  createGate,
  createScriptedProvider,
  type Gate,
  sessionCookie,
} from '../support/endpoint-gate.ts';

const asResponse = (state: string) => `signed.${state}.answer`;

/** A provider whose signed answer is the state between two words. */
function createSigningGate(): Gate {
  const scripted = createScriptedProvider();
  return createGate({
    providers: [{ ...scripted, readSignedState: async (text) => text.split('.')[1] ?? null }],
  });
}

const failures = (gate: Gate) =>
  gate.events.flatMap(({ name, event }) =>
    name === 'login.failed' ? [(event as { code: string }).code] : [],
  );

test('a signed answer finds its login by the state inside, and is handed on as it came', async () => {
  const gate = createSigningGate();
  const browser = createBrowser(gate);
  const state = await browser.startLogin();
  const answer = await browser.visit(`/.auth/callback?response=${asResponse(state)}`);
  assert.equal(answer.status, 303);
  assert.ok(browser.jar.has(sessionCookie));
  assert.deepEqual([...(gate.provider.redeemed[0]?.answer ?? [])], [['response', asResponse(state)]]);
});

test('a signed answer comes by POST as well', async () => {
  const gate = createSigningGate();
  const browser = createBrowser(gate);
  const state = await browser.startLogin();
  const form = new URLSearchParams({ response: asResponse(state) }).toString();
  const answer = await browser.visit('/.auth/callback', { method: 'POST', form });
  assert.equal(answer.status, 303);
});

test('RP-052: a signed answer that is replayed is redeemed once and leaves the session alone', async () => {
  const gate = createSigningGate();
  const browser = createBrowser(gate);
  const callback = `/.auth/callback?response=${asResponse(await browser.startLogin())}`;
  await browser.visit(callback);
  const session = browser.jar.get(sessionCookie);
  assert.equal((await browser.visit(callback)).status, 400);
  assert.equal(browser.jar.get(sessionCookie), session);
  assert.equal(gate.provider.redeemed.length, 1);
});

test('RP-053: of two signed answers at once exactly one is redeemed', async () => {
  const gate = createSigningGate();
  const browser = createBrowser(gate);
  const callback = `/.auth/callback?response=${asResponse(await browser.startLogin())}`;
  const answers = await Promise.all([browser.visit(callback), browser.visit(callback)]);
  assert.deepEqual(answers.map(({ status }) => status).sort(), [303, 400]);
  assert.equal(gate.provider.redeemed.length, 1);
});

test('RP-051: a signed answer to the login of another browser finds none', async () => {
  const gate = createSigningGate();
  const state = await createBrowser(gate).startLogin();
  const answer = await createBrowser(gate).visit(`/.auth/callback?response=${asResponse(state)}`);
  assert.equal(answer.status, 400);
  assert.equal(gate.provider.redeemed.length, 0);
});

test('RP-068: a state beside a signed answer does not count', async () => {
  const gate = createSigningGate();
  const browser = createBrowser(gate);
  const state = await browser.startLogin();
  for (const response of [asResponse('other'), 'unreadable', '']) {
    const answer = await browser.visit(`/.auth/callback?response=${response}&state=${state}`);
    assert.equal(answer.status, 400);
  }
  assert.equal(gate.provider.redeemed.length, 0);
  assert.deepEqual(new Set(failures(gate)), new Set(['ERR_LOGIN_EXPIRED']));
  assert.equal((await browser.visit(`/.auth/callback?response=${asResponse(state)}`)).status, 303);
});

test('a signed answer that the provider refuses ends on a page, and its login is used up', async () => {
  const gate = createSigningGate();
  gate.provider.script.redeem = async () => {
    throw new SallyportError('ERR_LOGIN_FAILED', 'refused', { detail: 'jarm-signature' });
  };
  const browser = createBrowser(gate);
  const callback = `/.auth/callback?response=${asResponse(await browser.startLogin())}`;
  assert.equal((await browser.visit(callback)).status, 400);
  assert.equal((await browser.visit(callback)).status, 400);
  assert.deepEqual(failures(gate), ['ERR_LOGIN_FAILED', 'ERR_LOGIN_EXPIRED']);
  assert.equal(gate.sessions.live.size, 0);
});
