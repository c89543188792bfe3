import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { tokenIssuerSchema } from '../../../src/oidc/token-issuer-config.ts';
import { firstKey, privateJwk, publicJwk } from '../../support/evil-provider.ts';

const issuer = 'https://login.test';

/** Paths and messages of what is wrong; empty when it is accepted. */
function problems(config: Readonly<Record<string, unknown>>): readonly string[] {
  const result = tokenIssuerSchema.safeParse({ issuer, ...config });
  return result.success
    ? []
    : result.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
}

describe('an issuer whose tokens are checked', () => {
  const good: readonly (readonly [string, Readonly<Record<string, unknown>>])[] = [
    ['nothing but its name', {}],
    ['the address of its keys', { jwksUri: 'https://keys.test/jwks' }],
    ['its keys', { jwks: { keys: [firstKey] } }],
    ['an interval', { jwksRefresh: '5m' }],
    [
      'a client',
      { clientId: 'gate', clientSecret: 'secret', introspectionEndpoint: 'https://login.test/ask' },
    ],
    [
      'a client with a key',
      {
        clientId: 'gate',
        clientAuthentication: 'private_key_jwt',
        clientKey: JSON.stringify(privateJwk('ec')),
      },
    ],
    ['loopback without TLS', { issuer: 'http://127.0.0.1:9000', jwksUri: 'http://localhost:9000/jwks' }],
    ['http that was asked for', { issuer: 'http://login.internal', dangerouslyAllowHttpIssuer: true }],
  ];
  for (const [title, config] of good) {
    test(`may say ${title}`, () => assert.deepEqual(problems(config), []));
  }

  const bad: readonly (readonly [string, Readonly<Record<string, unknown>>, RegExp])[] = [
    ['an issuer with a query', { issuer: 'https://login.test?x' }, /^issuer: must have no query/],
    ['http', { issuer: 'http://login.test' }, /^issuer: must be https/],
    ['keys over http', { jwksUri: 'http://keys.test/' }, /^jwksUri: must be https/],
    [
      'introspection over http',
      { clientId: 'a', clientSecret: 'b', introspectionEndpoint: 'http://a.test/' },
      /^introspectionEndpoint: must be https/,
    ],
    ['an address with a password', { jwksUri: 'https://a:b@keys.test/' }, /^jwksUri: must have no user name/],
    ['an address with a fragment', { jwksUri: 'https://keys.test/#a' }, /^jwksUri: must have no fragment/],
    ['no address', { jwksUri: 'file:///etc/passwd' }, /^jwksUri: is not an https URL/],
    [
      'keys twice',
      { jwksUri: 'https://keys.test/', jwks: { keys: [firstKey] } },
      /^jwks: stands beside jwksUri/,
    ],
    ['no key', { jwks: { keys: [] } }, /^jwks\.keys: /],
    ['a private key', { jwks: { keys: [privateJwk('ec')] } }, /^jwks\.keys\.0: .*private-key/],
    ['a small key', { jwks: { keys: [firstKey, publicJwk('small')] } }, /^jwks\.keys\.1: .*key-size/],
    [
      'a point off its curve',
      { jwks: { keys: [publicJwk('ec', { y: publicJwk('ec2').y })] } },
      /^jwks\.keys\.0: /,
    ],
    ['an interval of a second', { jwksRefresh: '1s' }, /^jwksRefresh: is shorter than 10s/],
    ['a secret without a client', { clientSecret: 'secret' }, /^clientSecret: is of no use without clientId/],
    [
      'an endpoint without a client',
      { introspectionEndpoint: 'https://login.test/ask' },
      /^introspectionEndpoint: is of no use/,
    ],
    ['a client that proves nothing', { clientId: 'gate' }, /^clientSecret: is missing/],
    [
      'private_key_jwt without a key',
      { clientId: 'gate', clientAuthentication: 'private_key_jwt' },
      /^clientKey: is missing/,
    ],
    ['a word that is none', { jwksURL: 'https://keys.test/' }, /Unrecognized key/],
  ];
  for (const [title, config, message] of bad) {
    test(`may not say ${title}`, () => {
      const found = problems(config);
      assert.ok(
        found.some((problem) => message.test(problem)),
        found.join('; ') || 'accepted',
      );
    });
  }
});
