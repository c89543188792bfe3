import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { inspect } from 'node:util';
import { apiSchema } from '../../../src/apis/api-config.ts';

const minimal = { issuers: ['main'], audience: ['https://api.test'] };
const problems = (settings: object) =>
  apiSchema.safeParse({ ...minimal, ...settings }).error?.issues.map(({ path }) => path.join('.')) ?? [];

test('issuers and audience are enough', () => {
  const config = apiSchema.parse(minimal);
  assert.equal(config.leeway, 5_000);
  assert.equal(config.profile, 'rfc9068');
  assert.equal(config.introspection, undefined);
  assert.equal(config.cacheSize, 10_000);
  assert.equal(config.dpop.use, 'optional');
  assert.deepEqual(config.requiredClaims, {});
  assert.ok(!config.algorithms.some((algorithm) => algorithm.startsWith('HS')));
});

test('neither issuers nor audience can be left out or empty: then any token would do, or none', () => {
  assert.deepEqual(problems({ issuers: undefined }), ['issuers']);
  assert.deepEqual(problems({ issuers: [] }), ['issuers']);
  assert.deepEqual(problems({ audience: undefined }), ['audience']);
  assert.deepEqual(problems({ audience: [] }), ['audience']);
});

test('any audience is taken only where a switch with a loud name says so', () => {
  assert.deepEqual(problems({ audience: [], dangerouslyAllowAnyAudience: true }), []);
});

test('an issuer may be described in place, and is checked there', () => {
  const config = apiSchema.parse({
    ...minimal,
    issuers: [{ issuer: 'https://login.test', jwksUri: 'https://login.test/keys' }],
  });
  const [issuer] = config.issuers;
  assert.equal(typeof issuer === 'object' && issuer.issuer, 'https://login.test');
  assert.notDeepEqual(problems({ issuers: [{ issuer: 'http://login.test' }] }), []);
  assert.notDeepEqual(problems({ issuers: [{ issuer: 'https://login.test', keys: 1 }] }), []);
});

test('an issuer that is there twice is a mistake', () => {
  const other = { issuer: 'https://login.test' };
  assert.deepEqual(problems({ issuers: ['main', 'main'] }), ['issuers.1']);
  assert.deepEqual(problems({ issuers: [other, 'main', other] }), ['issuers.2']);
});

test('tokens cannot be asked about where the gate is no client', () => {
  const silent = { issuer: 'https://login.test' };
  const able = { issuer: 'https://other.test', clientId: 'gate', clientSecret: 'secret' };
  assert.deepEqual(problems({ issuers: [silent], introspection: {} }), ['issuers.0']);
  assert.deepEqual(problems({ issuers: [silent, able], introspection: {} }), []);
  assert.deepEqual(problems({ issuers: [able, silent], introspection: { when: 'always' } }), ['issuers.1']);
});

describe('signatures by a secret', () => {
  const bytes = (count: number) => 's'.repeat(count);

  test('none and made-up algorithms cannot be configured', () => {
    for (const algorithm of ['none', 'HS1', 'RS1', 'hs256']) {
      assert.deepEqual(problems({ algorithms: [algorithm] }), ['algorithms.0']);
    }
  });

  test('need the secret', () => assert.deepEqual(problems({ algorithms: ['HS256'] }), ['hmacSecret']));

  test('are never taken because there is a secret', () =>
    assert.deepEqual(problems({ hmacSecret: bytes(64) }), ['hmacSecret']));

  for (const [algorithm, least] of [
    ['HS256', 32],
    ['HS384', 48],
    ['HS512', 64],
  ] as const) {
    test(`${algorithm} needs ${least} bytes`, () => {
      assert.deepEqual(problems({ algorithms: [algorithm], hmacSecret: bytes(least - 1) }), ['hmacSecret']);
      assert.deepEqual(problems({ algorithms: [algorithm], hmacSecret: bytes(least) }), []);
    });
  }

  test('the longest hash decides, and bytes count, not characters', () => {
    assert.deepEqual(problems({ algorithms: ['HS256', 'HS512'], hmacSecret: bytes(63) }), ['hmacSecret']);
    assert.deepEqual(problems({ algorithms: ['HS256'], hmacSecret: 'é'.repeat(16) }), []);
  });

  test('belong to a single issuer', () =>
    assert.deepEqual(problems({ issuers: ['main', 'other'], algorithms: ['HS256'], hmacSecret: bytes(32) }), [
      'hmacSecret',
    ]));

  test('the secret does not print', () => {
    const config = apiSchema.parse({ ...minimal, algorithms: ['HS256'], hmacSecret: bytes(32) });
    const printed = `${inspect(config, { depth: 9, showHidden: true })}${JSON.stringify(config)}`;
    assert.ok(!printed.includes(bytes(32)));
  });
});

const refused: readonly (readonly [settings: object, path: string])[] = [
  [{ audiences: ['x'] }, ''],
  [{ profile: 'rfc7519' }, 'profile'],
  [{ leeway: 5 }, 'leeway'],
  [{ introspection: { when: 'never' } }, 'introspection.when'],
  [{ introspection: { ttl: '5s' } }, 'introspection'],
  [{ requiredClaims: { groups: [] } }, 'requiredClaims.groups'],
  [{ requiredClaims: { groups: [1] } }, 'requiredClaims.groups'],
  [{ leeway: '6m' }, 'leeway'],
  [{ dangerouslyAllowAnyAudience: true }, 'dangerouslyAllowAnyAudience'],
  [{ corsOrigins: ['https://app.test/'] }, 'corsOrigins.0'],
  [{ corsOrigins: ['app.test'] }, 'corsOrigins.0'],
  [{ corsOrigins: ['null'] }, 'corsOrigins.0'],
  [{ resource: 'https://app.test/a?b' }, 'resource'],
  [{ resource: 'urn:api' }, 'resource'],
  [{ resource: 'https://app.test/"a' }, 'resource'],
  [{ scopesSupported: ['a b'] }, 'scopesSupported.0'],
  [{ cacheSize: 0 }, 'cacheSize'],
  [{ decryptionKeys: ['hello'] }, 'decryptionKeys.0'],
];
for (const [settings, path] of refused) {
  test(`refuses ${JSON.stringify(settings)}`, () => assert.deepEqual(problems(settings), [path]));
}

test('takes origins and the star', () =>
  assert.deepEqual(problems({ corsOrigins: ['https://app.test', 'http://localhost:3000', '*'] }), []));
