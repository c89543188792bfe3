/** Section 7 up to LO-027 at the endpoint: what a provider posts, and what everybody else does. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { SallyportError } from '../../src/core/errors.ts';
import { headerValue } from '../../src/core/headers.ts';
import {
  createBrowser,
  createGate,
  createScriptedProvider,
  type Gate,
  type ScriptedProvider,
  signedIn,
  wholeAnswer,
} from '../support/endpoint-gate.ts';
import { makeEvilGate } from '../support/evil-login.ts';
import {
  type EvilBehaviour,
  type EvilProvider,
  makeIdToken,
  makeLogoutToken,
  startEvilProvider,
} from '../support/evil-provider.ts';

const path = '/.auth/backchannel-logout';

let evil: EvilProvider;
before(async () => {
  evil = await startEvilProvider();
});
beforeEach(() => evil.reset());
after(() => evil.close());

/** A provider whose logout tokens are really checked; all else of it is scripted. */
function createRealReader(name = 'main', config: Readonly<Record<string, unknown>> = {}): ScriptedProvider {
  const reader = makeEvilGate(evil, { config }).provider;
  const provider = createScriptedProvider(name);
  provider.script.logoutToken = (token) => reader.verifyLogoutToken(token);
  return { ...provider, issuer: evil.issuer };
}

/** A gate at which this person has signed in, with this `sid`. */
async function gateWith(...people: readonly (readonly [subject: string, sid: string | null])[]) {
  const provider = createRealReader();
  const gate = createGate({ providers: [provider] });
  const browsers = [];
  for (const [subject, sid] of people) {
    const person = signedIn(subject);
    const claims = sid === null ? person.claims : { ...person.claims, sid };
    provider.script.redeem = async () => ({ ...person, claims });
    const browser = createBrowser(gate);
    await browser.signIn();
    browsers.push(browser);
  }
  return { gate, provider, browsers };
}

const form = (token: string) => `logout_token=${encodeURIComponent(token)}`;
const post = (gate: Gate, token: string) => gate.call(path, { method: 'POST', form: form(token) });
const subjects = (gate: Gate) => [...gate.sessions.live.values()].map(({ identity }) => identity.subject);

test('LO-022: a logout from the address of the provider needs no cookie, no origin, and leads nowhere', async () => {
  const { gate, browsers } = await gateWith(['alice', 'sid-1'], ['bob', 'sid-2']);
  const answer = await post(gate, makeLogoutToken(evil.issuer));
  assert.equal(answer.status, 200);
  assert.equal(answer.body, '');
  assert.equal(headerValue(answer.headers, 'cache-control'), 'no-store');
  assert.equal(headerValue(answer.headers, 'location'), null);
  assert.deepEqual(answer.setCookies, []);
  assert.deepEqual(subjects(gate), ['bob']);
  assert.equal((await browsers[0]?.visit('/.auth/me'))?.status, 401);
  assert.equal((await browsers[1]?.visit('/.auth/me'))?.status, 200);
  const { event } = gate.events.findLast(({ name }) => name === 'logout.received') ?? {};
  assert.deepEqual(event, {
    channel: 'back',
    provider: 'main',
    outcome: 'accepted',
    detail: null,
    client: '127.0.0.1',
  });
});

test('LO-022: whatever a browser says of itself, cross-site or not, changes nothing about a logout', async () => {
  for (const headers of [
    { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' },
    { 'sec-fetch-mode': 'navigate', accept: 'text/html' },
    { cookie: '__Host-sallyport=x' },
  ]) {
    const { gate } = await gateWith(['alice', 'sid-1']);
    const answer = await gate.call(path, {
      method: 'POST',
      form: form(makeLogoutToken(evil.issuer)),
      headers,
    });
    assert.equal(answer.status, 200);
    assert.deepEqual(answer.setCookies, []);
    assert.equal(gate.sessions.live.size, 0);
  }
});

test('the sid ends that session, the subject all of the person, and both mean the sid', async () => {
  for (const [claims, left] of [
    [{ sid: 'sid-1' }, ['alice', 'bob']],
    [{ sub: undefined, sid: 'sid-1' }, ['alice', 'bob']],
    [{ sid: undefined }, ['bob']],
    [{ sid: 'unknown' }, ['alice', 'alice', 'bob']],
  ] as const) {
    const { gate } = await gateWith(['alice', 'sid-1'], ['alice', 'sid-2'], ['bob', 'sid-3']);
    assert.equal((await post(gate, makeLogoutToken(evil.issuer, { claims }))).status, 200);
    assert.deepEqual(subjects(gate), left);
  }
});

const bad: readonly (readonly [id: string, behaviour: EvilBehaviour])[] = [
  ['LO-002', { header: { alg: 'none' }, signature: () => Buffer.alloc(0) }],
  ['LO-002', { key: 'attacker' }],
  ['LO-004', { claims: { events: [] } }],
  ['LO-005', { claims: { events: { 'http://schemas.openid.net/event/x': {} } } }],
  ['LO-006', { claims: { nonce: '' } }],
  ['LO-007', { claims: { aud: ['other'] } }],
  ['LO-007', { claims: { iss: 'https://other.test' } }],
  ['LO-010', { claims: { sub: undefined, sid: undefined } }],
  ['LO-013', { claims: { exp: undefined } }],
  ['LO-014', { claims: { jti: undefined } }],
  ['LO-015', { header: { typ: 'at+jwt' } }],
];
for (const [id, behaviour] of bad) {
  test(`${id}: a bad token (${JSON.stringify({ ...behaviour.claims, ...behaviour.header })}) is a 400 and everybody stays`, async () => {
    const { gate } = await gateWith(['alice', 'sid-1']);
    const token = makeLogoutToken(evil.issuer, behaviour);
    const answer = await post(gate, token);
    assert.equal(answer.status, 400);
    assert.equal(JSON.parse(answer.body).error, 'invalid_request');
    assert.match(JSON.parse(answer.body).error_description, /^[a-z-]+$/);
    assert.equal(headerValue(answer.headers, 'cache-control'), 'no-store');
    assert.equal(gate.sessions.live.size, 1);
    assert.equal(gate.sessions.directory.words.size, 0, 'a bad token is not remembered');
    assert.ok(!JSON.stringify(gate.events).includes(token.slice(-40)));
    assert.ok(!wholeAnswer(answer).includes(token.slice(-40)));
    const { event } = gate.events.findLast(({ name }) => name === 'logout.received') ?? {};
    assert.equal((event as { outcome?: string }).outcome, 'refused');
  });
}

test('LO-009: the ID token of a person, sent as a logout token, ends nothing', async () => {
  const { gate } = await gateWith(['alice', 'sid-1']);
  assert.equal((await post(gate, makeIdToken(evil.issuer, 'n', { claims: { sid: 'sid-1' } }))).status, 400);
  assert.equal(gate.sessions.live.size, 1);
});

test('LO-012: a session that does not exist gets the same answer as one that does', async () => {
  const { gate } = await gateWith(['alice', 'sid-1']);
  const there = await post(gate, makeLogoutToken(evil.issuer));
  const gone = await post(gate, makeLogoutToken(evil.issuer));
  const never = await post(gate, makeLogoutToken(evil.issuer, { claims: { sid: 'other', sub: 'nobody' } }));
  assert.deepEqual(gone, there);
  assert.deepEqual(never, there);
});

test('LO-016: a replay is a 400, and the session of a later sign-in stays', async () => {
  const { gate, provider, browsers } = await gateWith(['alice', 'sid-1']);
  const token = makeLogoutToken(evil.issuer);
  assert.equal((await post(gate, token)).status, 200);
  gate.clock.advance(2000);
  provider.script.redeem = async () => ({ ...signedIn(), claims: { ...signedIn().claims, sid: 'sid-1' } });
  gate.sessions.directory.told.length = 0;
  await browsers[0]?.signIn();
  for (let i = 0; i < 5; i++) {
    const answer = await post(gate, token);
    assert.equal(answer.status, 400);
    assert.equal(JSON.parse(answer.body).error_description, 'logout-token-replayed');
  }
  assert.equal(gate.sessions.live.size, 1);
});

test('LO-016: a replay at another node, or after a restart, is a 400: what is known of it is in the store', async () => {
  const { gate, provider } = await gateWith(['alice', 'sid-1']);
  const token = makeLogoutToken(evil.issuer);
  assert.equal((await post(gate, token)).status, 200);
  const { clock, sessions, transactions } = gate;
  const other = createGate({ providers: [provider], parts: { clock, sessions, transactions } });
  assert.equal((await post(other, token)).status, 400);
  const until = Math.max(...gate.sessions.directory.words.values());
  const { exp } = JSON.parse(Buffer.from(token.split('.')[1] as string, 'base64url').toString()) as {
    exp: number;
  };
  assert.ok(until >= exp * 1000 + 60_000, 'also where the clock of another node is behind');
  assert.ok(until <= Date.now() + 391_000, 'and no longer than it could be accepted');
});

test('LO-016: of many that bring the same token at once, one ends sessions', async () => {
  const { gate } = await gateWith(['alice', 'sid-1']);
  const token = makeLogoutToken(evil.issuer);
  const answers = await Promise.all(Array.from({ length: 10 }, () => post(gate, token)));
  const good = answers.filter(({ status }) => status === 200).length;
  assert.ok(good >= 1 && good <= 3, `${good} passed`);
  assert.equal(gate.sessions.live.size, 0);
  assert.equal((await post(gate, token)).status, 400);
});

test('LO-016: two providers may give the same id to two logouts', async () => {
  const provider = createRealReader('main');
  const second = createScriptedProvider('second');
  second.script.logoutToken = async () => ({
    issuer: second.issuer,
    subject: 'alice',
    sid: null,
    tokenId: 'same',
    issuedAt: 0,
    expiresAt: Date.now() / 1000 + 60,
  });
  const gate = createGate({ providers: [provider, second] });
  const claims = { jti: 'same' };
  assert.equal((await post(gate, makeLogoutToken(evil.issuer, { claims }))).status, 200);
  assert.equal((await post(gate, makeLogoutToken(second.issuer, { claims }))).status, 200);
  assert.deepEqual(
    gate.sessions.directory.told.map((logout) => logout.provider),
    ['main', 'second'],
  );
});

const urlencoded = { 'content-type': 'application/x-www-form-urlencoded' };
const oddRequests: readonly (readonly [
  title: string,
  request: (token: string) => {
    readonly query?: string;
    readonly form?: string;
    readonly headers?: Record<string, string>;
  },
  expected: number | string,
])[] = [
  ['the token twice', (token) => ({ form: `${form(token)}&${form(token)}` }), 400],
  ['two different tokens', (token) => ({ form: `${form('x')}&${form(token)}` }), 400],
  ['the token in the query', (token) => ({ query: `?${form(token)}`, form: '' }), 400],
  ['the token in both', (token) => ({ query: `?${form(token)}`, form: form(token) }), 400],
  ['no token', () => ({ form: 'x=1' }), 400],
  ['an empty token', () => ({ form: 'logout_token=' }), 400],
  ['an empty body', () => ({ form: '', headers: urlencoded }), 400],
  [
    'JSON',
    (token) => ({
      form: JSON.stringify({ logout_token: token }),
      headers: { 'content-type': 'application/json' },
    }),
    'ERR_BODY_UNSUPPORTED',
  ],
  [
    'multipart',
    (token) => ({ form: form(token), headers: { 'content-type': 'multipart/form-data; boundary=x' } }),
    'ERR_BODY_UNSUPPORTED',
  ],
  [
    'text',
    (token) => ({ form: form(token), headers: { 'content-type': 'text/plain' } }),
    'ERR_BODY_UNSUPPORTED',
  ],
  ['no type', (token) => ({ form: form(token), headers: { 'content-type': '' } }), 'ERR_BODY_UNSUPPORTED'],
  ['a body of a megabyte', () => ({ form: form('x'.repeat(1024 ** 2)) }), 'ERR_BODY_TOO_LARGE'],
  ['a hundred fields', (token) => ({ form: form(token) + '&x=1'.repeat(100) }), 'ERR_BAD_REQUEST'],
  ['what is no token at all', () => ({ form: 'logout_token=..' }), 400],
  ['a token of 60 KB', () => ({ form: form(`${'x.'.repeat(30_000)}`) }), 400],
];
for (const [title, request, expected] of oddRequests) {
  test(`LO-018: ${title} is refused with ${expected} and ends nothing`, async () => {
    const { gate } = await gateWith(['alice', 'sid-1']);
    const { query = '', ...rest } = request(makeLogoutToken(evil.issuer));
    const answer = gate.call(path + query, { method: 'POST', ...rest });
    if (typeof expected === 'string') await assert.rejects(answer, { code: expected });
    else assert.equal((await answer).status, expected);
    assert.equal(gate.sessions.live.size, 1);
    assert.equal(gate.events.filter(({ name }) => name === 'logout.received').length, 1);
  });
}

test('LO-018: a logout is posted and nothing else', async () => {
  const gate = createGate();
  assert.deepEqual([...(gate.table.get(path)?.keys() ?? [])], ['POST']);
});

test('LO-018: a further parameter of the form is ignored, as the specification says', async () => {
  const { gate } = await gateWith(['alice', 'sid-1']);
  const answer = await gate.call(path, {
    method: 'POST',
    form: `x=1&${form(makeLogoutToken(evil.issuer))}`,
  });
  assert.equal(answer.status, 200);
});

test('LO-019: when the store cannot tell whether it is a replay, nothing ends and the provider comes again', async () => {
  const { gate } = await gateWith(['alice', 'sid-1']);
  gate.sessions.directory.failing = 'useOnce';
  const token = makeLogoutToken(evil.issuer);
  const answer = await post(gate, token);
  assert.equal(answer.status, 503);
  assert.equal(headerValue(answer.headers, 'retry-after'), '2');
  assert.equal(headerValue(answer.headers, 'cache-control'), 'no-store');
  assert.equal(gate.sessions.live.size, 1);
  const { event } = gate.events.at(-1) ?? {};
  assert.deepEqual(event, {
    channel: 'back',
    provider: 'main',
    outcome: 'failed',
    detail: 'ERR_STORE_UNAVAILABLE',
    client: '127.0.0.1',
  });
  gate.sessions.directory.failing = null;
  assert.equal((await post(gate, token)).status, 200);
  assert.equal(gate.sessions.live.size, 0);
});

test('LO-020: a logout that failed in the store is a 503, and the same token works when it is repeated, once', async () => {
  const { gate } = await gateWith(['alice', 'sid-1']);
  const token = makeLogoutToken(evil.issuer);
  gate.sessions.directory.failing = 'end';
  for (let i = 0; i < 2; i++) assert.equal((await post(gate, token)).status, 503);
  assert.equal(gate.sessions.live.size, 1);
  gate.sessions.directory.failing = null;
  assert.equal((await post(gate, token)).status, 200);
  assert.equal(gate.sessions.live.size, 0);
  assert.equal((await post(gate, token)).status, 400);
});

test('LO-020: keys that are not to be had are a 503 as well', async () => {
  const { gate } = await gateWith(['alice', 'sid-1']);
  evil.behaviour = { jwks: { raw: true, status: 503 } };
  assert.equal((await post(gate, makeLogoutToken(evil.issuer))).status, 503);
  evil.behaviour = {};
  assert.equal(gate.sessions.live.size, 1);
});

test('a bug is no answer to the provider: it goes on to the log', async () => {
  const gate = createGate();
  gate.provider.script.logoutToken = async () => {
    throw new TypeError('unexpected');
  };
  await assert.rejects(post(gate, makeLogoutToken(gate.provider.issuer)), TypeError);
});

test('the issuer chooses the provider; of two clients at one issuer the audience decides', async () => {
  const first = createRealReader('first', { clientId: 'other' });
  const second = createRealReader('second');
  const elsewhere = createScriptedProvider('elsewhere');
  let asked = 0;
  elsewhere.script.logoutToken = async () => {
    asked += 1;
    throw new SallyportError('ERR_LOGOUT_TOKEN', 'x');
  };
  const gate = createGate({ providers: [elsewhere, first, second] });
  assert.equal((await post(gate, makeLogoutToken(evil.issuer))).status, 200);
  assert.equal(gate.sessions.directory.told[0]?.provider, 'second');
  assert.equal(asked, 0, 'a token is shown only to the provider that it names');
  const stranger = await post(gate, makeLogoutToken('https://stranger.test'));
  assert.equal(JSON.parse(stranger.body).error_description, 'issuer-unknown');
});

test('LO-021: an encrypted token that does not say whose it is is tried with every provider', async () => {
  const [first, second] = [createScriptedProvider('first'), createScriptedProvider('second')];
  second.script.logoutToken = async () => ({
    issuer: second.issuer,
    subject: null,
    sid: 's',
    tokenId: 't',
    issuedAt: 1,
    expiresAt: Date.now() / 1000 + 60,
  });
  const gate = createGate({ providers: [first, second] });
  const header = Buffer.from('{"alg":"RSA-OAEP","enc":"A256GCM"}').toString('base64url');
  assert.equal((await post(gate, `${header}.a.b.c.d`)).status, 200);
  assert.equal(gate.sessions.directory.told[0]?.provider, 'second');
});

test('LO-022: after twenty refusals an address gets 429 and no more lines in the log, and a good logout still passes', async () => {
  const { gate } = await gateWith(['alice', 'sid-1']);
  const statuses: number[] = [];
  for (let i = 0; i < 30; i++) statuses.push((await post(gate, 'x.y.z')).status);
  assert.deepEqual(
    [statuses.filter((status) => status === 400).length, statuses.filter((status) => status === 429).length],
    [20, 10],
  );
  assert.equal(gate.events.filter(({ name }) => name === 'logout.received').length, 20);
  assert.equal((await post(gate, makeLogoutToken(evil.issuer))).status, 200);
  assert.equal(gate.sessions.live.size, 0);
  gate.clock.advance(10_000);
  assert.equal((await post(gate, 'x.y.z')).status, 400);
});

test('LO-022: good logouts are not counted, however many come', async () => {
  const gate = createGate();
  let count = 0;
  gate.provider.script.logoutToken = async () => {
    count += 1;
    const expiresAt = Date.now() / 1000 + 60;
    const { issuer } = gate.provider;
    return { issuer, subject: `p${count}`, sid: null, tokenId: `t${count}`, issuedAt: 1, expiresAt };
  };
  const token = makeLogoutToken(gate.provider.issuer);
  for (let i = 0; i < 500; i++) assert.equal((await post(gate, token)).status, 200);
});

test('LO-024: a login that was on its way when the logout came does not outlive it, and a later one does', async () => {
  const { gate, provider } = await gateWith();
  provider.script.redeem = async () => ({ ...signedIn(), claims: { ...signedIn().claims, sid: 'sid-1' } });
  const browser = createBrowser(gate);
  const state = await browser.startLogin('?returnTo=/deep');
  gate.sessions.directory.told.push({
    provider: 'main',
    subject: null,
    sid: 'sid-1',
    issuedAt: Math.ceil(gate.clock.now() / 1000) + 1,
  });
  const late = await browser.visit(`/.auth/callback?code=c&state=${state}`);
  assert.equal(late.status, 400);
  assert.match(late.body, /You were signed out while this sign-in was on its way/);
  assert.match(late.body, /href="https:\/\/app\.test\/\.auth\/login\?returnTo=[^"]*deep/);
  assert.equal(gate.sessions.live.size, 0);
  assert.deepEqual(provider.revoked, ['secret-refresh-token', 'secret-access-token']);
  gate.clock.advance(5000);
  assert.equal((await browser.signIn()).status, 303);
  assert.equal(gate.sessions.live.size, 1);
});

test('LO-027: where sessions cannot be ended from outside, the provider is told so, and nothing breaks', async () => {
  const { gate } = await gateWith(['alice', 'sid-1']);
  gate.sessions.directory.abilities = 'none';
  const answer = await post(gate, makeLogoutToken(evil.issuer));
  assert.equal(answer.status, 501);
  assert.match(JSON.parse(answer.body).error_description, /deny-list/);
  assert.equal(headerValue(answer.headers, 'cache-control'), 'no-store');
  gate.sessions.directory.abilities = 'end';
  assert.equal((await post(gate, makeLogoutToken(evil.issuer))).status, 200);
  assert.equal(gate.sessions.live.size, 0);
});
