/** Sections 1A and 1C: ID tokens that must not sign anybody in, and odd ones that must. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { assertLoginFails, type EvilLogin, loginAtEvil } from '../support/evil-login.ts';
import {
  type EvilBehaviour,
  type EvilProvider,
  evilSecrets,
  firstKey,
  publicJwk,
  signToken,
  startEvilProvider,
} from '../support/evil-provider.ts';

let evil: EvilProvider;
before(async () => {
  evil = await startEvilProvider();
});
after(() => evil.close());

const now = () => Math.floor(Date.now() / 1000);
const ecKey = publicJwk('ec', { kid: 'ec-1', use: 'sig', alg: 'ES256' });

type Case = readonly [
  title: string,
  behaviour: EvilBehaviour,
  detail: string | RegExp,
  config?: EvilLogin['config'],
];

function derSignature(): EvilBehaviour {
  const der = Buffer.from(
    '3044022012345678901234567890123456789012345678901234567890123456789012340220',
    'hex',
  );
  return {
    jwks: [ecKey],
    header: { alg: 'ES256', kid: 'ec-1' },
    signature: () => Buffer.concat([der, Buffer.alloc(32, 7)]),
  };
}

const refused: readonly Case[] = [
  ['RP-002: another issuer', { claims: { iss: 'https://other.test' } }, 'issuer-mismatch'],
  ['RP-033: no issuer', { claims: { iss: undefined } }, 'issuer-mismatch'],
  ['RP-003: no subject', { claims: { sub: undefined } }, 'subject-invalid'],
  ['RP-004: another audience', { claims: { aud: 'other' } }, 'audience-mismatch'],
  ['RP-033: no audience', { claims: { aud: undefined } }, 'audience-mismatch'],
  ['RP-004: an audience that is an object', { claims: { aud: { app: true } } }, 'audience-mismatch'],
  ['RP-011: a signature by another key under the right key id', { key: 'attacker' }, 'id-token-signature'],
  ['RP-012: HS256 with the public key as the secret', { header: { alg: 'HS256' } }, 'id-token-algorithm'],
  [
    'RP-012: ES256 by another key',
    { jwks: [ecKey], header: { alg: 'ES256', kid: 'ec-1' }, key: 'ec2' },
    'id-token-signature',
  ],
  ['RP-014: another nonce', { claims: { nonce: 'other' } }, 'nonce-mismatch'],
  ['RP-036: no nonce', { claims: { nonce: undefined } }, 'nonce-mismatch'],
  [
    'RP-031: a wrong at_hash',
    { claims: { at_hash: 'AAAAAAAAAAAAAAAAAAAAAA' } },
    'access-token-hash-mismatch',
  ],
  ['RP-031: an at_hash that is no string', { claims: { at_hash: 1 } }, 'access-token-hash-mismatch'],
  ['RP-034: a second audience and no azp', { claims: { aud: ['app', 'other'] } }, 'audience-untrusted'],
  ['RP-036: expired five minutes ago', { claims: { exp: now() - 300, iat: now() - 600 } }, 'clock-skew'],
  ['RP-081: azp of another client', { claims: { azp: 'other' } }, 'authorized-party-mismatch'],
  [
    'RP-082: a second audience that nobody trusts',
    { claims: { aud: ['app', 'other'], azp: 'app' } },
    'audience-untrusted',
  ],
  [
    'RP-083: expired for longer than the tolerance',
    { claims: { exp: now() - 31, iat: now() - 5 } },
    /expired|skew/,
  ],
  ['RP-083: no expiry', { claims: { exp: undefined } }, 'id-token-expiry'],
  ['RP-083: expiry as text', { claims: { exp: '4102444800' } }, 'id-token-expiry'],
  ['RP-083: negative expiry', { claims: { exp: -1 } }, /expired|skew/],
  ['RP-084: issued in ten minutes', { claims: { iat: now() + 600, exp: now() + 900 } }, 'clock-skew'],
  [
    'RP-084: issued in a year',
    { claims: { iat: now() + 31_536_000, exp: now() + 31_537_000 } },
    'clock-skew',
  ],
  ['RP-085: issued a week ago', { claims: { iat: now() - 604_800 } }, 'id-token-too-old'],
  ['RP-085: no time of issue', { claims: { iat: undefined } }, 'id-token-issued-at'],
  ['RP-086: not valid yet', { claims: { nbf: now() + 600 } }, 'id-token-not-before'],
  ['RP-086: not-before as text', { claims: { nbf: '0' } }, 'id-token-not-before'],
  ['RP-087: empty subject', { claims: { sub: '' } }, 'subject-invalid'],
  ['RP-087: number as subject', { claims: { sub: 12 } }, 'subject-invalid'],
  ['RP-087: null as subject', { claims: { sub: null } }, 'subject-invalid'],
  ['RP-087: subject of 256 characters', { claims: { sub: 'a'.repeat(256) } }, 'subject-invalid'],
  ['RP-087: line break in the subject', { claims: { sub: 'alice\r\nX-Admin: 1' } }, 'subject-invalid'],
  ['RP-087: NUL in the subject', { claims: { sub: 'alice\u0000' } }, 'subject-invalid'],
  ['RP-087: subject beyond ASCII', { claims: { sub: 'аlice' } }, 'subject-invalid'],
  [
    'RP-088: no auth_time though max_age was asked',
    {},
    'authentication-time',
    { authorizationParameters: { max_age: '60' } },
  ],
  [
    'RP-088: authenticated longer ago than max_age',
    { claims: { auth_time: now() - 600 } },
    'authentication-too-old',
    { authorizationParameters: { max_age: '60' } },
  ],
  ['RP-088: auth_time as text', { claims: { auth_time: 'now' } }, 'authentication-time'],
  ['RP-095: a logout token', { header: { typ: 'logout+jwt' } }, 'id-token-type'],
  ['RP-095: an access token', { header: { typ: 'at+jwt' } }, 'id-token-type'],
  ['RP-095: a DPoP proof', { header: { typ: 'application/dpop+jwt' } }, 'id-token-type'],
  ['RP-094: an unknown critical extension', { header: { crit: ['x'], x: 1 } }, 'id-token-crit'],
  ['RP-094: an empty list of critical extensions', { header: { crit: [] } }, 'id-token-crit'],
  ['RP-094: an unencoded payload', { header: { crit: ['b64'], b64: false } }, 'id-token-crit'],
  ['RP-096: an ES256 signature in DER', derSignature(), 'id-token-signature'],
  [
    'RP-096: an ES256 signature of zeros',
    { jwks: [ecKey], header: { alg: 'ES256', kid: 'ec-1' }, signature: () => Buffer.alloc(64) },
    'id-token-signature',
  ],
  [
    'RP-097: PS384 when only RS256 is allowed',
    { jwks: [publicJwk('rsa', { kid: 'key-1' })], header: { alg: 'PS384' } },
    'id-token-algorithm',
    { idTokenSigningAlgorithms: ['RS256'] },
  ],
  [
    'RP-097: EdDSA when only RS256 is allowed',
    { jwks: [publicJwk('ed', { kid: 'ed' })], header: { alg: 'EdDSA', kid: 'ed' }, key: 'ed' },
    'id-token-algorithm',
    { idTokenSigningAlgorithms: ['RS256'] },
  ],
  ['RP-097: ML-DSA', { header: { alg: 'ML-DSA-44' } }, 'id-token-algorithm'],
  [
    'RP-098: an RSA key of 1024 bits',
    { jwks: [publicJwk('small', { kid: 'key-1' })], key: 'small' },
    'key-unknown',
  ],
  [
    'RP-101: a payload that is not UTF-8',
    { payload: Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]) },
    'id-token-malformed',
  ],
  ['RP-103: a claim nested 200,000 deep', { payload: `{"a":${'['.repeat(200_000)}}` }, 'id-token-too-large'],
  [
    'RP-103: a claim nested 10,000 deep',
    { payload: `{"a":${'['.repeat(10_000)}}` },
    'id-token-json-too-deep',
  ],
  ['RP-102: padding after the token', { mangle: (token) => `${token}=` }, 'id-token-malformed'],
  ['RP-102: a line break after the token', { mangle: (token) => `${token}\n` }, 'id-token-malformed'],
  ['RP-102: white space before the token', { mangle: (token) => ` ${token}` }, 'id-token-malformed'],
  ['RP-104: an encrypted token', { mangle: (token) => `${token}.AAAA.AAAA` }, 'id-token-encrypted'],
  [
    'RP-010: no signature and alg none',
    { header: { alg: 'none' }, signature: () => Buffer.alloc(0) },
    /^id-token-/,
  ],
];

for (const [title, behaviour, detail, config] of refused) {
  test(`${title} is refused`, async () => {
    await assertLoginFails(evil, { behaviour, ...(config === undefined ? {} : { config }) }, detail);
    assert.equal(evil.hits.token, 1);
  });
}

for (const alg of ['none', 'nOnE', '', undefined, ['RS256'], 256, null, {}]) {
  test(`RP-090: alg ${JSON.stringify(alg)} is refused`, async () => {
    const behaviour = { header: { alg }, signature: (input: string) => signToken(input, 'RS256', 'rsa') };
    await assertLoginFails(evil, { behaviour }, 'id-token-algorithm');
  });
}

for (const text of [
  '["alice"]',
  '"alice"',
  'null',
  'not json',
  '\ufeff{"sub":"alice"}',
  '',
  '{"sub":"alice"',
]) {
  test(`RP-101: a payload of ${JSON.stringify(text)} is refused`, async () => {
    await assertLoginFails(evil, { behaviour: { payload: text } }, /^id-token-(json|malformed)/);
  });
}

describe('RP-092: a key that the token brings along', () => {
  const attacker = publicJwk('attacker', { kid: 'key-1', use: 'sig', alg: 'RS256' });
  const headers = {
    jwk: () => ({ jwk: attacker }),
    jku: () => ({ jku: `${evil.issuer}/attacker` }),
    x5u: () => ({ x5u: `${evil.issuer}/attacker` }),
    x5c: () => ({ x5c: ['MIIB'] }),
  };
  for (const [name, header] of Object.entries(headers)) {
    test(`RP-092: ${name} is not used and not fetched`, async () => {
      await assertLoginFails(
        evil,
        { behaviour: { header: header(), key: 'attacker' } },
        'id-token-signature',
      );
      assert.equal(evil.hits.other, 0);
    });
  }
});

describe('RP-093: odd key ids', () => {
  for (const kid of ['../../etc/passwd', "' OR 1=1", '\u0000', '__proto__', 'constructor', '']) {
    test(`RP-093: ${JSON.stringify(kid)} finds no key`, async () => {
      await assertLoginFails(evil, { behaviour: { header: { kid } } }, 'key-unknown');
    });
  }
  for (const [name, kid] of [
    ['10 kB', 'k'.repeat(10_000)],
    ['an object', { a: 1 }],
    ['null', null],
  ] as const) {
    test(`RP-093: ${name} is refused without asking for keys again`, async () => {
      await assertLoginFails(evil, { behaviour: { header: { kid } } }, 'key-id');
      assert.equal(evil.hits.jwks, 1);
    });
  }
});

describe('RP-099: repeated members', () => {
  const payload = (aud: string) =>
    `{"iss":${JSON.stringify(evil.issuer)},"sub":"alice",${aud},"exp":${now() + 300},"iat":${now()},"nonce":"${evil.nonce}"}`;
  const audiences = ['"aud":"evil","aud":"app"', '"aud":"app","aud":"evil"', '"aud":"app","\\u0061ud":"app"'];
  for (const aud of audiences) {
    test(`RP-099: ${aud} is refused`, async () => {
      const behaviour = {
        get payload() {
          return payload(aud);
        },
      };
      await assertLoginFails(evil, { behaviour }, 'id-token-json-duplicate-member');
    });
  }
  test('RP-099: a repeated alg in the header is refused', async () => {
    const headerText = '{"alg":"none","alg":"RS256","kid":"key-1"}';
    await assertLoginFails(evil, { behaviour: { headerText } }, 'id-token-json-duplicate-member');
  });
  test('RP-083: an expiry of 1e400 is refused', async () => {
    const behaviour = {
      get payload() {
        return payload('"aud":"app"').replace(/"exp":\d+/, '"exp":1e400');
      },
    };
    await assertLoginFails(evil, { behaviour }, 'id-token-expiry');
  });
  test('RP-100: __proto__ as a claim changes no prototype', async () => {
    const behaviour = {
      get payload() {
        return payload(
          '"aud":"app","__proto__":{"admin":true},"constructor":{},"deep":{"__proto__":{"admin":true}}',
        );
      },
    };
    const { person } = await loginAtEvil(evil, { behaviour });
    assert.ok(person);
    assert.equal(person.claims.admin, undefined);
    assert.equal(Object.getPrototypeOf(person.claims), null);
    assert.equal(Object.assign({}, person.claims).admin, undefined);
    assert.equal((person.claims.deep as { admin?: boolean }).admin, undefined);
    assert.equal(({} as { admin?: boolean }).admin, undefined);
  });
});

describe('accepted', () => {
  const half = createHash('sha256')
    .update(evilSecrets.accessToken)
    .digest()
    .subarray(0, 16)
    .toString('base64url');
  const accepted: readonly (readonly [string, EvilBehaviour, EvilLogin['config']?])[] = [
    ['RP-001: a correct ID token', {}],
    ['RP-007: no key id and a single key', { header: { kid: undefined } }],
    ['RP-031: a correct at_hash', { claims: { at_hash: half } }],
    ['RP-035: the audience as a list of one', { claims: { aud: ['app'] } }],
    [
      'RP-082: a second audience that is trusted',
      { claims: { aud: ['app', 'api'], azp: 'app' } },
      { trustedAudiences: ['api'] },
    ],
    ['RP-083: an expiry with a fraction', { claims: { exp: now() + 100.5 } }],
    ['RP-083: expired within the tolerance', { claims: { exp: now() - 10, iat: now() - 60 } }],
    ['RP-084: issued in five seconds', { claims: { iat: now() + 5 } }],
    [
      'RP-088: authenticated within max_age',
      { claims: { auth_time: now() - 10 } },
      { authorizationParameters: { max_age: '60' } },
    ],
    ['no typ', { header: { typ: undefined } }],
    ['PS256', { jwks: [publicJwk('rsa', { kid: 'key-1' })], header: { alg: 'PS256' } }],
    ['ES256', { jwks: [ecKey], header: { alg: 'ES256', kid: 'ec-1' }, key: 'ec' }],
    ['ES512', { jwks: [publicJwk('p521', { kid: 'p' })], header: { alg: 'ES512', kid: 'p' }, key: 'p521' }],
    ['EdDSA', { jwks: [publicJwk('ed', { kid: 'e' })], header: { alg: 'EdDSA', kid: 'e' }, key: 'ed' }],
    [
      'Ed25519',
      {
        jwks: [publicJwk('ed', { kid: 'e', alg: 'EdDSA' })],
        header: { alg: 'Ed25519', kid: 'e' },
        key: 'ed',
      },
    ],
    [
      'RP-044: decoys under the same key id',
      {
        jwks: [
          publicJwk('ec', { kid: 'key-1', use: 'sig', alg: 'ES256' }),
          publicJwk('rsa2', { kid: 'key-1', use: 'sig', alg: 'PS256' }),
          publicJwk('rsa2', { kid: 'key-1', use: 'enc' }),
          firstKey,
        ],
      },
    ],
    ['RP-149: the key id twice', { jwks: [publicJwk('rsa2', { kid: 'key-1', alg: 'RS256' }), firstKey] }],
  ];
  for (const [title, behaviour, config] of accepted) {
    test(`${title} signs in`, async () => {
      const { person, error } = await loginAtEvil(evil, {
        behaviour,
        ...(config === undefined ? {} : { config }),
      });
      assert.equal(error, null);
      assert.equal(person?.subject, 'alice');
    });
  }
});

test('L-7: without a key id and with several keys that fit, no key is tried', async () => {
  const behaviour = { header: { kid: undefined }, jwks: [firstKey, publicJwk('rsa2', { kid: 'key-2' })] };
  await assertLoginFails(evil, { behaviour }, 'key-ambiguous');
});
