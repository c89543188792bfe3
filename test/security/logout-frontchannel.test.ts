/** Section 7, LO-030 to LO-033: what a provider shows in a frame to sign somebody out. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { headerValue } from '../../src/core/headers.ts';
import {
  createBrowser,
  createGate,
  createScriptedProvider,
  type Gate,
  sessionCookie,
  signedIn,
  wholeAnswer,
} from '../support/endpoint-gate.ts';

const issuer = 'https://main.idp.test';

async function gateWith(...sids: readonly string[]) {
  const gate = createGate({ providers: [createScriptedProvider(), createScriptedProvider('second')] });
  for (const sid of sids) {
    gate.provider.script.redeem = async () => ({ ...signedIn(), claims: { ...signedIn().claims, sid } });
    await createBrowser(gate).signIn();
  }
  return gate;
}

const frame = (gate: Gate, query: string, headers: Readonly<Record<string, string>> = {}) =>
  gate.call(`/.auth/frontchannel-logout${query}`, {
    headers: { 'sec-fetch-dest': 'iframe', 'sec-fetch-mode': 'navigate', ...headers },
  });
const named = (sid: string, iss = issuer) => `?iss=${encodeURIComponent(iss)}&sid=${encodeURIComponent(sid)}`;
const outcomeOf = (gate: Gate) => (gate.events.at(-1)?.event as { outcome?: string } | undefined)?.outcome;
const sids = (gate: Gate) => [...gate.sessions.live.values()].map(({ identity }) => identity.claims.sid);

test('LO-030: a frame without any cookie ends the session of that sid, and only the provider may frame it', async () => {
  const gate = await gateWith('sid-1', 'sid-2');
  const answer = await frame(gate, named('sid-1'), { 'sec-fetch-site': 'cross-site' });
  assert.equal(answer.status, 200);
  assert.deepEqual(sids(gate), ['sid-2']);
  assert.equal(headerValue(answer.headers, 'cache-control'), 'no-store');
  const policy = headerValue(answer.headers, 'content-security-policy') ?? '';
  assert.match(policy, /frame-ancestors https:\/\/main\.idp\.test$/);
  assert.doesNotMatch(policy, /script-src|unsafe/);
  assert.equal(headerValue(answer.headers, 'x-frame-options'), null);
  assert.ok(answer.body.length < 200);
  assert.deepEqual(answer.setCookies, []);
  assert.deepEqual(gate.sessions.directory.reasons, ['frontchannel-logout']);
  assert.deepEqual(gate.events.at(-1)?.event, {
    channel: 'front',
    provider: 'main',
    outcome: 'accepted',
    detail: null,
    client: '127.0.0.1',
  });
});

for (const [title, query] of [
  ['nothing', ''],
  ['no sid', `?iss=${issuer}`],
  ['no issuer', '?sid=sid-1'],
  ['an empty sid', named('')],
  ['another issuer', named('sid-1', 'https://evil.example')],
  ['the issuer with a slash more', named('sid-1', `${issuer}/`)],
  ['the sid twice', `${named('sid-1')}&sid=sid-1`],
  ['the issuer twice', `${named('sid-1')}&iss=${issuer}`],
  ['a sid without end', named('s'.repeat(1001))],
] as const) {
  test(`LO-032: ${title} is a 400 that nobody may frame, and nothing ends`, async () => {
    const gate = await gateWith('sid-1');
    const answer = await frame(gate, query);
    assert.equal(answer.status, 400);
    assert.deepEqual(sids(gate), ['sid-1']);
    assert.doesNotMatch(wholeAnswer(answer), /frame-ancestors https|evil/);
    assert.equal(outcomeOf(gate), 'refused');
  });
}

test('LO-032: the sid of another provider, and a guessed one, end nothing and look like one that does', async () => {
  const gate = await gateWith('sid-1');
  const second = await frame(gate, named('sid-1', 'https://second.idp.test'));
  assert.deepEqual(sids(gate), ['sid-1']);
  assert.equal(second.status, 200);
  const guess = await frame(gate, named('sid-2'));
  assert.deepEqual(sids(gate), ['sid-1']);
  assert.deepEqual(guess, await frame(gate, named('sid-1')));
});

test('LO-032: a prefetch and a HEAD end nothing', async () => {
  const gate = await gateWith('sid-1');
  assert.equal((await frame(gate, named('sid-1'), { 'sec-purpose': 'prefetch' })).status, 400);
  const head = await gate.call(`/.auth/frontchannel-logout${named('sid-1')}`, { method: 'HEAD' });
  assert.equal(head.status, 400);
  assert.deepEqual(sids(gate), ['sid-1']);
});

test('LO-032: whoever guesses has a hundred tries in ten seconds', async () => {
  const gate = await gateWith('sid-1');
  for (let i = 0; i < 100; i++) assert.equal((await frame(gate, named(`guess-${i}`))).status, 200);
  const late = await frame(gate, named('sid-1'));
  assert.equal(late.status, 429);
  assert.equal(headerValue(late.headers, 'retry-after'), '10');
  assert.deepEqual(sids(gate), ['sid-1']);
});

test('LO-032: whoever guesses leaves nothing in the store', async () => {
  const gate = await gateWith('sid-1');
  assert.equal((await frame(gate, named('guess'))).status, 200);
  assert.deepEqual(gate.sessions.directory.told, []);
});

test('LO-032: where each one is written down, in a deny-list, all addresses together have two hundred in ten seconds', async () => {
  const gate = await gateWith('sid-1');
  gate.sessions.directory.abilities = 'end';
  const guess = (i: number) =>
    gate.call(`/.auth/frontchannel-logout${named(`guess-${i}`)}`, { address: `192.0.2.${i % 250}` });
  for (let i = 0; i < 200; i++) assert.equal((await guess(i)).status, 200);
  assert.equal((await guess(201)).status, 429);
  assert.equal(gate.sessions.directory.reasons.length, 200);
});

test('LO-033: a session cookie alone ends nothing', async () => {
  const gate = await gateWith('sid-1');
  const [key] = gate.sessions.live.keys();
  const answer = await frame(gate, '', { cookie: `${sessionCookie}=${key}` });
  assert.equal(answer.status, 400);
  assert.deepEqual(sids(gate), ['sid-1']);
});

test('LO-020: a store that is down is a failure, which the frame shows and the audit has', async () => {
  const gate = await gateWith('sid-1');
  gate.sessions.directory.failing = 'end';
  await assert.rejects(frame(gate, named('sid-1')), { code: 'ERR_STORE_UNAVAILABLE' });
  assert.equal(outcomeOf(gate), 'failed');
});

test('LO-027: where sessions cannot be ended from outside it is a 400', async () => {
  const gate = await gateWith('sid-1');
  gate.sessions.directory.abilities = 'none';
  assert.equal((await frame(gate, named('sid-1'))).status, 400);
});
