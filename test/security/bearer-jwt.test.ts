/** Section 2: JWTs that must not let anybody in, and odd ones that must. */
import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { describe, test } from 'node:test';
import {
  type ApiFixture,
  askedOf,
  assertRefused,
  audience,
  callerOf,
  createApiFixture,
} from '../support/api-fixture.ts';
import {
  createFakeTokenIssuer,
  type SignOptions,
  signAccessToken,
  testKeys,
} from '../support/fake-token-issuer.ts';

const base64url = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

const publicPem = (key = testKeys.rsa) => createPublicKey(key).export({ type: 'spki', format: 'pem' });

type MakeToken = (fixture: ApiFixture) => Promise<string> | string;

const sign =
  (options: SignOptions, changes: Readonly<Record<string, unknown>> = {}): MakeToken =>
  ({ claims }) =>
    signAccessToken(claims(changes), options);

const parts =
  (change: (parts: string[]) => string[]): MakeToken =>
  async ({ claims }) =>
    change((await signAccessToken(claims())).split('.')).join('.');

const forged: readonly (readonly [title: string, make: MakeToken, detail: string | RegExp])[] = [
  [
    'alg none',
    ({ claims }) => `${base64url({ alg: 'none', typ: 'at+jwt' })}.${base64url(claims())}.`,
    /malformed|algorithm/,
  ],
  [
    'alg none with a signature',
    ({ claims }) => `${base64url({ alg: 'none', typ: 'at+jwt' })}.${base64url(claims())}.AAAA`,
    'access-token-algorithm',
  ],
  [
    'alg NONE',
    ({ claims }) => `${base64url({ alg: 'NoNe', typ: 'at+jwt' })}.${base64url(claims())}.AAAA`,
    'access-token-algorithm',
  ],
  [
    'HS256 with the public key as the secret',
    sign({ key: Buffer.from(publicPem(testKeys.ec)), header: { alg: 'HS256' } }),
    'access-token-algorithm',
  ],
  ['another key', sign({ key: testKeys.otherEc }), 'access-token-signature'],
  [
    'another key under the right key id',
    sign({ key: testKeys.otherEc, header: { kid: 'main-key' } }),
    'access-token-signature',
  ],
  ['a key id that nobody has', sign({ header: { kid: 'other' } }), 'key-unknown'],
  ['a key id that is a path', sign({ header: { kid: '../../dev/null' } }), 'key-unknown'],
  ['a key id that is an object', sign({ header: { kid: { a: 1 } } }), 'key-id'],
  [
    'its own key in `jwk`',
    sign({
      key: testKeys.otherEc,
      header: { jwk: createPublicKey(testKeys.otherEc).export({ format: 'jwk' }) },
    }),
    'access-token-signature',
  ],
  [
    'its own key at `jku` and `x5u`',
    sign({ key: testKeys.otherEc, header: { jku: 'https://evil.test/', x5u: 'https://evil.test/' } }),
    'access-token-signature',
  ],
  [
    'a critical extension',
    parts(([, b, c]) => [
      base64url({ alg: 'ES256', typ: 'at+jwt', crit: ['exp'] }),
      b as string,
      c as string,
    ]),
    'access-token-crit',
  ],
  [
    'a changed payload',
    async ({ claims }) => {
      const [header, , signature] = (await signAccessToken(claims())).split('.');
      return `${header}.${base64url(claims({ sub: 'root' }))}.${signature}`;
    },
    'access-token-signature',
  ],
  [
    'an empty signature',
    parts(([header, payload]) => [header as string, payload as string, '']),
    'access-token-malformed',
  ],
  ['two segments', parts((all) => all.slice(0, 2)), 'opaque'],
  ['four segments', parts((all) => [...all, 'AAAA']), 'opaque'],
  ['five segments', parts((all) => [...all, 'AAAA', 'AAAA']), /opaque|encrypt/],
  [
    'a signature that is cut short',
    parts(([a, b, c]) => [a as string, b as string, (c as string).slice(0, 40)]),
    'access-token-signature',
  ],
  ['a payload that is no JSON', () => signAccessToken('hello'), 'issuer'],
  ['a payload that is a list', () => signAccessToken('[1]'), 'issuer'],
  ['a payload that is null', () => signAccessToken('null'), 'issuer'],
  [
    'two audiences under one name twice',
    ({ claims }) => signAccessToken(JSON.stringify(claims()).replace('{', `{"aud":"other",`)),
    /duplicate/,
  ],
];

describe('RS-020: forged', () => {
  for (const [title, make, detail] of forged) {
    test(`RS-020: ${title}`, async () => {
      const fixture = createApiFixture();
      assertRefused(await fixture.ask(`Bearer ${await make(fixture)}`), detail);
    });
  }

  test('RS-020: a public RSA key is no secret, even where secrets are taken', async () => {
    const hmacSecret = 's'.repeat(32);
    const issuer = createFakeTokenIssuer({ key: testKeys.rsa });
    const fixture = createApiFixture({ algorithms: ['RS256', 'HS256'], hmacSecret }, [issuer]);
    const by = (key: Uint8Array) => signAccessToken(fixture.claims(), { key, header: { alg: 'HS256' } });
    assertRefused(
      await fixture.ask(`Bearer ${await by(Buffer.from(publicPem()))}`),
      'access-token-signature',
    );
    callerOf(await fixture.ask(`Bearer ${await by(Buffer.from(hmacSecret))}`));
    const byKey = await signAccessToken(fixture.claims(), { key: testKeys.rsa, header: { alg: 'RS256' } });
    callerOf(await fixture.ask(`Bearer ${byKey}`));
  });

  test('RS-020: an algorithm that is not among `algorithms`', async () => {
    const fixture = createApiFixture({ algorithms: ['RS256'] });
    assertRefused(
      await fixture.ask(`Bearer ${await signAccessToken(fixture.claims())}`),
      'access-token-algorithm',
    );
  });
});

const foreignIssuers: readonly (readonly [title: string, iss: unknown])[] = [
  ['another issuer', 'https://evil.test'],
  ['a trailing slash', 'https://login.test/'],
  ['another case', 'https://LOGIN.test'],
  ['a list', ['https://login.test']],
  ['an object', { url: 'https://login.test' }],
  ['none', undefined],
  ['the name of a prototype member', '__proto__'],
];

describe('RS-021, RS-029: issuers', () => {
  for (const [title, iss] of foreignIssuers) {
    test(`RS-021, RS-029: ${title}: refused, and nobody is asked`, async () => {
      const fixture = createApiFixture({ introspection: { when: 'always' } }, [
        createFakeTokenIssuer({ canIntrospect: true }),
      ]);
      const token = await signAccessToken(fixture.claims({ iss }), { key: testKeys.otherEc });
      assertRefused(await fixture.ask(`Bearer ${token}`), 'issuer');
      assert.equal(askedOf(fixture), 0);
    });
  }

  test("RS-028: each issuer's tokens are checked with its own keys alone", async () => {
    const first = createFakeTokenIssuer({ name: 'first', issuer: 'https://first.test' });
    const second = createFakeTokenIssuer({
      name: 'second',
      issuer: 'https://second.test',
      key: testKeys.otherEc,
    });
    const fixture = createApiFixture({}, [first, second]);
    const { claims } = fixture;
    const crossed = await signAccessToken(claims(), { key: testKeys.otherEc, header: { kid: 'second-key' } });
    assertRefused(await fixture.ask(`Bearer ${crossed}`), 'key-unknown');
    const blind = await signAccessToken(claims(), { key: testKeys.otherEc });
    assertRefused(await fixture.ask(`Bearer ${blind}`), 'access-token-signature');
    assert.equal(second.asked.open, 0);
    const own = await signAccessToken(claims({ iss: 'https://second.test' }), { key: testKeys.otherEc });
    assert.equal(callerOf(await fixture.ask(`Bearer ${own}`)).identity.provider, 'second');
  });
});

const second = 1;
const now = Date.UTC(2030, 0, 1) / 1000;

const badClaims: readonly (readonly [id: string, title: string, changes: object, detail: string])[] = [
  ['RS-012', 'expired', { exp: now - 6 * second }, 'expired'],
  ['RS-022', 'no audience', { aud: undefined }, 'audience'],
  ['RS-022', 'another audience', { aud: 'https://other.test' }, 'audience'],
  ['RS-022', 'a list without ours', { aud: ['https://other.test'] }, 'audience'],
  ['RS-022', 'an empty list', { aud: [] }, 'audience'],
  ['RS-022', 'an audience that ours begins', { aud: `${audience}.evil` }, 'audience'],
  ['RS-022', 'a beginning of ours', { aud: 'https://api' }, 'audience'],
  ['RS-022', 'another case', { aud: 'https://API.test' }, 'audience'],
  ['RS-022', 'a slash more', { aud: `${audience}/` }, 'audience'],
  ['RS-022', 'an object', { aud: { [audience]: true } }, 'audience'],
  ['RS-022', 'a list in a list', { aud: [[audience]] }, 'audience'],
  ['RS-022', 'a list with something that is no text', { aud: [audience, 1] }, 'audience'],
  ['RS-023', 'no expiry', { exp: undefined }, 'expiry'],
  ['RS-023', 'expiry as text', { exp: '4102444800' }, 'expiry'],
  ['RS-023', 'expiry null', { exp: null }, 'expiry'],
  ['RS-023', 'not yet', { nbf: now + 6 * second }, 'not-yet'],
  ['RS-023', 'not before as text', { nbf: '0' }, 'not-before'],
  ['RS-023', 'issued in the future', { iat: now + 6 * second }, 'not-yet'],
  ['RS-027', 'no client id', { client_id: undefined }, 'client-id'],
  ['RS-027', 'a client id with a line break', { client_id: 'a\nb' }, 'client-id'],
  ['RS-027', 'no token id', { jti: undefined }, 'token-id'],
  ['RS-027', 'no subject', { sub: undefined }, 'subject-invalid'],
  ['RS-027', 'a subject with a line break', { sub: 'a\nb' }, 'subject-invalid'],
  ['RS-027', 'no time of issue', { iat: undefined }, 'issued-at'],
  ['RS-063', 'cnf with a method that is not known', { cnf: { 'x5t#S1': 'A'.repeat(43) } }, 'confirmation'],
  [
    'RS-063',
    'cnf with several methods',
    { cnf: { jkt: 'A'.repeat(43), 'x5t#S256': 'A'.repeat(43) } },
    'confirmation',
  ],
  ['RS-063', 'cnf with a key', { cnf: { jwk: { kty: 'EC' } } }, 'confirmation'],
  ['RS-063', 'an empty cnf', { cnf: {} }, 'confirmation'],
  ['RS-063', 'a cnf that is text', { cnf: 'jkt' }, 'confirmation'],
  ['RS-063', 'a cnf that is null', { cnf: null }, 'confirmation'],
  ['RS-063', 'a thumbprint that is too short', { cnf: { jkt: 'AAAA' } }, 'confirmation'],
];

describe('claims', () => {
  for (const [id, title, changes, detail] of badClaims) {
    test(`${id}: ${title}`, async () => {
      const fixture = createApiFixture();
      const token = await signAccessToken(fixture.claims(changes as Record<string, unknown>));
      assertRefused(await fixture.ask(`Bearer ${token}`), detail);
    });
  }

  test('RS-023: an expiry of 1e400', async () => {
    const fixture = createApiFixture();
    const text = JSON.stringify(fixture.claims()).replace(/"exp":\d+/, '"exp":1e400');
    assertRefused(await fixture.ask(`Bearer ${await signAccessToken(text)}`), 'expiry');
  });

  test('within the leeway a token is good', async () => {
    const fixture = createApiFixture();
    for (const changes of [{ exp: now - 4 }, { nbf: now + 4 }, { iat: now + 4 }, { aud: ['x', audience] }]) {
      callerOf(await fixture.ask(`Bearer ${await signAccessToken(fixture.claims(changes))}`));
    }
  });

  test('RS-012: a token that is remembered is refused when it has expired', async () => {
    const fixture = createApiFixture();
    const authorization = `Bearer ${await signAccessToken(fixture.claims({ exp: now + 60 }))}`;
    callerOf(await fixture.ask(authorization));
    fixture.clock.advance(64_999);
    callerOf(await fixture.ask(authorization));
    fixture.clock.advance(1);
    assertRefused(await fixture.ask(authorization), 'expired');
  });

  const required = { azp: 'shop', level: 2, staff: true };
  const demands: readonly (readonly [title: string, claims: object, good: boolean])[] = [
    ['exactly these', { azp: 'shop', level: 2, staff: true }, true],
    ['a list that holds one', { azp: ['x', 'shop'], level: 2, staff: true }, true],
    ['one of them missing', { azp: 'shop', level: 2 }, false],
    ['a number as text', { azp: 'shop', level: '2', staff: true }, false],
    ['a longer text', { azp: 'shopping', level: 2, staff: true }, false],
    ['a list in text', { azp: 'x,shop', level: 2, staff: true }, false],
    ['an object with that name', { azp: { shop: true }, level: 2, staff: true }, false],
    [
      'a pointer to where they are',
      { _claim_names: { azp: 'src' }, _claim_sources: { src: { endpoint: 'https://graph.test' } } },
      false,
    ],
    ['what is merely like true', { azp: 'shop', level: 2, staff: 1 }, false],
  ];
  for (const [title, claims, good] of demands) {
    test(`RS-034: required claims: ${title}`, async () => {
      const fixture = createApiFixture({ requiredClaims: required });
      const token = await signAccessToken(fixture.claims(claims as Record<string, unknown>));
      const authentication = await fixture.ask(`Bearer ${token}`);
      if (good) callerOf(authentication);
      else assertRefused(authentication, 'claim');
    });
  }

  test('RS-034: a claim of ten thousand entries is too long a token, and costs no signature', async () => {
    const fixture = createApiFixture({ requiredClaims: { groups: 'staff' } });
    const groups = [...Array.from({ length: 10_000 }, (_, index) => `group-${index}`), 'staff'];
    const token = await signAccessToken(fixture.claims({ groups }));
    const authentication = await fixture.ask(`Bearer ${token}`);
    assert.equal(authentication.kind, 'refused');
    assert.equal(fixture.issuers[0]?.asked.open, 0);
  });

  for (const [groups, good] of [
    [['staff', 'admins', 'x'], true],
    [['staff'], false],
    ['staff', false],
    [undefined, false],
  ] as const) {
    test(`of several required values a claim holds each: ${JSON.stringify(groups)}`, async () => {
      const fixture = createApiFixture({ requiredClaims: { groups: ['admins', 'staff'] } });
      const authentication = await fixture.ask(`Bearer ${await signAccessToken(fixture.claims({ groups }))}`);
      if (good) callerOf(authentication);
      else assertRefused(authentication, 'claim');
    });
  }

  test('RS-022: any audience, or none, is taken only where the configuration says so', async () => {
    for (const aud of ['https://other.test', undefined]) {
      const token = `Bearer ${await signAccessToken(createApiFixture().claims({ aud }))}`;
      assertRefused(await createApiFixture().ask(token), 'audience');
      const open = createApiFixture({ audience: [], dangerouslyAllowAnyAudience: true });
      assert.deepEqual(callerOf(await open.ask(token)).audiences, aud === undefined ? [] : [aud]);
    }
  });

  test('the one subject that is taken is compared whole', async () => {
    const fixture = createApiFixture({ subject: 'alice' });
    callerOf(await fixture.ask(`Bearer ${await signAccessToken(fixture.claims())}`));
    const other = await signAccessToken(fixture.claims({ sub: 'alice2' }));
    assertRefused(await fixture.ask(`Bearer ${other}`), 'subject');
  });

  test('a claim that is called __proto__ gives nothing', async () => {
    const fixture = createApiFixture({ requiredClaims: { staff: true } });
    const text = JSON.stringify(fixture.claims()).replace('{', '{"__proto__":{"staff":true},');
    assertRefused(await fixture.ask(`Bearer ${await signAccessToken(text)}`), 'claim');
  });
});

const types: readonly (readonly [typ: string | undefined, rfc9068: boolean, lenient: boolean])[] = [
  ['at+jwt', true, true],
  ['application/at+jwt', true, true],
  ['AT+JWT', true, true],
  ['JWT', false, true],
  [undefined, false, true],
  ['logout+jwt', false, false],
  ['dpop+jwt', false, false],
  ['secevent+jwt', false, false],
  ['oauth-authz-req+jwt', false, false],
  ['token-introspection+jwt', false, false],
];

describe('RS-026: types', () => {
  for (const [typ, ...verdicts] of types) {
    for (const [index, profile] of (['rfc9068', 'lenient'] as const).entries()) {
      test(`RS-026: ${typ ?? 'no type'} is ${verdicts[index] ? 'taken' : 'refused'} (${profile})`, async () => {
        const fixture = createApiFixture({ profile });
        const token = await signAccessToken(fixture.claims(), { header: { typ } });
        const authentication = await fixture.ask(`Bearer ${token}`);
        if (verdicts[index]) callerOf(authentication);
        else assertRefused(authentication, 'access-token-type');
      });
    }
  }
});

/** As providers send them, for a client `shop` that is also the audience: the worst case for `lenient`. */
const otherKinds: readonly (readonly [id: string, title: string, changes: object])[] = [
  ['RS-024', 'an ID token', { nonce: 'n', at_hash: 'h' }],
  ['RS-024', 'an ID token with a nonce alone', { nonce: 'n' }],
  ['RS-024', 'an ID token for several audiences', { nonce: 'n', aud: ['shop', 'other'] }],
  ['RS-024', 'an ID token without nonce and hash', {}],
  ['RS-024', 'an ID token that names its client by the audience alone', { client_id: undefined }],
  ['RS-024', 'an ID token with azp', { azp: 'shop', client_id: undefined }],
  ['RS-024', 'an ID token of Keycloak', { typ: 'ID', azp: 'shop', scope: 'openid' }],
  ['RS-024', 'an ID token of Cognito', { token_use: 'id', scope: 'openid' }],
  ['RS-024', 'an ID token of a hybrid flow', { c_hash: 'h', scope: 'openid' }],
  ['RS-025', 'a logout token', { events: { 'http://schemas.openid.net/event/backchannel-logout': {} } }],
  ['RS-025', 'an answer by JARM', { code: 'c', state: 's', sub: undefined, client_id: undefined }],
  ['RS-025', 'a refresh token of Keycloak', { typ: 'Refresh', azp: 'shop', scope: 'openid' }],
];

describe('RS-024, RS-025: other kinds of tokens', () => {
  for (const [id, title, changes] of otherKinds) {
    const claimsOf = ({ claims }: ApiFixture) =>
      claims({ aud: 'shop', client_id: 'shop', scope: undefined, jti: undefined, ...changes });

    test(`${id}: ${title} is refused for its type`, async () => {
      const fixture = createApiFixture({ audience: ['shop'] });
      const token = await signAccessToken(claimsOf(fixture), { header: { typ: 'JWT' } });
      assertRefused(await fixture.ask(`Bearer ${token}`), 'access-token-type');
    });

    test(`${id}: ${title} is refused leniently too, for its audience`, async () => {
      const fixture = createApiFixture({ profile: 'lenient' });
      const token = await signAccessToken(claimsOf(fixture), { header: { typ: undefined } });
      assertRefused(await fixture.ask(`Bearer ${token}`), 'audience');
    });

    test(`${id}: ${title} is refused leniently even where a client id is the audience`, async () => {
      const fixture = createApiFixture({ profile: 'lenient', audience: ['shop'] });
      const token = await signAccessToken(claimsOf(fixture), { header: { typ: 'JWT' } });
      assertRefused(await fixture.ask(`Bearer ${token}`), /other-kind|subject-invalid|client-id/);
    });
  }

  test('RS-025: a client assertion names another issuer', async () => {
    const fixture = createApiFixture({ profile: 'lenient', audience: ['https://login.test'] });
    const claims = fixture.claims({ iss: 'shop', sub: 'shop', aud: 'https://login.test' });
    const token = await signAccessToken(claims, { header: { typ: 'JWT' } });
    assertRefused(await fixture.ask(`Bearer ${token}`), 'issuer');
  });
});

/** What these providers send, shortened. */
const vendors: readonly (readonly [name: string, changes: object, client: string])[] = [
  [
    'Entra v2',
    { azp: 'app-1', scp: 'orders.read', client_id: undefined, scope: undefined, ver: '2.0' },
    'app-1',
  ],
  [
    'Entra v1',
    { appid: 'app-1', scp: 'orders.read', client_id: undefined, scope: undefined, ver: '1.0' },
    'app-1',
  ],
  [
    'Entra for an application itself',
    { azp: 'app-1', roles: ['Orders'], client_id: undefined, scope: undefined },
    'app-1',
  ],
  [
    'Auth0',
    { azp: 'app-1', client_id: undefined, aud: [audience, 'https://x.auth0.test/userinfo'] },
    'app-1',
  ],
  ['Keycloak', { azp: 'app-1', typ: 'Bearer', client_id: undefined, nonce: 'n', acr: '1' }, 'app-1'],
  ['Duende for a client itself', { client_id: 'app-1', sub: undefined }, 'app-1'],
  ['a server that names no client', { client_id: undefined, sub: 'svc' }, 'svc'],
  ['Okta', { cid: 'app-1', scp: ['orders.read'], client_id: undefined, scope: undefined }, 'app-1'],
];

describe('lenient: what vendors send', () => {
  for (const [name, changes, client] of vendors) {
    test(`${name} is understood leniently, and refused by RFC 9068`, async () => {
      for (const profile of ['lenient', 'rfc9068']) {
        const fixture = createApiFixture({ profile });
        const claims = fixture.claims({ jti: undefined, ...changes });
        const authentication = await fixture.ask(
          `Bearer ${await signAccessToken(claims, { header: { typ: 'JWT' } })}`,
        );
        if (profile === 'lenient') assert.equal(callerOf(authentication).name, client);
        else assertRefused(authentication, 'access-token-type');
      }
    });
  }
});

for (const [alg, key] of [
  ['RS256', testKeys.rsa],
  ['RS512', testKeys.rsa],
  ['PS256', testKeys.rsa],
  ['PS384', testKeys.rsa],
  ['ES256', testKeys.ec],
  ['EdDSA', testKeys.ed25519],
  ['Ed25519', testKeys.ed25519],
] as const) {
  test(`a good token by ${alg} speaks for its subject`, async () => {
    const fixture = createApiFixture({}, [createFakeTokenIssuer({ key })]);
    const token = await signAccessToken(fixture.claims(), { key, header: { alg } });
    const caller = callerOf(await fixture.ask(`Bearer ${token}`));
    assert.deepEqual(
      { ...caller, identity: { ...caller.identity, claims: null } },
      {
        kind: 'bearer',
        name: 'cli',
        identity: { provider: 'main', issuer: 'https://login.test', subject: 'alice', claims: null },
        scopes: new Set(['orders.read', 'orders.write']),
        audiences: [audience],
        token,
        scheme: 'Bearer',
        expiresAt: (now + 300) * 1000,
      },
    );
    assert.deepEqual(fixture.events, [{ name: 'token.verified', event: { api: 'main', how: 'signature' } }]);
  });
}
