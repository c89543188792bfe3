/** Section 1B: answers to an authorization request that must not lead to a token request. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  assertLoginFails,
  type EvilLogin,
  loginAtEvil,
  makeEvilGate,
  makeLoginSecrets,
} from '../support/evil-login.ts';
import { type EvilProvider, evilSecrets, startEvilProvider } from '../support/evil-provider.ts';

let evil: EvilProvider;
let honest: EvilProvider;
before(async () => {
  evil = await startEvilProvider();
  honest = await startEvilProvider();
});
after(() => Promise.all([evil.close(), honest.close()]));

type Answer = NonNullable<EvilLogin['answer']>;

const refused: readonly (readonly [title: string, answer: () => Answer, detail: string])[] = [
  ['RP-037: no iss although it is advertised', () => ({ iss: null }), 'response-issuer-missing'],
  ['RP-037: the iss of another provider', () => ({ iss: 'https://other.test' }), 'response-issuer-mismatch'],
  ['RP-051: the state of another login', () => ({ state: makeLoginSecrets().state }), 'state-mismatch'],
  [
    'RP-057: an error with a wrong state',
    () => ({ code: null, error: 'x', state: 'wrong' }),
    'state-mismatch',
  ],
  ['RP-057: an error without a state', () => ({ code: null, error: 'x', state: null }), 'state-mismatch'],
  ['RP-058: code and error at once', () => ({ error: 'access_denied' }), 'code-and-error'],
  ['RP-060: the code twice', () => ({ code: ['a', 'b'] }), 'duplicate-parameter'],
  ['RP-060: the state twice', () => ({ state: ['a', 'b'] }), 'duplicate-parameter'],
  ['RP-060: iss twice', () => ({ iss: [evil.issuer, evil.issuer] }), 'duplicate-parameter'],
  ['RP-060: the error twice', () => ({ code: null, error: ['a', 'b'] }), 'duplicate-parameter'],
  ['RP-061: a state of 10 KiB', () => ({ state: 's'.repeat(10_240) }), 'state-mismatch'],
  ['RP-061: a state with NUL', () => ({ state: '\u0000' }), 'state-mismatch'],
  ['RP-061: an empty state', () => ({ state: '' }), 'state-mismatch'],
  ['RP-064: iss with a trailing slash', () => ({ iss: `${evil.issuer}/` }), 'response-issuer-mismatch'],
  ['RP-064: iss in upper case', () => ({ iss: evil.issuer.toUpperCase() }), 'response-issuer-mismatch'],
  ['RP-064: iss with white space', () => ({ iss: `${evil.issuer} ` }), 'response-issuer-mismatch'],
  ['RP-064: an empty iss', () => ({ iss: '' }), 'response-issuer-mismatch'],
  ['RP-068: a JARM response', () => ({ response: 'eyJ' }), 'unexpected-parameter'],
  ['RP-068: an ID token in the answer', () => ({ id_token: 'eyJ' }), 'unexpected-parameter'],
  ['RP-068: an access token in the answer', () => ({ access_token: 'x' }), 'unexpected-parameter'],
  ['no code', () => ({ code: null }), 'code-missing'],
  ['an empty code', () => ({ code: '' }), 'code-missing'],
  ['a code with a line break', () => ({ code: 'a\r\nb' }), 'code-missing'],
];

for (const [title, answer, detail] of refused) {
  test(`${title} is refused and nothing is sent to the token endpoint`, async () => {
    await assertLoginFails(evil, { answer: answer() }, detail);
    assert.equal(evil.hits.token, 0);
  });
}

test('RP-061: a state that differs in case or by a space is refused', async () => {
  const gate = makeEvilGate(evil);
  for (const change of [(s: string) => `${s} `, (s: string) => s.toUpperCase()]) {
    const secrets = { ...makeLoginSecrets(), state: 'abcDEF' };
    const answer = new URLSearchParams({ code: 'x', state: change(secrets.state), iss: evil.issuer });
    await assert.rejects(gate.provider.redeem(answer, secrets), {
      code: 'ERR_LOGIN_FAILED',
      detail: 'state-mismatch',
    });
  }
  await gate.provider.close();
});

test('RP-065: a wrong iss is refused although the provider does not advertise it', async () => {
  const metadata = { authorization_response_iss_parameter_supported: undefined };
  await assertLoginFails(
    evil,
    { behaviour: { metadata }, answer: { iss: 'https://x.test' } },
    'response-issuer-mismatch',
  );
  assert.equal(evil.hits.token, 0);
  const { person } = await loginAtEvil(evil, { behaviour: { metadata }, answer: { iss: null } });
  assert.equal(person?.subject, 'alice');
});

test('RP-066: a code that another provider brings reaches no token endpoint', async () => {
  honest.reset();
  const gate = makeEvilGate(honest);
  const secrets = makeLoginSecrets();
  const answer = new URLSearchParams({ code: evilSecrets.code, state: secrets.state, iss: evil.issuer });
  evil.reset();
  await assert.rejects(gate.provider.redeem(answer, secrets), { detail: 'response-issuer-mismatch' });
  assert.equal(honest.hits.token + evil.hits.token, 0);
  await gate.provider.close();
});

for (const [given, detail] of [
  ['access_denied', 'access_denied'],
  ['login_required', 'login_required'],
  ['<script>alert(1)</script>', 'other'],
  ['__proto__', 'other'],
] as const) {
  test(`RP-021, RP-056: the error ${given} is told as ${detail}, without its description`, async () => {
    const answer = {
      code: null,
      error: given,
      error_description: '<script>alert(1)</script>',
      error_uri: 'javascript:x',
    };
    const { error } = await loginAtEvil(evil, { answer });
    assert.equal(error?.code, 'ERR_LOGIN_DENIED');
    assert.equal(error?.detail, detail);
    assert.ok(!error?.message.includes('script'));
    assert.equal(evil.hits.token, 0);
  });
}

test('RP-001, RP-029: the code goes out once, with PKCE, the configured redirect URI and Basic authentication', async () => {
  const gate = makeEvilGate(evil, { config: { userinfo: 'always' } });
  evil.reset();
  const { person } = await loginAtEvil(evil, { gate });
  assert.equal(person?.claims.name, 'Alice');
  const [token] = evil.requests.filter((request) => request.endpoint === 'token');
  const form = new URLSearchParams(token?.body);
  assert.equal(evil.hits.token, 1);
  assert.equal(form.get('grant_type'), 'authorization_code');
  assert.equal(form.get('code'), evilSecrets.code);
  assert.equal(form.get('redirect_uri'), 'https://app.test/.auth/callback');
  assert.ok(form.get('code_verifier'));
  assert.equal(form.get('client_secret'), null);
  assert.match(token?.headers.authorization ?? '', /^Basic /);
  const [userinfo] = evil.requests.filter((request) => request.endpoint === 'userinfo');
  assert.equal(userinfo?.url, '/userinfo');
  assert.equal(userinfo?.headers.authorization, `Bearer ${evilSecrets.accessToken}`);
  await gate.provider.close();
});

test('RP-001: the authorization request has PKCE S256, state, nonce and the exact redirect URI', async () => {
  evil.reset();
  const config = { authorizationParameters: { audience: 'api' }, responseMode: 'form_post' };
  const gate = makeEvilGate(evil, { config });
  const secrets = makeLoginSecrets();
  const hostile = { login_hint: 'a&b', redirect_uri: 'https://evil.test', scope: 'admin', client_id: 'x' };
  const url = new URL(await gate.provider.authorizationUrl(secrets, hostile));
  const { code_challenge, ...rest } = Object.fromEntries(url.searchParams);
  assert.match(code_challenge ?? '', /^[\w-]{43}$/);
  assert.notEqual(code_challenge, secrets.codeVerifier);
  assert.deepEqual(rest, {
    audience: 'api',
    client_id: 'app',
    code_challenge_method: 'S256',
    login_hint: 'a&b',
    nonce: secrets.nonce,
    redirect_uri: 'https://app.test/.auth/callback',
    response_mode: 'form_post',
    response_type: 'code',
    scope: 'openid profile email offline_access',
    state: secrets.state,
  });
  for (const name of url.searchParams.keys()) assert.equal(url.searchParams.getAll(name).length, 1);
  await gate.provider.close();
});

const pushed = {
  get metadata() {
    return { pushed_authorization_request_endpoint: `${evil.issuer}/par` };
  },
};

const badPushes = [
  ['201 without request_uri', { request_uri: undefined }, 'ERR_PROVIDER_UNAVAILABLE'],
  ['a request_uri with a line break', { request_uri: 'urn:x\r\n:1' }, 'ERR_PROVIDER_UNAVAILABLE'],
  ['an expired request_uri', { expires_in: 0 }, 'ERR_PROVIDER_UNAVAILABLE'],
  ['400', { raw: true, status: 400, body: '{"error":"invalid_request"}' }, 'ERR_PROVIDER_CLIENT'],
  ['401', { raw: true, status: 401, body: '{"error":"invalid_client"}' }, 'ERR_PROVIDER_CLIENT'],
  ['500', { raw: true, status: 500 }, 'ERR_PROVIDER_UNAVAILABLE'],
  ['404', { raw: true, status: 404, body: '' }, 'ERR_PROVIDER_UNAVAILABLE'],
] as const;
for (const mode of ['auto', 'required']) {
  for (const [title, par, code] of badPushes) {
    test(`RP-120: a pushed request (${mode}) that ends with ${title} is not sent through the browser instead`, async () => {
      evil.reset();
      evil.behaviour = { metadata: pushed.metadata, par };
      const { provider } = makeEvilGate(evil, { config: { pushedAuthorizationRequests: mode } });
      await assert.rejects(provider.authorizationUrl(makeLoginSecrets(), {}), { code });
      await provider.close();
    });
  }
}

test('RP-120: without an endpoint for it, a required push makes the metadata unfit', async () => {
  evil.reset();
  const { provider } = makeEvilGate(evil, { config: { pushedAuthorizationRequests: 'required' } });
  await assert.rejects(provider.authorizationUrl(makeLoginSecrets(), {}), { code: 'ERR_PROVIDER_METADATA' });
  await provider.close();
});

test('RP-121: every login pushes its own request', async () => {
  evil.reset();
  evil.behaviour = { metadata: pushed.metadata };
  const { provider } = makeEvilGate(evil);
  for (let i = 0; i < 2; i += 1) await provider.authorizationUrl(makeLoginSecrets(), {});
  assert.equal(evil.hits.par, 2);
  await provider.close();
});

test('RP-018: every endpoint is taken from the metadata', async () => {
  const run = Math.random().toString(36).slice(2);
  const endpoints = { token_endpoint: 'token', jwks_uri: 'jwks', userinfo_endpoint: 'userinfo' };
  const metadata = Object.fromEntries(
    Object.entries(endpoints).map(([member, name]) => [member, `${evil.issuer}/${name}?run=${run}`]),
  );
  const { person } = await loginAtEvil(evil, { behaviour: { metadata }, config: { userinfo: 'always' } });
  assert.equal(person?.subject, 'alice');
  const asked = evil.requests.filter(({ endpoint }) => endpoint !== 'metadata').map(({ url }) => url);
  assert.deepEqual(
    asked.sort(),
    Object.values(endpoints)
      .map((name) => `/${name}?run=${run}`)
      .sort(),
  );
});

const formPost: readonly (readonly [string, EvilLogin, string | null])[] = [
  ['a correct answer', {}, null],
  ['another issuer', { behaviour: { claims: { iss: 'https://other.test' } } }, 'issuer-mismatch'],
  ['no subject', { behaviour: { claims: { sub: undefined } } }, 'subject-invalid'],
  ['another audience', { behaviour: { claims: { aud: 'other' } } }, 'audience-mismatch'],
  ['a signature by another key', { behaviour: { key: 'attacker' } }, 'id-token-signature'],
  ['another nonce', { behaviour: { claims: { nonce: 'other' } } }, 'nonce-mismatch'],
  ['another state', { answer: { state: 'other' } }, 'state-mismatch'],
];
for (const [title, login, detail] of formPost) {
  test(`RP-022: with form_post, ${title} ends like with query`, async () => {
    const { error } = await loginAtEvil(evil, { ...login, config: { responseMode: 'form_post' } });
    assert.equal(error?.detail ?? null, detail);
  });
}
