/** Section 2: what a token issuer opens, and what it refuses without asking anybody. */
import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync, randomBytes } from 'node:crypto';
import { after, before, beforeEach, describe, test } from 'node:test';
import { CompactEncrypt, importJWK } from 'jose';
import type { SignedTokenRules } from '../../src/oidc/signed-token.ts';
import { makeEvilGate } from '../support/evil-login.ts';
import {
  type EvilBehaviour,
  type EvilProvider,
  firstKey,
  makeAccessToken,
  makeLogoutToken,
  publicJwk,
  startEvilProvider,
} from '../support/evil-provider.ts';
import { accessTokenRules, makeTokenIssuer, verdictOf } from '../support/token-issuer.ts';

let evil: EvilProvider;
before(async () => {
  evil = await startEvilProvider();
});
after(() => evil.close());
beforeEach(() => evil.reset());

async function open(
  token: string,
  config: Readonly<Record<string, unknown>> = {},
  rules: SignedTokenRules = accessTokenRules,
): Promise<string> {
  const { issuer } = makeTokenIssuer({ issuer: evil.issuer, ...config });
  const verdict = await verdictOf(issuer.open(token, rules));
  await issuer.close();
  return verdict;
}

const made = (behaviour: EvilBehaviour = {}) => makeAccessToken(evil.issuer, behaviour);

describe('RS-020: tokens that nobody is asked about', () => {
  const garbage: readonly (readonly [string, () => string, string])[] = [
    ['nothing', () => '', 'access-token-malformed'],
    ['a word', () => 'opaque', 'access-token-malformed'],
    ['two parts', () => made().replace(/\.[^.]+$/, ''), 'access-token-malformed'],
    ['four parts', () => `${made()}.AA`, 'access-token-malformed'],
    ['five parts without a key to decrypt', () => 'a.b.c.d.e', 'access-token-encrypted'],
    ['an empty signature', () => made().replace(/[^.]+$/, ''), 'access-token-malformed'],
    ['padding', () => `${made()}=`, 'access-token-malformed'],
    ['a line break', () => `${made()}\n`, 'access-token-malformed'],
    ['8 MB', () => `${made()}${'A'.repeat(8_000_000)}`, 'access-token-too-large'],
    ['8 MB of dots', () => '.'.repeat(8_000_000), 'access-token-too-large'],
    ['algorithm none', () => made({ header: { alg: 'none' } }), 'access-token-algorithm'],
    ['HS256 with the public key', () => made({ header: { alg: 'HS256' } }), 'access-token-algorithm'],
    [
      'an algorithm that the API does not take',
      () => made({ header: { alg: 'RS512' } }),
      'access-token-algorithm',
    ],
    ['a header that is no JSON', () => made({ headerText: '{' }), 'access-token-json-invalid'],
    [
      'a header with two algorithms',
      () => made({ headerText: '{"alg":"none","alg":"RS256"}' }),
      'access-token-json-duplicate-member',
    ],
    ['critical extensions', () => made({ header: { crit: ['exp'] } }), 'access-token-crit'],
    ['RS-026: no type', () => made({ header: { typ: undefined } }), 'access-token-type'],
    ['RS-026: type JWT', () => made({ header: { typ: 'JWT' } }), 'access-token-type'],
    ['RS-025: type of a logout token', () => makeLogoutToken(evil.issuer), 'access-token-type'],
    ['RS-025: type of a proof', () => made({ header: { typ: 'dpop+jwt' } }), 'access-token-type'],
    ['a list for a type', () => made({ header: { typ: ['at+jwt'] } }), 'access-token-type'],
    ['a number for a key id', () => made({ header: { kid: 7 } }), 'key-id'],
  ];
  for (const [title, token, reason] of garbage) {
    test(`RS-020: ${title} is refused without a call`, async () => {
      assert.equal(await open(token()), reason);
      assert.equal(evil.requests.length, 0);
    });
  }
});

describe('RS-020: tokens that its keys do not open', () => {
  const bad: readonly (readonly [string, EvilBehaviour, string])[] = [
    ['of another key', { key: 'attacker' }, 'access-token-signature'],
    [
      'with its own key in the header',
      { key: 'attacker', header: { jwk: publicJwk('attacker') } },
      'access-token-signature',
    ],
    [
      'with the address of its own keys',
      { key: 'attacker', header: { jku: 'http://127.0.0.1:1/jwks' } },
      'access-token-signature',
    ],
    ['of a key id that is unknown', { header: { kid: 'other' } }, 'key-unknown'],
    ['of a key id as long as a page', { header: { kid: 'k'.repeat(5000) } }, 'key-id'],
    ['with a changed payload', { mangle: changePayload }, 'access-token-signature'],
    ['with a signature of zeros', { signature: () => Buffer.alloc(256) }, 'access-token-signature'],
    ['with a signature that is too short', { signature: () => randomBytes(20) }, 'access-token-signature'],
    ['with an algorithm of another kind of key', { header: { alg: 'ES256' } }, 'key-unknown'],
    ['with an algorithm that its key is not for', { header: { alg: 'PS256' } }, 'key-unknown'],
    ['RS-021: of another issuer', { claims: { iss: 'https://other.test' } }, 'issuer-mismatch'],
    ['RS-021: of a list of issuers', { claims: { iss: ['x'] } }, 'issuer-mismatch'],
    ['RS-021: of no issuer', { claims: { iss: undefined } }, 'issuer-mismatch'],
    ['whose payload is a list', { payload: '[]' }, 'access-token-json-not-an-object'],
    [
      'whose payload has two audiences',
      { payload: '{"aud":"a","aud":"b"}' },
      'access-token-json-duplicate-member',
    ],
    [
      'whose payload is no UTF-8',
      { payload: Buffer.from('{"a":"\xff"}', 'latin1') },
      'access-token-malformed',
    ],
  ];
  for (const [title, behaviour, reason] of bad) {
    test(`RS-020: one ${title} is refused`, async () => {
      assert.equal(await open(made(behaviour)), reason);
    });
  }

  test('RS-021: an issuer that differs by a slash is another one', async () => {
    assert.equal(await open(made({ claims: { iss: `${evil.issuer}/` } })), 'issuer-mismatch');
  });
});

function changePayload(token: string): string {
  const [header = '', payload = '', signature = ''] = token.split('.');
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
  const changed = Buffer.from(JSON.stringify({ ...claims, sub: 'admin' })).toString('base64url');
  return `${header}.${changed}.${signature}`;
}

describe('good tokens', () => {
  for (const typ of ['at+jwt', 'application/at+jwt', 'AT+JWT']) {
    test(`RS-026: type ${typ} is accepted where the type is demanded`, async () => {
      assert.equal(await open(made({ header: { typ } })), 'ok');
    });
  }

  test('no type and JWT are accepted where the API is lenient', async () => {
    const lenient = { ...accessTokenRules, types: ['at+jwt', 'jwt'], typeRequired: false };
    for (const typ of [undefined, 'JWT'])
      assert.equal(await open(made({ header: { typ } }), {}, lenient), 'ok');
  });

  for (const [alg, key] of [
    ['PS256', 'rsa'],
    ['ES256', 'ec'],
    ['ES512', 'p521'],
    ['EdDSA', 'ed'],
  ] as const) {
    test(`${alg} is checked with a key of its kind`, async () => {
      const jwks = [publicJwk(key, { kid: 'key-1' })];
      evil.behaviour = { jwks };
      assert.equal(await open(made({ header: { alg }, key })), 'ok');
      assert.equal(
        await open(made({ header: { alg }, key, mangle: changePayload })),
        'access-token-signature',
      );
    });
  }

  test('keys that stand in the configuration are not fetched', async () => {
    const jwks = { keys: [firstKey] };
    assert.equal(await open(made(), { jwks }), 'ok');
    assert.equal(await open(made({ header: { kid: 'other' } }), { jwks }), 'key-unknown');
    assert.equal(evil.requests.length, 0);
  });

  test('the token of a provider that people sign in at is opened with the keys that it has anyway', async () => {
    const { provider } = makeEvilGate(evil);
    const { tokenIssuer } = provider;
    assert.equal(await verdictOf(tokenIssuer.open(made(), accessTokenRules)), 'ok');
    assert.equal(
      await verdictOf(tokenIssuer.open(made({ key: 'attacker' }), accessTokenRules)),
      'access-token-signature',
    );
    assert.deepEqual([evil.hits.metadata, evil.hits.jwks], [1, 1]);
    await provider.close();
  });
});

describe('a shared secret, as a deliberate choice', () => {
  const secret = randomBytes(64);
  const macOf = (key: Uint8Array, bits = 256): EvilBehaviour => ({
    header: { alg: `HS${bits}`, kid: undefined },
    signature: (input) => createHmac(`sha${bits}`, key).update(input).digest(),
  });
  const rules = { ...accessTokenRules, algorithms: ['HS256', 'HS384', 'HS512'], secret };

  test('HS256, HS384 and HS512 are checked with it alone: no key is fetched, and none is trusted to end', async () => {
    const { issuer } = makeTokenIssuer({ issuer: evil.issuer });
    for (const bits of [256, 384, 512]) {
      const { trustedUntil } = await issuer.open(made(macOf(secret, bits)), rules);
      assert.equal(trustedUntil, Number.POSITIVE_INFINITY);
    }
    await issuer.close();
    assert.equal(evil.requests.length, 0);
  });

  test('RS-020: another secret, a shortened code, and a public key for a secret are refused', async () => {
    assert.equal(await open(made(macOf(randomBytes(64))), {}, rules), 'access-token-signature');
    const code = (input: string) => createHmac('sha256', secret).update(input).digest();
    const short = { ...macOf(secret), signature: (input: string) => code(input).subarray(0, 30) };
    assert.equal(await open(made(short), {}, rules), 'access-token-signature');
    assert.equal(await open(made({ header: { alg: 'HS256' } }), {}, rules), 'access-token-signature');
  });

  test('RS-020: without a secret an algorithm that needs one is refused, though it is listed', async () => {
    const without = { ...rules, secret: null };
    assert.equal(await open(made(macOf(new Uint8Array(0))), {}, without), 'access-token-signature');
  });
});

describe('encrypted tokens', () => {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const decryptionKeys = [pair.privateKey.export({ format: 'pem', type: 'pkcs8' }) as string];
  const encrypt = async (inner: string) =>
    new CompactEncrypt(Buffer.from(inner))
      .setProtectedHeader({ alg: 'ECDH-ES+A256KW', enc: 'A256GCM', cty: 'JWT' })
      .encrypt(
        await importJWK(pair.publicKey.export({ format: 'jwk' }) as Record<string, string>, 'ECDH-ES+A256KW'),
      );

  test('one that is encrypted to the configured key is opened, and signed it must be inside', async () => {
    assert.equal(await open(await encrypt(made()), { decryptionKeys }), 'ok');
    assert.equal(
      await open(await encrypt(made({ key: 'attacker' })), { decryptionKeys }),
      'access-token-signature',
    );
    assert.equal(await open(await encrypt('{"sub":"alice"}'), { decryptionKeys }), 'access-token-malformed');
  });

  test('one that is encrypted to another key is refused without a call', async () => {
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    const keys = [other.export({ format: 'pem', type: 'pkcs8' }) as string];
    assert.equal(await open(await encrypt(made()), { decryptionKeys: keys }), 'access-token-decryption');
    assert.equal(evil.requests.length, 0);
  });
});

describe('where the keys are', () => {
  test('RFC 8414 metadata are read where those of OpenID Connect are not there', async () => {
    evil.behaviour = { metadata: { raw: true, status: 404 }, oauthMetadata: {} };
    assert.equal(await open(made()), 'ok');
    assert.deepEqual([evil.hits.metadata, evil.hits.oauthMetadata], [1, 1]);
  });

  test('RP-146: the well-known path comes between host and path of the issuer', async () => {
    const issuer = `${evil.issuer}/realms/x`;
    evil.behaviour = {
      oauthMetadata: { issuer, authorization_endpoint: undefined, token_endpoint: undefined },
    };
    const token = made({ claims: { iss: issuer } });
    assert.equal(await open(token, { issuer }), 'ok');
    const asked = evil.requests.map(({ url }) => url);
    assert.deepEqual(asked, [
      '/realms/x/.well-known/openid-configuration',
      '/.well-known/oauth-authorization-server/realms/x',
      '/jwks',
    ]);
  });

  for (const status of [500, 403]) {
    test(`status ${status} is no reason to look elsewhere`, async () => {
      evil.behaviour = { metadata: { raw: true, status }, oauthMetadata: {} };
      assert.match(await open(made()), /^ERR_PROVIDER_/);
      assert.equal(evil.hits.oauthMetadata, 0);
    });
  }

  const refused: readonly (readonly [string, Readonly<Record<string, unknown>>])[] = [
    ['RP-145: another issuer', { issuer: 'https://other.test' }],
    ['RP-145: an issuer with a slash', { issuer: 'SLASH' }],
    ['RP-144: keys at another host', { jwks_uri: 'http://127.0.0.2:1/jwks' }],
    ['RP-141: keys in a file', { jwks_uri: 'file:///etc/passwd' }],
    ['RP-147: no address of keys', { jwks_uri: 7 }],
    ['RP-144: introspection at another host', { introspection_endpoint: 'http://127.0.0.2:1/ask' }],
  ];
  for (const [title, metadata] of refused) {
    test(`${title} makes the metadata refused`, async () => {
      const slash = metadata.issuer === 'SLASH' ? { issuer: `${evil.issuer}/` } : metadata;
      evil.behaviour = { metadata: slash };
      const client = { clientId: 'app', clientSecret: 'secret' };
      assert.equal(await open(made(), client), 'ERR_PROVIDER_METADATA');
      assert.equal(evil.hits.jwks, 0);
    });
  }

  test('RS-029: nothing in a token leads to a call', async () => {
    const header = { jku: `${evil.issuer}/other`, x5u: `${evil.issuer}/other` };
    await open(made({ header, claims: { iss: `${evil.issuer}/other` } }));
    assert.equal(evil.hits.other, 0);
  });
});
