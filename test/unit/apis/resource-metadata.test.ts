import assert from 'node:assert/strict';
import { test } from 'node:test';
import { apiSchema } from '../../../src/apis/api-config.ts';
import { createResourceMetadata } from '../../../src/apis/resource-metadata.ts';

const facts = {
  publicUrl: 'https://app.test',
  issuers: ['https://login.test', 'https://other.test'],
  proofAlgorithms: ['ES256'],
  takesCertificates: false,
};

const make = (settings: object, change: object = {}) =>
  createResourceMetadata(apiSchema.parse({ issuers: ['main'], audience: ['x'], ...settings }), {
    ...facts,
    ...change,
  });

const paths: readonly (readonly [resource: string, path: string])[] = [
  ['https://app.test', '/.well-known/oauth-protected-resource'],
  ['https://app.test/', '/.well-known/oauth-protected-resource'],
  ['https://app.test/mcp', '/.well-known/oauth-protected-resource/mcp'],
  ['https://app.test/a/b', '/.well-known/oauth-protected-resource/a/b'],
  ['https://app.test/a/', '/.well-known/oauth-protected-resource/a/'],
];
for (const [resource, path] of paths) {
  test(`RS-080: the metadata of ${resource} is at ${path}, with exactly that identifier`, () => {
    for (const settings of [{ resource }, { audience: ['urn:api', resource] }]) {
      const metadata = make(settings);
      assert.equal(metadata?.path, path);
      assert.equal(metadata.document.resource, resource);
    }
  });
}

test('RS-080: says who issues tokens, how they are sent, and which scopes there are', () => {
  assert.deepEqual(make({ resource: 'https://app.test/mcp', scopesSupported: ['read'] })?.document, {
    resource: 'https://app.test/mcp',
    authorization_servers: ['https://login.test', 'https://other.test'],
    scopes_supported: ['read'],
    bearer_methods_supported: ['header'],
    dpop_signing_alg_values_supported: ['ES256'],
  });
});

test('says what tokens have to be bound to', () => {
  const document = make(
    { resource: 'https://app.test', dpop: { use: 'required' } },
    { takesCertificates: true },
  )?.document;
  assert.equal(document?.dpop_bound_access_tokens_required, true);
  assert.equal(document?.tls_client_certificate_bound_access_tokens, true);
});

for (const identifier of [
  'urn:api',
  'api://app',
  'https://other.test/api',
  'https://app.test.evil/api',
  'http://app.test',
  'https://app.test:8443/api',
  'https://app.test/api?x',
]) {
  test(`RS-081: there is no metadata for ${identifier}, which is not under publicUrl`, () =>
    assert.equal(make({ audience: [identifier] }), null));
}

test('what `resource` says goes before the audience', () => {
  assert.equal(make({ resource: 'https://elsewhere.test', audience: ['https://app.test'] }), null);
});
