/** How the gate proves to a provider who it is: assertions by key and by shared secret (RFC 7523), and the plain secret. */
import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { after, before, test } from 'node:test';
import { calculateJwkThumbprint, exportJWK, jwtVerify } from 'jose';
import { systemClock, systemRandom } from '../../src/core/clock.ts';
import { createClientAuthentication } from '../../src/oidc/client-authentication.ts';
import { providerSchema } from '../../src/oidc/provider-config.ts';
import { makeClientKey, readJwt } from '../support/client-keys.ts';
import { loginAtEvil, makeEvilGate, makeLoginSecrets } from '../support/evil-login.ts';
import { type EvilEndpoint, type EvilProvider, startEvilProvider } from '../support/evil-provider.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { makeCertificate } from '../support/make-certificate.ts';

let evil: EvilProvider;
before(async () => {
  evil = await startEvilProvider();
});
after(() => evil.close());

const keys = {
  rsa: makeClientKey('rsa'),
  p256: makeClientKey('p256'),
  p384: makeClientKey('p384'),
  p521: makeClientKey('p521'),
  ed25519: makeClientKey('ed25519'),
};
const sharedSecret = 'shared-secret-shared-secret-0123456789';
const byKey = (clientKey: string, more = {}) => ({
  clientSecret: undefined,
  clientAuthentication: 'private_key_jwt',
  clientKey,
  ...more,
});

const formsOf = (endpoint: EvilEndpoint) =>
  evil.requests
    .filter((request) => request.endpoint === endpoint)
    .map((request) => new URLSearchParams(request.body));

/** Signs in there; answers the assertion of the token request. */
async function assertionOf(config: Record<string, unknown>): Promise<string> {
  const { error } = await loginAtEvil(evil, { config });
  assert.equal(error, null);
  return formsOf('token')[0]?.get('client_assertion') ?? '';
}

const algorithms = [
  ['rsa', undefined, 'PS256'],
  ['rsa', 'RS256', 'RS256'],
  ['rsa', 'PS512', 'PS512'],
  ['p256', undefined, 'ES256'],
  ['p384', undefined, 'ES384'],
  ['p521', undefined, 'ES512'],
  ['ed25519', undefined, 'EdDSA'],
  ['ed25519', 'Ed25519', 'Ed25519'],
] as const;

for (const [kind, clientKeyAlgorithm, expected] of algorithms) {
  test(`RP-124, RP-043, RP-046: private_key_jwt with ${kind} is a valid ${expected} assertion for the issuer alone`, async () => {
    const key = keys[kind];
    const config = byKey(key.pem, clientKeyAlgorithm === undefined ? {} : { clientKeyAlgorithm });
    const before = Math.floor(Date.now() / 1000);
    const assertion = await assertionOf(config);
    const { payload, protectedHeader } = await jwtVerify(assertion, key.publicKey, { audience: evil.issuer });
    assert.equal(protectedHeader.alg, expected);
    assert.equal(protectedHeader.kid, await calculateJwkThumbprint(await exportJWK(key.publicKey)));
    assert.equal(payload.aud, evil.issuer);
    assert.equal(payload.iss, 'app');
    assert.equal(payload.sub, 'app');
    const { iat = 0, nbf, exp = 0 } = payload;
    assert.ok(iat >= before && iat <= before + 5);
    assert.equal(nbf, iat);
    assert.ok(exp <= iat + 60 && exp > iat);
  });
}

test('RP-124: the kid of a JWK is used, and so is its alg', async () => {
  const { header } = readJwt(await assertionOf(byKey(keys.rsa.jwk({ kid: 'gate-2026', alg: 'RS384' }))));
  assert.deepEqual([header.kid, header.alg], ['gate-2026', 'RS384']);
});

test('RP-124, RP-016: every request to the provider is authenticated by an assertion of its own, and by nothing else', async () => {
  evil.reset();
  evil.behaviour = { metadata: { pushed_authorization_request_endpoint: `${evil.issuer}/par` } };
  const gate = makeEvilGate(evil, { config: byKey(keys.p256.pem) });
  await gate.provider.authorizationUrl(makeLoginSecrets(), {});
  const { person } = await loginAtEvil(evil, { gate });
  assert.ok(person);
  await gate.provider.refresh('alice', person.claims, person.tokens);
  await gate.provider.revoke('a-refresh-token');
  await gate.provider.grants.clientToken({ audience: null, scope: null, resource: null });
  await gate.provider.close();
  const posts = evil.requests.filter(({ endpoint }) => ['par', 'token', 'revocation'].includes(endpoint));
  assert.equal(posts.length, 5);
  const ids = posts.map(({ headers, body }) => {
    const form = new URLSearchParams(body);
    assert.equal(headers.authorization, undefined);
    assert.equal(form.get('client_secret'), null);
    assert.equal(form.get('client_id'), 'app');
    assert.equal(form.get('client_assertion_type'), 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer');
    assert.equal(form.getAll('client_assertion').length, 1);
    return readJwt(form.get('client_assertion') ?? '').claims.jti;
  });
  assert.equal(new Set(ids).size, 5);
});

test('RP-043: after a push the browser carries the client id and the request URI, and nothing else', async () => {
  evil.reset();
  evil.behaviour = { metadata: { pushed_authorization_request_endpoint: `${evil.issuer}/par` } };
  const gate = makeEvilGate(evil, { config: byKey(keys.p256.pem) });
  const url = new URL(await gate.provider.authorizationUrl(makeLoginSecrets(), {}));
  await gate.provider.close();
  assert.deepEqual([...url.searchParams.keys()].sort(), ['client_id', 'request_uri']);
  assert.equal(formsOf('par')[0]?.get('code_challenge_method'), 'S256');
});

test('RP-124: a hundred thousand assertions have a hundred thousand ids', () => {
  const config = providerSchema.parse({
    issuer: 'https://login.test',
    clientId: 'app',
    clientSecret: sharedSecret,
    clientAuthentication: 'client_secret_jwt',
  });
  const authenticate = createClientAuthentication(config, { clock: systemClock, random: systemRandom });
  const ids = new Set<unknown>();
  for (let count = 0; count < 100_000; count += 1) {
    const body = new URLSearchParams();
    authenticate(body, {});
    ids.add(readJwt(body.get('client_assertion') ?? '').claims.jti);
  }
  assert.equal(ids.size, 100_000);
});

test("RP-046: an assertion's times come from the clock of the gate", () => {
  const clock = createFakeClock(Date.UTC(2031, 4, 5, 6, 7, 8, 900));
  const config = providerSchema.parse({
    issuer: 'https://login.test',
    clientId: 'app',
    ...byKey(keys.p256.pem),
  });
  const body = new URLSearchParams();
  createClientAuthentication(config, { clock, random: systemRandom })(body, {});
  const { claims } = readJwt(body.get('client_assertion') ?? '');
  const now = Date.UTC(2031, 4, 5, 6, 7, 8) / 1000;
  assert.deepEqual([claims.iat, claims.nbf, claims.exp], [now, now, now + 60]);
});

test('the thumbprint of the certificate goes along when the certificate is that of the key', async () => {
  const { cert, key } = makeCertificate({ name: 'gate.test' });
  const clientCertificate = { certificate: cert, key };
  const { header } = readJwt(await assertionOf(byKey(key, { clientCertificate })));
  const expected = createHash('sha256').update(new X509Certificate(cert).raw).digest('base64url');
  assert.equal(header['x5t#S256'], expected);
});

test('client_secret_jwt is an HS256 assertion, and the secret itself stays here', async () => {
  const config = { clientSecret: sharedSecret, clientAuthentication: 'client_secret_jwt' };
  const assertion = await assertionOf(config);
  const { payload } = await jwtVerify(assertion, Buffer.from(sharedSecret), { algorithms: ['HS256'] });
  assert.equal(payload.aud, evil.issuer);
  const sent = JSON.stringify(evil.requests);
  assert.ok(!sent.includes(sharedSecret));
  assert.ok(!sent.includes('authorization"'));
});

test('RP-016: id and secret are form-urlencoded before they go into Basic', async () => {
  const config = { clientId: 'a:b c', clientSecret: 's:+%/ ~é' };
  await loginAtEvil(evil, { config, behaviour: { claims: { aud: config.clientId } } });
  const [request] = evil.requests.filter(({ endpoint }) => endpoint === 'token');
  const [scheme, value = ''] = (request?.headers.authorization ?? '').split(' ');
  const [user, password, ...rest] = Buffer.from(value, 'base64').toString('latin1').split(':');
  assert.equal(scheme, 'Basic');
  assert.deepEqual(rest, []);
  const decoded = (text = '') => new URLSearchParams(`x=${text}`).get('x');
  assert.deepEqual([decoded(user), decoded(password)], [config.clientId, config.clientSecret]);
  assert.match(`${user}${password}`, /^[A-Za-z0-9%+*._~-]+$/);
  assert.equal(new URLSearchParams(request?.body).get('client_secret'), null);
});

const plain = [
  ['client_secret_post', { clientAuthentication: 'client_secret_post' }, 'evil-client-secret-0123456789'],
  ['none', { clientAuthentication: 'none', clientSecret: undefined }, null],
  ['no secret at all', { clientSecret: undefined }, null],
] as const;

for (const [title, config, secret] of plain) {
  test(`RP-016: ${title} puts into the body what belongs there`, async () => {
    const { error } = await loginAtEvil(evil, { config });
    assert.equal(error, null);
    const [form] = formsOf('token');
    assert.equal(form?.get('client_id'), 'app');
    assert.equal(form?.get('client_secret'), secret);
    assert.equal(form?.get('client_assertion'), null);
    assert.ok(evil.requests.every(({ headers }) => headers.authorization === undefined));
  });
}
