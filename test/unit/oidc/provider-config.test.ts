import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { providerSchema } from '../../../src/oidc/provider-config.ts';

const minimal = { issuer: 'https://login.test', clientId: 'app' };
const problems = (settings: object) =>
  providerSchema.safeParse({ ...minimal, ...settings }).error?.issues.map(({ path }) => path.join('.')) ?? [];

test('issuer and client id are enough', () => {
  const config = providerSchema.parse(minimal);
  assert.deepEqual(config.scopes, ['openid', 'profile', 'email', 'offline_access']);
  assert.equal(config.timeout, 10_000);
  assert.equal(config.defaultTokenLifetime, 300_000);
  assert.equal(config.idTokenMaxAge, 600_000);
  assert.ok(!config.idTokenSigningAlgorithms.some((alg) => alg.startsWith('HS')));
});

test('the client secret does not print', () => {
  const config = providerSchema.parse({ ...minimal, clientSecret: 'hunter2' });
  assert.equal(config.clientSecret?.reveal(), 'hunter2');
  assert.ok(
    !`${inspect(config, { depth: 9, showHidden: true })}${JSON.stringify(config)}`.includes('hunter2'),
  );
});

for (const name of [
  'redirect_uri',
  'state',
  'nonce',
  'client_id',
  'scope',
  'response_type',
  'request_uri',
  'code_challenge',
]) {
  test(`RD-052: ${name} cannot be given as an extra parameter`, () => {
    assert.deepEqual(problems({ authorizationParameters: { [name]: 'x' } }), [
      `authorizationParameters.${name}`,
    ]);
  });
}

const wrong = [
  ['scopes', { scopes: ['profile'] }],
  ['scopes.1', { scopes: ['openid', 'a b'] }],
  ['endpointHosts.0', { endpointHosts: ['https://x.test'] }],
  ['endpointHosts.0', { endpointHosts: ['*.x.test'] }],
  ['idTokenSigningAlgorithms.0', { idTokenSigningAlgorithms: ['HS256'] }],
  ['idTokenSigningAlgorithms.0', { idTokenSigningAlgorithms: ['none'] }],
  ['idTokenSigningAlgorithms', { idTokenSigningAlgorithms: [] }],
  ['authorizationParameters.max_age', { authorizationParameters: { max_age: '1h' } }],
  ['timeout', { timeout: '10' }],
  ['clientSecret', { clientSecret: '' }],
  ['', { clientSecrets: 'x' }],
] as const;
for (const [path, settings] of wrong) {
  test(`${JSON.stringify(settings)} is a problem of ${path === '' ? 'the provider' : path}`, () => {
    assert.deepEqual(problems(settings), [path]);
  });
}
