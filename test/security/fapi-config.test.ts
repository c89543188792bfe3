/** `profile: fapi2` in the configuration: what it sets, and what it does not go together with. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { resolveProfile } from '../../src/oidc/fapi-profile.ts';
import { providerSchema } from '../../src/oidc/provider-config.ts';
import { privateJwk } from '../support/evil-provider.ts';
import { fapiSettings } from '../support/fapi-settings.ts';
import { type CertificateOptions, makeCertificate } from '../support/make-certificate.ts';

const minimal = { issuer: 'https://idp.test', clientId: 'app' };

const parse = (settings: Readonly<Record<string, unknown>>) =>
  providerSchema.safeParse({ ...minimal, ...settings });

const problems = (settings: Readonly<Record<string, unknown>>) =>
  (parse({ ...fapiSettings, ...settings }).error?.issues ?? []).map(({ path }) => path.join('.'));

function resolved(settings: Readonly<Record<string, unknown>>) {
  const { requestObjects, responseMode, pushedAuthorizationRequests, idTokenSigningAlgorithms } =
    resolveProfile(providerSchema.parse({ ...minimal, ...settings }));
  return { requestObjects, responseMode, pushedAuthorizationRequests, idTokenSigningAlgorithms };
}

test('one switch sets everything of the profile', () => {
  assert.deepEqual(resolved(fapiSettings), {
    requestObjects: 'signed',
    responseMode: 'jwt',
    pushedAuthorizationRequests: 'required',
    idTokenSigningAlgorithms: ['PS256', 'ES256', 'EdDSA', 'Ed25519'],
  });
});

test('without the profile nothing is signed unless it is asked for', () => {
  const { idTokenSigningAlgorithms, ...rest } = resolved({});
  assert.deepEqual(rest, {
    requestObjects: 'never',
    responseMode: 'query',
    pushedAuthorizationRequests: 'auto',
  });
  assert.ok(idTokenSigningAlgorithms.includes('RS256'));
});

test('for a provider with the security profile alone, signed requests and answers can be turned off', () => {
  const { requestObjects, responseMode, pushedAuthorizationRequests } = resolved({
    ...fapiSettings,
    requestObjects: 'never',
    responseMode: 'query',
  });
  assert.deepEqual(
    [requestObjects, responseMode, pushedAuthorizationRequests],
    ['never', 'query', 'required'],
  );
});

const pem = (modulusLength: number) =>
  generateKeyPairSync('rsa', { modulusLength }).privateKey.export({ type: 'pkcs8', format: 'pem' });

const refused: readonly (readonly [
  title: string,
  settings: () => Readonly<Record<string, unknown>>,
  at: string,
])[] = [
  ['a client secret', () => ({ clientSecret: 'secret' }), 'clientSecret'],
  [
    'client_secret_basic',
    () => ({ clientSecret: 'secret', clientAuthentication: 'client_secret_basic' }),
    'clientAuthentication',
  ],
  [
    'client_secret_jwt',
    () => ({ clientSecret: 's'.repeat(40), clientAuthentication: 'client_secret_jwt' }),
    'clientAuthentication',
  ],
  ['no client authentication', () => ({ clientAuthentication: 'none' }), 'clientAuthentication'],
  ['bearer tokens', () => ({ dpopKey: undefined }), 'dpopKey'],
  [
    'requests through the browser',
    () => ({ pushedAuthorizationRequests: 'never' }),
    'pushedAuthorizationRequests',
  ],
  ['an http issuer', () => ({ dangerouslyAllowHttpIssuer: true }), 'dangerouslyAllowHttpIssuer'],
  ['RS256 for assertions', () => ({ clientKey: pem(2048), clientKeyAlgorithm: 'RS256' }), 'clientKey'],
  ['PS384 for assertions', () => ({ clientKey: pem(2048), clientKeyAlgorithm: 'PS384' }), 'clientKey'],
  ['ES512 for assertions', () => ({ clientKey: JSON.stringify(privateJwk('p521')) }), 'clientKey'],
  ['ES512 for proofs', () => ({ dpopKey: JSON.stringify(privateJwk('p521')) }), 'dpopKey'],
  ['RSA keys of 1024 bits', () => ({ clientKey: pem(1024) }), 'clientKey'],
  ['ID tokens with RS256 alone', () => ({ idTokenSigningAlgorithms: ['RS256'] }), 'idTokenSigningAlgorithms'],
];
for (const [title, settings, at] of refused) {
  test(`RP-043: profile fapi2 does not go together with ${title}`, () => {
    assert.ok(problems(settings()).includes(at), problems(settings()).join(' '));
  });
}

for (const [title, clientKey] of [
  ['RSA with PS256', pem(2048)],
  ['P-256', JSON.stringify(privateJwk('ec'))],
  ['Ed25519', JSON.stringify(privateJwk('ed'))],
] as const) {
  test(`profile fapi2 takes a client key of ${title}`, () => {
    assert.deepEqual(problems({ clientKey }), []);
  });
}

const authority = { name: 'authority.test', key: makeCertificate({ name: 'authority.test' }).key };

/** Mutual TLS instead of assertions and proofs, with a certificate of this key. */
function mutualTls(keys: Pick<CertificateOptions, 'keys'> = {}) {
  const { cert, key } = makeCertificate({ name: 'gate.test', authority, ...keys });
  return {
    clientAuthentication: 'tls_client_auth',
    certificateBoundTokens: true,
    clientCertificate: { certificate: cert, key },
    dpopKey: undefined,
  };
}

test('profile fapi2 takes mutual TLS with bound tokens, and still wants a key for its requests', () => {
  assert.deepEqual(problems(mutualTls()), []);
  assert.deepEqual(problems({ ...mutualTls(), clientKey: undefined }), ['clientKey']);
  assert.deepEqual(problems({ ...mutualTls(), clientKey: undefined, requestObjects: 'never' }), []);
  assert.deepEqual(problems({ ...mutualTls(), certificateBoundTokens: false }), ['dpopKey']);
});

for (const [title, keys] of [
  ['RSA 1024', generateKeyPairSync('rsa', { modulusLength: 1024 })],
  ['P-192', generateKeyPairSync('ec', { namedCurve: 'prime192v1' })],
] as const) {
  test(`RP-043: profile fapi2 does not go together with a certificate of ${title}`, () => {
    assert.deepEqual(problems(mutualTls({ keys })), ['clientCertificate']);
  });
}

test('signed requests need a key in any profile', () => {
  const issues = parse({ requestObjects: 'signed' }).error?.issues ?? [];
  assert.deepEqual(
    issues.map(({ path }) => path.join('.')),
    ['clientKey'],
  );
  assert.ok(
    parse({ requestObjects: 'signed', clientKey: fapiSettings.clientKey, clientSecret: 's' }).success,
  );
});

test('no message quotes a key or a secret', () => {
  const secret = 'not-a-key-0123456789';
  const result = parse({ ...fapiSettings, clientKey: secret, dpopKey: secret, clientSecret: secret });
  assert.ok(!JSON.stringify(result.error?.issues ?? []).includes(secret));
});

test('parameters that have to be JSON are checked before anybody signs in', () => {
  for (const name of ['claims', 'authorization_details']) {
    assert.ok(!parse({ authorizationParameters: { [name]: '{' } }).success);
    assert.ok(parse({ authorizationParameters: { [name]: '{}' } }).success);
  }
});
