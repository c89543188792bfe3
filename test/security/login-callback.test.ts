/** Section 1B of the catalogue at the endpoint: an answer that is not right ends on a plain page and nowhere else. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Respond } from '../../src/core/decision.ts';
import { SallyportError } from '../../src/core/errors.ts';
import { headerValue } from '../../src/core/headers.ts';
import {
  createBrowser,
  createGate,
  createScriptedProvider,
  type Gate,
  locationOf,
  loginPrefix,
  publicOrigin,
  secretTokens,
  sessionCookie,
  wholeAnswer,
} from '../support/endpoint-gate.ts';

interface Expected {
  readonly code: string;
  readonly detail?: string | null;
  readonly status?: number;
  /** Parts of the request that must not come back. */
  readonly echoes?: readonly string[];
}

/** LF of the catalogue. */
function assertLoginFailed(gate: Gate, answer: Respond, expected: Expected): void {
  assert.equal(answer.status, expected.status ?? 400);
  assert.equal(headerValue(answer.headers, 'location'), null, 'never a redirect');
  assert.doesNotMatch(answer.body, /http-equiv|<script/i, 'nothing that leads on by itself');
  assert.match(headerValue(answer.headers, 'content-type') ?? '', /^text\/html/);
  assert.equal(headerValue(answer.headers, 'cache-control'), 'no-store');
  assert.match(answer.body, /href="https:\/\/app\.test\/\.auth\/login[^"]*">Sign in again</);
  for (const echo of [...(expected.echoes ?? []), ...Object.values(secretTokens)]) {
    assert.ok(!wholeAnswer(answer).includes(echo), `echoed ${echo}`);
  }
  assert.ok(
    !answer.setCookies.some(
      (cookie) => cookie.startsWith(`${sessionCookie}=`) && !cookie.includes('Max-Age=0'),
    ),
  );
  const failures = gate.events.filter(({ name }) => name === 'login.failed');
  assert.equal(failures.length, 1, 'one audit event');
  const event = failures[0]?.event as { code: string; detail: string | null };
  assert.equal(event.code, expected.code);
  if (expected.detail !== undefined) assert.equal(event.detail, expected.detail);
  for (const echo of expected.echoes ?? []) assert.ok(!JSON.stringify(gate.events).includes(echo));
}

function assertTransactionCleared(answer: Respond, state: string): void {
  const cookie = answer.setCookies.find((line) => line.startsWith(loginPrefix + state.slice(0, 8)));
  assert.match(cookie ?? '', /Max-Age=0/);
}

const fails =
  (code: 'ERR_LOGIN_DENIED' | 'ERR_LOGIN_FAILED' | 'ERR_PROVIDER_UNAVAILABLE', detail: string) =>
  async () => {
    throw new SallyportError(code, `internal message with ${secretTokens.idToken}`, {
      detail,
      retryAfter: 7,
    });
  };

const shape: readonly (readonly [id: string, what: string, query: string, detail: string])[] = [
  ['RP-058', 'both code and error', '&code=SECRETCODE&error=access_denied', 'code-and-error'],
  ['RP-060', 'a repeated code', '&code=SECRETCODE&code=SECRETCODE', 'duplicate-parameter'],
  ['RP-060', 'a repeated iss', '&code=SECRETCODE&iss=a&iss=b', 'duplicate-parameter'],
  ['RP-060', 'a repeated error', '&error=SECRETCODE&error=b', 'duplicate-parameter'],
  ['RP-068', 'a JARM response', '&response=SECRETCODE', 'unexpected-parameter'],
  ['RP-068', 'an ID token in the answer', '&code=c&id_token=SECRETCODE', 'unexpected-parameter'],
  ['RP-068', 'an access token in the answer', '&code=c&access_token=SECRETCODE', 'unexpected-parameter'],
  ['RP-031', 'a token type in the answer', '&code=c&token_type=SECRETCODE', 'unexpected-parameter'],
  ['RP-057', 'neither code nor error', '&foo=SECRETCODE', 'no-code'],
];

for (const [id, what, query, detail] of shape) {
  test(`${id}: ${what} fails the login, and nothing is redeemed`, async () => {
    const gate = createGate();
    const browser = createBrowser(gate);
    const state = await browser.startLogin('?returnTo=/deep');
    const answer = await browser.visit(`/.auth/callback?state=${state}${query}`);
    assertLoginFailed(gate, answer, { code: 'ERR_LOGIN_FAILED', detail, echoes: ['SECRETCODE', state] });
    assertTransactionCleared(answer, state);
    assert.equal(gate.provider.redeemed.length, 0);
    assert.equal(gate.sessions.live.size, 0);
    assert.match(
      answer.body,
      /login\?returnTo=https%3A%2F%2Fapp\.test%2Fdeep"/,
      'the fresh start leads to the same place',
    );
    const again = await browser.visit(`/.auth/callback?state=${state}&code=c`);
    assert.equal(again.status, 400, 'the transaction is gone');
    assert.equal(gate.provider.redeemed.length, 0);
  });
}

const redeemFailures: readonly (readonly [
  id: string,
  what: string,
  query: string,
  detail: string,
  status: number,
])[] = [
  [
    'RP-056',
    'a denial with markup and a script link',
    `&error=access_denied&error_description=${encodeURIComponent('<script>alert(1)</script>')}&error_uri=javascript:x`,
    'access_denied',
    403,
  ],
  [
    'RP-064',
    'an iss that differs in spelling',
    '&code=SECRETCODE&iss=https://MAIN.idp.test/',
    'iss-mismatch',
    400,
  ],
  [
    'RP-065',
    'a wrong iss that nobody announced',
    '&code=SECRETCODE&iss=https://evil.test',
    'iss-mismatch',
    400,
  ],
];

for (const [id, what, query, detail, status] of redeemFailures) {
  test(`${id}: ${what} ends on a page that shows nothing of it`, async () => {
    const gate = createGate();
    const code = status === 403 ? 'ERR_LOGIN_DENIED' : 'ERR_LOGIN_FAILED';
    gate.provider.script.redeem = fails(code, detail);
    const browser = createBrowser(gate);
    const state = await browser.startLogin();
    const answer = await browser.visit(`/.auth/callback?state=${state}${query}`);
    const echoes = ['SECRETCODE', 'alert(1)', 'javascript:', 'evil.test', 'internal message', state];
    assertLoginFailed(gate, answer, { code, detail, status, echoes });
    assertTransactionCleared(answer, state);
    assert.equal(gate.sessions.live.size, 0);
  });
}

test('RP-051: the state of another browser fails, and serves its own browser afterwards', async () => {
  const gate = createGate();
  const [alice, mallory] = [createBrowser(gate), createBrowser(gate)];
  const state = await alice.startLogin();
  await mallory.startLogin();
  const answer = await mallory.visit(`/.auth/callback?code=SECRETCODE&state=${state}`);
  assertLoginFailed(gate, answer, { code: 'ERR_LOGIN_EXPIRED', echoes: ['SECRETCODE', state] });
  assert.equal(gate.provider.redeemed.length, 0);
  assert.equal((await alice.visit(`/.auth/callback?code=c&state=${state}`)).status, 303);
});

test('RP-052: a callback that is replayed leaves the session alone and leads on to the application', async () => {
  const gate = createGate();
  const browser = createBrowser(gate);
  const state = await browser.startLogin();
  const callback = `/.auth/callback?code=SECRETCODE&state=${state}`;
  assert.equal((await browser.visit(callback)).status, 303);
  const [key] = gate.sessions.live.keys();

  const replay = await browser.visit(callback);
  assertLoginFailed(gate, replay, { code: 'ERR_LOGIN_EXPIRED', echoes: ['SECRETCODE', state] });
  assert.match(replay.body, /signed in already/);
  assert.match(replay.body, /class="button" href="https:\/\/app\.test\/">Continue to the application</);
  assert.deepEqual([...gate.sessions.live.keys()], [key]);
  assert.equal(browser.jar.get(sessionCookie), key);
  assert.equal(gate.provider.redeemed.length, 1);
});

test('RP-053: of two callbacks at once exactly one is redeemed', async () => {
  const gate = createGate();
  const browser = createBrowser(gate);
  const state = await browser.startLogin();
  const callback = `/.auth/callback?code=c&state=${state}`;
  const answers = await Promise.all([browser.visit(callback), browser.visit(callback)]);
  assert.deepEqual(answers.map(({ status }) => status).sort(), [303, 400]);
  assert.equal(gate.provider.redeemed.length, 1);
  assert.equal(gate.sessions.live.size, 1);
});

test('a callback that comes too late ends on a page with a fresh start', async () => {
  const gate = createGate();
  const browser = createBrowser(gate);
  const state = await browser.startLogin();
  gate.clock.advance(601_000);
  const answer = await browser.visit(`/.auth/callback?code=c&state=${state}`);
  assertLoginFailed(gate, answer, { code: 'ERR_LOGIN_EXPIRED' });
  assertTransactionCleared(answer, state);
});

test('RP-057: an error with an unknown, missing or repeated state says the same whatever is wrong', async () => {
  const pages = new Set<string>();
  const gate = createGate();
  const known = await createBrowser(gate).startLogin();
  for (const query of [
    '',
    '&state=',
    `&state=${'A'.repeat(43)}`,
    `&state=${known}`,
    `&state=${known}&state=${known}`,
  ]) {
    gate.events.length = 0;
    const answer = await createBrowser(gate).visit(`/.auth/callback?error=access_denied${query}`);
    assertLoginFailed(gate, answer, { code: 'ERR_LOGIN_EXPIRED', detail: null });
    pages.add(answer.body);
  }
  assert.equal(pages.size, 1);
});

test('RP-061: a state that differs in case, space, NUL or length is not looked up', async () => {
  const gate = createGate();
  const browser = createBrowser(gate);
  const state = await browser.startLogin();
  const { take } = gate.transactions;
  const lookedUp: string[] = [];
  gate.transactions.take = (head, asked) => {
    lookedUp.push(asked);
    return take(head, asked);
  };
  const swapped = state.replace(/[a-zA-Z]/, (c) =>
    c === c.toLowerCase() ? c.toUpperCase() : c.toLowerCase(),
  );
  for (const wrong of [
    swapped,
    `${state}%20`,
    `${state}+`,
    `${state}%00`,
    'A'.repeat(10_240),
    `${state}%0A`,
    state.slice(1),
  ]) {
    gate.events.length = 0;
    const answer = await browser.visit(`/.auth/callback?code=c&state=${wrong}`);
    assertLoginFailed(gate, answer, { code: 'ERR_LOGIN_EXPIRED' });
  }
  assert.deepEqual(lookedUp, [swapped], 'only what could be a state is looked up');
  assert.equal(gate.provider.redeemed.length, 0);
  assert.equal(
    (await browser.visit(`/.auth/callback?code=c&state=${state}`)).status,
    303,
    'the real one still counts',
  );
});

for (const headers of [
  { 'sec-purpose': 'prefetch' },
  { 'sec-purpose': 'prefetch;prerender' },
  { purpose: 'prefetch' },
  { 'x-moz': 'prefetch' },
  { 'sec-fetch-dest': 'iframe' },
  { 'sec-fetch-dest': 'image' },
]) {
  test(`RP-063: a callback with ${Object.entries(headers).flat().join(': ')} is refused and the state still counts`, async () => {
    const gate = createGate();
    const browser = createBrowser(gate);
    const state = await browser.startLogin();
    const callback = `/.auth/callback?code=c&state=${state}`;
    assert.equal((await browser.visit(callback, { headers })).status, 403);
    assert.equal((await browser.visit(callback)).status, 303);
  });
}

test('RP-063: a HEAD on the callback does not consume the state', async () => {
  const gate = createGate();
  const browser = createBrowser(gate);
  const state = await browser.startLogin();
  assert.equal(
    (await browser.visit(`/.auth/callback?code=c&state=${state}`, { method: 'HEAD' })).status,
    403,
  );
  assert.equal((await browser.visit(`/.auth/callback?code=c&state=${state}`)).status, 303);
});

test('RP-066: an answer goes to the provider that the transaction names and to no other', async () => {
  const [honest, evil] = [createScriptedProvider('honest'), createScriptedProvider('evil')];
  const gate = createGate({ providers: [honest, evil] });
  honest.script.redeem = fails('ERR_LOGIN_FAILED', 'iss-mismatch');
  const browser = createBrowser(gate);
  const state = await browser.startLogin();
  const answer = await browser.visit(`/.auth/callback?code=c&state=${state}&iss=https://evil.idp.test`);
  assertLoginFailed(gate, answer, {
    code: 'ERR_LOGIN_FAILED',
    detail: 'iss-mismatch',
    echoes: ['evil.idp.test'],
  });
  assert.equal(evil.redeemed.length, 0);
});

test('RP-066: a transaction of a provider that is no longer configured expires', async () => {
  const gate = createGate();
  const browser = createBrowser(gate);
  const state = await browser.startLogin();
  const transaction = gate.transactions.open.get(state);
  assert.ok(transaction);
  gate.transactions.open.set(state, { ...transaction, provider: 'constructor' });
  const answer = await browser.visit(`/.auth/callback?code=c&state=${state}`);
  assertLoginFailed(gate, answer, { code: 'ERR_LOGIN_EXPIRED' });
});

test('RP-021: an error that comes as a form post ends on a page, not in a loop', async () => {
  const gate = createGate({ providers: [createScriptedProvider('main', 'form_post')] });
  gate.provider.script.redeem = fails('ERR_LOGIN_FAILED', 'login_required');
  const browser = createBrowser(gate);
  const state = await browser.startLogin();
  const answer = await browser.visit('/.auth/callback', {
    method: 'POST',
    form: `error=login_required&state=${state}`,
  });
  assertLoginFailed(gate, answer, { code: 'ERR_LOGIN_FAILED', detail: 'login_required' });
});

test('RP-022: a form post signs in, and the query of a POST counts for nothing', async () => {
  const gate = createGate({ providers: [createScriptedProvider('main', 'form_post')] });
  const browser = createBrowser(gate);
  const state = await browser.startLogin('?returnTo=/ok');
  const inQuery = await browser.visit(`/.auth/callback?code=c&state=${state}`, { method: 'POST', form: '' });
  assert.equal(inQuery.status, 400);
  const answer = await browser.visit('/.auth/callback', { method: 'POST', form: `code=c&state=${state}` });
  assert.equal(answer.status, 303);
  assert.equal(locationOf(answer), `${publicOrigin}/ok`);
});

test('SC-047: the login cookie is Lax for query answers and None for form posts', async () => {
  for (const [mode, sameSite] of [
    ['query', 'lax'],
    ['form_post', 'none'],
  ] as const) {
    const gate = createGate({ providers: [createScriptedProvider('main', mode)] });
    await createBrowser(gate).startLogin();
    assert.deepEqual(gate.transactions.sameSites, [sameSite]);
  }
});

test('RD-026, RD-030: after sign-in the browser goes on with 303, without code or state, and nothing is kept', async () => {
  const gate = createGate();
  const browser = createBrowser(gate);
  const state = await browser.startLogin('?returnTo=/deep?x=1');
  const answer = await browser.visit(
    `/.auth/callback?code=SECRETCODE&state=${state}&iss=https://main.idp.test`,
  );
  assert.equal(answer.status, 303);
  assert.equal(locationOf(answer), `${publicOrigin}/deep?x=1`);
  assert.equal(headerValue(answer.headers, 'cache-control'), 'no-store');
  assert.equal(headerValue(answer.headers, 'referrer-policy'), 'no-referrer');
  for (const secret of ['SECRETCODE', ...Object.values(secretTokens)])
    assert.ok(!wholeAnswer(answer).includes(secret));
  assertTransactionCleared(answer, state);
  const names = gate.events.map(({ name }) => name);
  assert.deepEqual(names, ['login.started', 'login.succeeded']);
});

test('SC-045: a SameSite=Strict session is reached over a page of our own, without script', async () => {
  const gate = createGate({ sessionSameSite: 'strict' });
  const answer = await createBrowser(gate).signIn(`?returnTo=${encodeURIComponent(`/a?x='"><b>&y=1`)}`);
  assert.equal(answer.status, 200);
  assert.equal(headerValue(answer.headers, 'location'), null);
  const [, url = ''] = /<meta http-equiv="refresh" content="0;url=([^"]*)">/.exec(answer.body) ?? [];
  assert.equal(
    url.replaceAll('&amp;', '&').replaceAll('&#39;', "'"),
    new URL(`/a?x='"><b>&y=1`, publicOrigin).href,
  );
  assert.doesNotMatch(answer.body, /<script|<b>/);
  assert.ok(answer.setCookies.some((cookie) => cookie.startsWith(`${sessionCookie}=`)));
});

test('SC-001, SC-002: signing in again makes a new session and ends the one that the browser came with', async () => {
  const gate = createGate();
  const browser = createBrowser(gate);
  await browser.signIn();
  const first = browser.jar.get(sessionCookie);
  await browser.signIn();
  assert.notEqual(browser.jar.get(sessionCookie), first);
  assert.equal(gate.sessions.live.size, 1);
});

test('FL-003: a store that fails after the code was redeemed gives 503 and revokes the tokens', async () => {
  const gate = createGate();
  const browser = createBrowser(gate);
  const state = await browser.startLogin();
  gate.sessions.down = true;
  const answer = await browser.visit(`/.auth/callback?code=c&state=${state}`);
  assertLoginFailed(gate, answer, { code: 'ERR_STORE_UNAVAILABLE', status: 503 });
  assert.equal(headerValue(answer.headers, 'retry-after'), '2');
  assertTransactionCleared(answer, state);
  assert.deepEqual(gate.provider.revoked, [secretTokens.refreshToken, secretTokens.accessToken]);
});

test('RP-119: a provider that does not answer at the callback gives 503 with Retry-After and a fresh start', async () => {
  const gate = createGate();
  gate.provider.script.redeem = fails('ERR_PROVIDER_UNAVAILABLE', 'timeout');
  const answer = await createBrowser(gate).signIn();
  assertLoginFailed(gate, answer, { code: 'ERR_PROVIDER_UNAVAILABLE', status: 503 });
  assert.equal(headerValue(answer.headers, 'retry-after'), '7');
});

test('a bug while redeeming is audited and goes on to the pipeline, not to the page', async () => {
  const gate = createGate();
  gate.provider.script.redeem = async () => {
    throw new TypeError('bug');
  };
  await assert.rejects(createBrowser(gate).signIn(), TypeError);
  const failed = gate.events.find(({ name }) => name === 'login.failed');
  assert.equal((failed?.event as { code?: string } | undefined)?.code, 'ERR_INTERNAL');
});

test('DL-013, DL-014: a callback form is urlencoded, at most 16 KiB and 50 fields', async () => {
  const gate = createGate();
  const post = (form: string, headers = {}) =>
    gate.call('/.auth/callback', { method: 'POST', form, headers });
  const code = (expected: string) => (error: unknown) =>
    error instanceof SallyportError && error.code === expected;
  for (const contentType of ['application/json', 'multipart/form-data; boundary=x', 'text/plain', '']) {
    await assert.rejects(post('code=c', { 'content-type': contentType }), code('ERR_BODY_UNSUPPORTED'));
  }
  await assert.rejects(post('a'.repeat(16 * 1024 + 1)), code('ERR_BODY_TOO_LARGE'));
  await assert.rejects(post('a=1&'.repeat(50)), code('ERR_BAD_REQUEST'));
  await assert.rejects(gate.call(`/.auth/callback?${'a&'.repeat(50)}`), code('ERR_BAD_REQUEST'));
  assert.equal((await post('a=1&'.repeat(49))).status, 400);
});

for (const [title, options] of [
  ['form_post', { providers: [createScriptedProvider('main', 'form_post')] }],
  ['SameSite=Strict', { sessionSameSite: 'strict' }],
] as const) {
  test(`SC-002: with ${title} the browser does not show its old session at the callback, and it ends all the same`, async () => {
    const gate = createGate(options);
    const browser = createBrowser(gate);
    await browser.signIn();
    const old = browser.jar.get(sessionCookie) as string;
    const state = await browser.startLogin();
    browser.jar.delete(sessionCookie);
    await browser.visit(`/.auth/callback?code=c&state=${state}`);
    const fresh = browser.jar.get(sessionCookie) as string;
    assert.notEqual(fresh, old);
    assert.deepEqual([...gate.sessions.live.keys()], [fresh]);
    assert.deepEqual(gate.sessions.directory.reasons, ['replaced']);
  });
}

test('SC-002: a store that fails when a login begins, or when it ends, keeps nobody from signing in', async () => {
  const gate = createGate({ sessionSameSite: 'strict' });
  const browser = createBrowser(gate);
  await browser.signIn();
  gate.sessions.down = true;
  const late = await browser.startLogin();
  gate.sessions.down = false;
  assert.equal(gate.transactions.open.get(late)?.replaces, undefined);
  const state = await browser.startLogin();
  gate.sessions.directory.failing = 'end';
  assert.equal((await browser.visit(`/.auth/callback?code=c&state=${state}`)).status, 200);
});
