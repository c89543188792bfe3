/** Signed authorization requests (JAR, RFC 9101), as the provider sees them. */
import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { after, before, beforeEach, test } from 'node:test';
import { compactVerify } from 'jose';
import { type EvilGateOptions, makeEvilGate, makeLoginSecrets, redirectUri } from '../support/evil-login.ts';
import {
  type EvilProvider,
  privateJwk,
  publicJwk,
  type SigningKey,
  startEvilProvider,
} from '../support/evil-provider.ts';
import { createFakeClock } from '../support/fake-clock.ts';

let evil: EvilProvider;
before(async () => {
  evil = await startEvilProvider();
});
beforeEach(() => evil.reset());
after(() => evil.close());

type Claims = Readonly<Record<string, unknown>>;

const keyOf = (key: SigningKey, members: Claims = {}) => JSON.stringify(privateJwk(key, members));
const signing = { requestObjects: 'signed', clientKey: keyOf('ec', { kid: 'mine' }) };

const offersPush = () => ({ pushed_authorization_request_endpoint: `${evil.issuer}/par` });

/** Begins a login; what the browser and the PAR endpoint were given. */
async function begin(config: Claims, options: EvilGateOptions = {}, secrets = makeLoginSecrets()) {
  const { provider } = makeEvilGate(evil, { ...options, config: { ...signing, ...config } });
  const url = new URL(await provider.authorizationUrl(secrets, { login_hint: 'alice' }));
  await provider.close();
  const [pushed] = evil.requests.filter(({ endpoint }) => endpoint === 'par');
  return { url, secrets, pushed: pushed === undefined ? null : new URLSearchParams(pushed.body) };
}

async function open(request: string | null | undefined, key: SigningKey = 'ec') {
  const publicKey = createPublicKey({ key: { ...publicJwk(key) }, format: 'jwk' });
  const { payload, protectedHeader } = await compactVerify(request ?? '', publicKey);
  return { header: protectedHeader, claims: JSON.parse(Buffer.from(payload).toString()) as Claims };
}

test('all parameters go into the signed request, and only the client id stands beside it', async () => {
  const { url, secrets } = await begin({ authorizationParameters: { audience: 'api', max_age: '60' } });
  assert.deepEqual([...url.searchParams.keys()].sort(), ['client_id', 'request']);
  const { header, claims } = await open(url.searchParams.get('request'));
  assert.deepEqual(header, { alg: 'ES256', typ: 'oauth-authz-req+jwt', kid: 'mine' });
  const { code_challenge, iat, nbf, exp, jti, ...rest } = claims;
  assert.match(String(code_challenge), /^[\w-]{43}$/);
  assert.match(String(jti), /^[\w-]{22}$/);
  assert.ok(Math.abs(Number(iat) - Date.now() / 1000) < 60);
  assert.deepEqual([nbf, exp], [iat, Number(iat) + 60]);
  assert.deepEqual(rest, {
    aud: evil.issuer,
    audience: 'api',
    client_id: 'app',
    code_challenge_method: 'S256',
    iss: 'app',
    login_hint: 'alice',
    max_age: 60,
    nonce: secrets.nonce,
    redirect_uri: redirectUri,
    response_type: 'code',
    scope: 'openid profile email offline_access',
    state: secrets.state,
  });
});

test('RP-043: pushed, the browser carries the client id and the reference and nothing else', async () => {
  evil.behaviour = { metadata: offersPush() };
  const { url, pushed, secrets } = await begin({});
  assert.deepEqual([...url.searchParams.keys()].sort(), ['client_id', 'request_uri']);
  assert.equal(url.searchParams.get('request_uri'), 'urn:x:1');
  assert.ok(!url.href.includes(secrets.state));
  assert.ok(pushed);
  assert.deepEqual(pushed.getAll('client_id'), ['app']);
  const besides = [...pushed.keys()].filter((name) => !name.startsWith('client_'));
  assert.deepEqual(besides, ['request']);
  assert.equal((await open(pushed.get('request'))).claims.state, secrets.state);
});

test('RP-043: pushed without a signature, the browser carries no more', async () => {
  evil.behaviour = { metadata: offersPush() };
  const { url, pushed, secrets } = await begin({ requestObjects: 'never', clientKey: undefined });
  assert.deepEqual([...url.searchParams.keys()].sort(), ['client_id', 'request_uri']);
  assert.equal(pushed?.get('state'), secrets.state);
  assert.equal(pushed?.get('code_challenge_method'), 'S256');
  assert.equal(pushed?.get('request'), null);
});

test('RP-046: the times of a signed request are those of the gate, and its id never comes again', async () => {
  evil.behaviour = { metadata: offersPush() };
  const clock = createFakeClock();
  const seen = new Set<unknown>();
  for (let login = 0; login < 20; login += 1) {
    const { pushed } = await begin({}, { clock });
    const { claims } = await open(pushed?.get('request'));
    const now = Math.floor(clock.now() / 1000);
    assert.deepEqual([claims.iat, claims.nbf, claims.exp], [now, now, now + 60]);
    seen.add(claims.jti);
    evil.requests = [];
    clock.advance(1500);
  }
  assert.equal(seen.size, 20);
});

const keys: readonly (readonly [SigningKey, Claims, string])[] = [
  ['rsa', {}, 'PS256'],
  ['rsa', { clientKeyAlgorithm: 'RS256' }, 'RS256'],
  ['ec', {}, 'ES256'],
  ['p521', {}, 'ES512'],
  ['ed', {}, 'EdDSA'],
];
for (const [key, config, alg] of keys) {
  test(`a request is signed with ${alg}`, async () => {
    const { url } = await begin({ ...config, clientKey: keyOf(key) });
    assert.equal((await open(url.searchParams.get('request'), key)).header.alg, alg);
  });
}

test('what is JSON in a parameter is JSON in the signed request', async () => {
  const authorizationParameters = {
    claims: '{"userinfo":{"a":null}}',
    authorization_details: '[{"type":"x"}]',
  };
  const { url } = await begin({ authorizationParameters });
  const { claims } = await open(url.searchParams.get('request'));
  assert.deepEqual(claims.claims, { userinfo: { a: null } });
  assert.deepEqual(claims.authorization_details, [{ type: 'x' }]);
});

test('RD-052: what is asked for cannot be changed by a parameter of the login', async () => {
  const { provider } = makeEvilGate(evil, { config: signing });
  const hostile = { login_hint: 'a', redirect_uri: 'https://evil.test', iss: 'x', aud: 'x', exp: '9' };
  const url = new URL(await provider.authorizationUrl(makeLoginSecrets(), hostile));
  const { claims } = await open(url.searchParams.get('request'));
  assert.equal(claims.redirect_uri, redirectUri);
  assert.deepEqual([claims.iss, claims.aud], ['app', evil.issuer]);
  await provider.close();
});

const conflicts: readonly (readonly [title: string, config: Claims, metadata: Claims, member: string])[] = [
  [
    'unsigned requests where the provider demands signatures',
    { requestObjects: 'never' },
    { require_signed_request_object: true },
    'require_signed_request_object',
  ],
  [
    'requests through the browser where the provider demands a push',
    { pushedAuthorizationRequests: 'never' },
    { require_pushed_authorization_requests: true },
    'require_pushed_authorization_requests',
  ],
  [
    'an algorithm that the provider does not take',
    {},
    { request_object_signing_alg_values_supported: ['RS256', 'none'] },
    'request_object_signing_alg_values_supported',
  ],
  [
    'signed answers that the provider does not have',
    { responseMode: 'jwt' },
    { response_modes_supported: ['query', 'form_post'] },
    'response_modes_supported',
  ],
  [
    'signed answers by an algorithm that the gate does not take',
    { responseMode: 'jwt' },
    { authorization_signing_alg_values_supported: ['HS256'] },
    'authorization_signing_alg_values_supported',
  ],
];
for (const [title, config, metadata, detail] of conflicts) {
  test(`${title}: nobody is sent to the provider, and the member of the metadata is named`, async () => {
    evil.behaviour = { metadata };
    await assert.rejects(begin(config), { code: 'ERR_PROVIDER_METADATA', detail });
  });
}
