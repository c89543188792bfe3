/** `profile: fapi2` at the hostile provider: the negative tests of the FAPI 2.0 client plan, and what the gate sends. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { SallyportError } from '../../src/core/errors.ts';
import type { LoginSecrets } from '../../src/oidc/provider.ts';
import { assertNoSecrets, type EvilGate, makeEvilGate, makeLoginSecrets } from '../support/evil-login.ts';
import {
  type EvilBehaviour,
  type EvilProvider,
  evilSecrets,
  privateJwk,
  publicJwk,
  startEvilProvider,
} from '../support/evil-provider.ts';
import { fapiBehaviour, fapiSettings } from '../support/fapi-settings.ts';
import { makeSignedAnswer } from '../support/signed-answer.ts';

let evil: EvilProvider;
let honest: EvilProvider;
before(async () => {
  evil = await startEvilProvider();
  honest = await startEvilProvider();
});
beforeEach(() => {
  evil.reset();
  honest.reset();
});
after(() => Promise.all([evil.close(), honest.close()]));

type Settings = Readonly<Record<string, unknown>>;

const makeGate = (config: Settings = {}) => makeEvilGate(evil, { config: { ...fapiSettings, ...config } });

/** The answer of a provider that plays along. */
const answer = (secrets: LoginSecrets) =>
  new URLSearchParams({
    response: makeSignedAnswer(evil, secrets, { key: 'ec', header: { alg: 'ES256' } }),
  });

const plainAnswer = ({ state }: LoginSecrets) =>
  new URLSearchParams({ code: evilSecrets.code, state, iss: evil.issuer });

/** A login at a provider with this behaviour; the person, or the word that refused them. */
async function logIn(behaviour: EvilBehaviour = {}, config: Settings = {}, make = answer): Promise<string> {
  evil.behaviour = fapiBehaviour(evil.issuer, behaviour);
  const gate = makeGate(config);
  const secrets = makeLoginSecrets();
  evil.nonce = secrets.nonce;
  try {
    return (await gate.provider.redeem(make(secrets), secrets)).subject;
  } catch (error) {
    if (!(error instanceof SallyportError)) throw error;
    assertNoSecrets([error, gate.events], secrets);
    return `${error.code} ${error.detail}`;
  } finally {
    await gate.provider.close();
  }
}

async function begin(behaviour: EvilBehaviour = {}, config: Settings = {}): Promise<URL> {
  evil.behaviour = fapiBehaviour(evil.issuer, behaviour);
  const { provider } = makeGate(config);
  try {
    return new URL(await provider.authorizationUrl(makeLoginSecrets(), {}));
  } finally {
    await provider.close();
  }
}

const seconds = () => Math.floor(Date.now() / 1000);
const requestsTo = (endpoint: string) =>
  evil.requests
    .filter((request) => request.endpoint === endpoint)
    .map(({ headers, body }) => ({ headers, form: new URLSearchParams(body) }));

test('a provider that plays along signs in', async () => {
  assert.equal(await logIn(), 'alice');
});

test('RP-043: the code is redeemed with an assertion for the issuer and with a proof, and with no secret', async () => {
  await logIn();
  const [{ headers, form } = { headers: {}, form: new URLSearchParams() }] = requestsTo('token');
  assert.equal(headers.authorization, undefined);
  assert.equal(form.get('client_secret'), null);
  const assertion = form.get('client_assertion') ?? '';
  assert.equal(decodeProtectedHeader(assertion).alg, 'ES256');
  assert.equal(decodeJwt(assertion).aud, evil.issuer);
  const proof = String((headers as { dpop?: string }).dpop);
  assert.equal(decodeProtectedHeader(proof).typ, 'dpop+jwt');
  assert.equal(decodeJwt(proof).htu, `${evil.issuer}/token`);
});

test('RP-043: the request is pushed, signed, bound to the key and asks for a signed answer', async () => {
  const url = await begin();
  assert.deepEqual([...url.searchParams.keys()].sort(), ['client_id', 'request_uri']);
  const [{ form } = { form: new URLSearchParams() }] = requestsTo('par');
  const request = form.get('request') ?? '';
  assert.equal(decodeProtectedHeader(request).typ, 'oauth-authz-req+jwt');
  const claims = decodeJwt(request);
  assert.equal(claims.response_mode, 'jwt');
  assert.equal(claims.code_challenge_method, 'S256');
  assert.match(String(claims.dpop_jkt), /^[\w-]{43}$/);
  assert.ok(form.has('client_assertion'));
  const allowed = ['client_id', 'request', 'client_assertion', 'client_assertion_type'];
  assert.deepEqual(
    [...form.keys()].filter((name) => !allowed.includes(name)),
    [],
  );
});

const refused: readonly (readonly [title: string, behaviour: () => EvilBehaviour, detail: string])[] = [
  ['RP-033: an ID token of another issuer', () => ({ claims: { iss: 'https://x.test' } }), 'issuer-mismatch'],
  ['RP-033: an ID token for another client', () => ({ claims: { aud: 'other' } }), 'audience-mismatch'],
  ['RP-033: an ID token without iss', () => ({ claims: { iss: undefined } }), 'issuer-mismatch'],
  ['RP-033: an ID token without aud', () => ({ claims: { aud: undefined } }), 'audience-mismatch'],
  ['RP-033: an ID token without exp', () => ({ claims: { exp: undefined } }), 'id-token-expiry'],
  ['RP-034: a second audience', () => ({ claims: { aud: ['app', 'other'] } }), 'audience-untrusted'],
  ['RP-036: another nonce', () => ({ claims: { nonce: 'other' } }), 'nonce-mismatch'],
  ['RP-036: no nonce', () => ({ claims: { nonce: undefined } }), 'nonce-mismatch'],
  ['RP-036: alg none', () => ({ header: { alg: 'none' } }), 'id-token-algorithm'],
  ['RP-036: an ID token that has expired', () => ({ claims: { exp: seconds() - 300 } }), 'id-token-expired'],
  ['RP-036: a signature by another key', () => ({ key: 'ec2' }), 'id-token-signature'],
];
for (const [title, behaviour, detail] of refused) {
  test(`${title} fails the login`, async () => {
    assert.equal(await logIn(behaviour()), `ERR_LOGIN_FAILED ${detail}`);
  });
}

for (const [key, alg] of [
  ['rsa', 'RS256'],
  ['rsa', 'PS384'],
  ['p521', 'ES512'],
] as const) {
  test(`RP-036: an ID token with ${alg}, which the profile does not take, fails the login`, async () => {
    const jwks = [
      publicJwk('ec', { kid: 'key-1', use: 'sig', alg: 'ES256' }),
      publicJwk(key, { kid: 'key-2' }),
    ];
    const behaviour = { jwks, key, header: { alg, kid: 'key-2' } };
    assert.equal(await logIn(behaviour), 'ERR_LOGIN_FAILED id-token-algorithm');
  });
}

for (const [key, alg] of [
  ['rsa', 'PS256'],
  ['ed', 'EdDSA'],
] as const) {
  test(`RP-035: an ID token with ${alg} and its audience in a list signs in`, async () => {
    const jwks = [publicJwk('ec', { kid: 'key-1', alg: 'ES256' }), publicJwk(key, { kid: 'key-2' })];
    const behaviour = { jwks, key, header: { alg, kid: 'key-2' }, claims: { aud: ['app'] } };
    assert.equal(await logIn(behaviour), 'alice');
  });
}

test('RP-044: the key is found among decoys under its own id', async () => {
  const decoys = [publicJwk('rsa', { kid: 'key-1' }), publicJwk('p521', { kid: 'key-1' })];
  const jwks = [...decoys, publicJwk('ec2', { kid: 'key-1', use: 'enc' }), publicJwk('ec', { kid: 'key-1' })];
  assert.equal(await logIn({ jwks }), 'alice');
});

test('a bearer token instead of one that is bound to the key fails the login', async () => {
  assert.match(await logIn({ tokens: { token_type: 'Bearer' } }), /token-type$/);
});

test('RP-037: an answer that is not signed reaches no token endpoint', async () => {
  assert.equal(await logIn({}, {}, plainAnswer), 'ERR_LOGIN_FAILED unsigned-answer');
  assert.equal(evil.hits.token, 0);
});

const securityProfile = { requestObjects: 'never', responseMode: 'query' };

test('RP-037: without signed answers, iss is demanded even of a provider that does not promise it', async () => {
  const metadata = { authorization_response_iss_parameter_supported: undefined };
  assert.equal(await logIn({ metadata }, securityProfile, plainAnswer), 'alice');
  evil.reset();
  const without = ({ state }: LoginSecrets) => new URLSearchParams({ code: evilSecrets.code, state });
  assert.equal(
    await logIn({ metadata }, securityProfile, without),
    'ERR_LOGIN_FAILED response-issuer-missing',
  );
  const other = ({ state }: LoginSecrets) =>
    new URLSearchParams({ code: evilSecrets.code, state, iss: 'https://x.test' });
  assert.equal(
    await logIn({ metadata }, securityProfile, other),
    'ERR_LOGIN_FAILED response-issuer-mismatch',
  );
  assert.equal(evil.hits.token, 0);
});

test('RP-068: a signed answer is refused when the configuration turned them off', async () => {
  assert.equal(await logIn({}, securityProfile), 'ERR_LOGIN_FAILED unexpected-parameter');
  assert.equal(evil.hits.token, 0);
});

test('RP-066: the signed answer of another provider reaches no token endpoint', async () => {
  evil.behaviour = fapiBehaviour(evil.issuer);
  const gate = makeGate();
  const secrets = makeLoginSecrets();
  // Its own keys are those of everybody here: only `iss` tells them apart.
  const response = makeSignedAnswer(honest, secrets, { key: 'ec', header: { alg: 'ES256' } });
  await assert.rejects(gate.provider.redeem(new URLSearchParams({ response }), secrets), {
    detail: 'issuer-mismatch',
  });
  assert.equal(evil.hits.token + honest.hits.token, 0);
  await gate.provider.close();
});

test('RP-033: metadata of another issuer are refused', async () => {
  await assert.rejects(begin({ metadata: { issuer: 'https://x.test' } }), { code: 'ERR_PROVIDER_METADATA' });
});

const conflicts: readonly (readonly [member: string, value: unknown])[] = [
  ['pushed_authorization_request_endpoint', undefined],
  ['token_endpoint_auth_methods_supported', ['client_secret_basic']],
  ['token_endpoint_auth_signing_alg_values_supported', ['HS256', 'RS256']],
  ['code_challenge_methods_supported', ['plain']],
  ['id_token_signing_alg_values_supported', ['RS256']],
  ['dpop_signing_alg_values_supported', ['RS256']],
  ['request_object_signing_alg_values_supported', ['none']],
  ['response_modes_supported', ['query']],
];
for (const [member, value] of conflicts) {
  test(`RP-120: metadata whose ${member} does not fit the profile are refused, and by name`, async () => {
    await assert.rejects(begin({ metadata: { [member]: value } }), {
      code: 'ERR_PROVIDER_METADATA',
      detail: member,
    });
    assert.equal(evil.hits.par, 0);
  });
}

const badPushes = [
  ['201 without request_uri', { request_uri: undefined }, 'ERR_PROVIDER_UNAVAILABLE'],
  ['expires_in 0', { expires_in: 0 }, 'ERR_PROVIDER_UNAVAILABLE'],
  ['400', { raw: true, status: 400, body: '{"error":"invalid_request_object"}' }, 'ERR_PROVIDER_CLIENT'],
  ['401', { raw: true, status: 401, body: '{"error":"invalid_client"}' }, 'ERR_PROVIDER_CLIENT'],
  ['503', { raw: true, status: 503 }, 'ERR_PROVIDER_UNAVAILABLE'],
] as const;
for (const [title, par, code] of badPushes) {
  test(`RP-120: a push that ends with ${title} sends nobody to the provider`, async () => {
    await assert.rejects(begin({ par }), { code });
  });
}

test('RP-121: every login pushes a request of its own, with another state, id and assertion', async () => {
  evil.behaviour = fapiBehaviour(evil.issuer);
  const { provider } = makeGate();
  await Promise.all(Array.from({ length: 5 }, () => provider.authorizationUrl(makeLoginSecrets(), {})));
  await provider.close();
  const requests = requestsTo('par').map(({ form }) => decodeJwt(form.get('request') ?? ''));
  const assertions = requestsTo('par').map(({ form }) => decodeJwt(form.get('client_assertion') ?? ''));
  assert.equal(requests.length, 5);
  for (const member of ['state', 'nonce', 'jti', 'code_challenge']) {
    assert.equal(new Set(requests.map((claims) => claims[member])).size, 5, member);
  }
  assert.equal(new Set(assertions.map(({ jti }) => jti)).size, 5);
});

test('DL-021: a flood of logins makes no more pushes at once than are allowed, and the rest is answered at once', async () => {
  evil.behaviour = { ...fapiBehaviour(evil.issuer), par: { raw: true, hang: true } };
  const gate: EvilGate = makeGate({ maxConcurrentCalls: 3, maxWaitingCalls: 2, timeout: '500ms' });
  const attempts = Array.from({ length: 50 }, () =>
    gate.provider.authorizationUrl(makeLoginSecrets(), {}).then(
      () => 'through',
      (error: SallyportError) => error.code,
    ),
  );
  assert.deepEqual(new Set(await Promise.all(attempts)), new Set(['ERR_PROVIDER_UNAVAILABLE']));
  assert.ok(evil.hits.par <= 5, `${evil.hits.par} pushes`);
  assert.ok(evil.peak <= 3, `${evil.peak} at once`);
  await gate.provider.close();
});

test('no private key is in anything that is sent', async () => {
  await begin();
  await logIn();
  const sent = JSON.stringify(evil.requests);
  for (const key of ['ec', 'ec2'] as const) assert.ok(!sent.includes(String(privateJwk(key).d)));
});
