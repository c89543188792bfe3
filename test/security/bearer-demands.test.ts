/** Section 2: scopes, step-up, and tokens that are bound to a key. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assertRefused, callerOf, createApiFixture, refusalOf } from '../support/api-fixture.ts';
import { signAccessToken } from '../support/fake-token-issuer.ts';

const noDemand = { scopes: [], acrValues: [], maxAge: null };
const now = Date.UTC(2030, 0, 1) / 1000;

const granted: readonly (readonly [title: string, claims: object, scopes: readonly string[] | null])[] = [
  ['text', { scope: 'read write' }, ['read', 'write']],
  ['text with one scope twice', { scope: 'read read' }, ['read']],
  ['empty text', { scope: '' }, []],
  ['spaces alone', { scope: '  ' }, []],
  ['nothing', { scope: undefined }, []],
  ['a list', { scope: ['read', 'write'] }, ['read', 'write']],
  ['scp as text', { scope: undefined, scp: 'read write' }, ['read', 'write']],
  ['scp as a list', { scope: undefined, scp: ['read', 'write'] }, ['read', 'write']],
  ['both, and the same', { scope: 'read write', scp: ['write', 'read'] }, ['read', 'write']],
  ['both, and one says more', { scope: 'read', scp: ['read', 'write'] }, null],
  ['both, and different', { scope: 'read', scp: ['write'] }, null],
  ['tabs', { scope: 'read\twrite' }, null],
  ['a line break', { scope: 'read\nwrite' }, null],
  ['a quote', { scope: 'read "write"' }, null],
  ['a list with two in one', { scope: ['read write'] }, null],
  ['a list with a number', { scope: ['read', 1] }, null],
  ['an object', { scope: { read: true } }, null],
  ['a number', { scope: 1 }, null],
  ['null', { scope: null }, null],
  ['a list too long', { scope: Array.from({ length: 1001 }, (_, index) => `s${index}`) }, null],
];

describe('RS-033: scopes', () => {
  for (const [title, claims, scopes] of granted) {
    test(`RS-033: ${title}`, async () => {
      const fixture = createApiFixture();
      const token = await signAccessToken(fixture.claims(claims as Record<string, unknown>));
      const authentication = await fixture.ask(`Bearer ${token}`);
      if (scopes === null) assertRefused(authentication, 'scope');
      else assert.deepEqual([...callerOf(authentication).scopes], scopes);
    });
  }

  const comparisons: readonly (readonly [scope: string, demanded: readonly string[], passes: boolean])[] = [
    ['read', ['read'], true],
    ['read write', ['write', 'read'], true],
    ['read', [], true],
    ['read:all', ['read'], false],
    ['read', ['read:all'], false],
    ['Read', ['read'], false],
    ['read', ['read', 'write'], false],
    ['', ['read'], false],
  ];
  for (const [scope, scopes, passes] of comparisons) {
    test(`RS-013, RS-033: a token for "${scope}" ${passes ? 'does' : 'does not do'} for "${scopes.join(' ')}"`, async () => {
      const fixture = createApiFixture();
      const caller = callerOf(
        await fixture.ask(`Bearer ${await signAccessToken(fixture.claims({ scope }))}`),
      );
      const refusal = fixture.api.authorize(caller, { ...noDemand, scopes });
      if (passes) return assert.equal(refusal, null);
      assert.equal(refusal?.status, 403);
      assert.equal(refusal.error, 'insufficient_scope');
      assert.deepEqual(refusal.headers, [
        'www-authenticate',
        `Bearer realm="main", error="insufficient_scope", scope="${scopes.join(' ')}"`,
      ]);
    });
  }
});

const stepUps: readonly (readonly [
  title: string,
  claims: object,
  demand: object,
  challenge: string | null,
])[] = [
  ['no acr', {}, { acrValues: ['gold', 'high'] }, 'acr_values="gold high"'],
  ['another acr', { acr: 'silver' }, { acrValues: ['gold'] }, 'acr_values="gold"'],
  ['an acr that begins alike', { acr: 'golden' }, { acrValues: ['gold'] }, 'acr_values="gold"'],
  ['a list of acrs', { acr: ['gold'] }, { acrValues: ['gold'] }, 'acr_values="gold"'],
  ['one of the acrs', { acr: 'high' }, { acrValues: ['gold', 'high'] }, null],
  ['no auth_time', {}, { maxAge: 60_000 }, 'max_age="60"'],
  ['an auth_time as text', { auth_time: `${now}` }, { maxAge: 60_000 }, 'max_age="60"'],
  ['signed in too long ago', { auth_time: now - 66 }, { maxAge: 60_000 }, 'max_age="60"'],
  ['signed in in the future', { auth_time: now + 6 }, { maxAge: 60_000 }, 'max_age="60"'],
  ['signed in within the leeway', { auth_time: now - 65 }, { maxAge: 60_000 }, null],
  ['a maximum of nothing', { auth_time: now - 10 }, { maxAge: 0 }, 'max_age="0"'],
  [
    'the right acr, too long ago',
    { acr: 'gold', auth_time: now - 600 },
    { acrValues: ['gold'], maxAge: 60_000 },
    'acr_values="gold", max_age="60"',
  ],
];

describe('RS-014: step-up', () => {
  for (const [title, claims, demand, challenge] of stepUps) {
    test(`RS-014: ${title}`, async () => {
      const fixture = createApiFixture();
      const token = await signAccessToken(fixture.claims(claims as Record<string, unknown>));
      const caller = callerOf(await fixture.ask(`Bearer ${token}`));
      const refusal = fixture.api.authorize(caller, { ...noDemand, ...demand });
      if (challenge === null) return assert.equal(refusal, null);
      assert.equal(refusal?.status, 401);
      assert.deepEqual(refusal.headers, [
        'www-authenticate',
        `Bearer realm="main", error="insufficient_user_authentication", ${challenge}`,
      ]);
    });
  }
});

describe('bound tokens', () => {
  const jkt = 'A'.repeat(43);
  const thumbprint = 'B'.repeat(43);

  test('RS-050: a token that is bound to a DPoP key is of no use as a bearer token, remembered or not', async () => {
    const fixture = createApiFixture();
    const token = await signAccessToken(fixture.claims({ cnf: { jkt } }));
    assertRefused(await fixture.ask(`Bearer ${token}`), 'dpop-as-bearer');
    assertRefused(await fixture.ask(`Bearer ${token}`), 'dpop-as-bearer');
    assert.equal(fixture.issuers[0]?.asked.open, 1);
  });

  test('a token that is bound to nothing is of no use with DPoP', async () => {
    const fixture = createApiFixture();
    const refusal = refusalOf(await fixture.ask(`DPoP ${await signAccessToken(fixture.claims())}`));
    assert.deepEqual([refusal.status, refusal.error, refusal.detail], [401, 'invalid_token', 'dpop-unbound']);
    assert.equal(
      refusal.headers[1],
      'DPoP realm="main", error="invalid_token", algs="ES256 ES384 PS256 RS256 EdDSA Ed25519"',
    );
    assert.equal(refusal.headers[3], 'Bearer realm="main"');
  });

  test('RS-051: a bound token without a proof is refused in words of DPoP', async () => {
    const fixture = createApiFixture();
    const token = await signAccessToken(fixture.claims({ cnf: { jkt } }));
    const refusal = refusalOf(await fixture.ask(`DPoP ${token}`));
    assert.deepEqual([refusal.status, refusal.error], [401, 'invalid_dpop_proof']);
    assert.match(refusal.headers[1] ?? '', /^DPoP realm="main", error="invalid_dpop_proof", algs="/);
  });

  test('where DPoP is required, nothing else is taken or advertised', async () => {
    const fixture = createApiFixture({ dpop: { use: 'required' } });
    const refusal = refusalOf(await fixture.ask(`Bearer ${await signAccessToken(fixture.claims())}`));
    assert.equal(refusal.detail, 'dpop-required');
    const { headers } = fixture.api.challenge(noDemand);
    assert.equal(headers.length, 2);
    assert.match(headers[1] ?? '', /^DPoP /);
  });

  for (const [title, shown, good] of [
    ['no certificate', undefined, false],
    ['another certificate', 'C'.repeat(43), false],
    ['its certificate', thumbprint, true],
  ] as const) {
    test(`a token that is bound to a certificate, with ${title}, remembered or not`, async () => {
      const fixture = createApiFixture();
      const token = await signAccessToken(fixture.claims({ cnf: { 'x5t#S256': thumbprint } }));
      for (const _ of [1, 2]) {
        const parts = shown === undefined ? {} : { thumbprint: shown };
        const authentication = await fixture.ask(`Bearer ${token}`, parts);
        if (good) callerOf(authentication);
        else assertRefused(authentication, 'certificate');
      }
      assert.equal(fixture.issuers[0]?.asked.open, 1);
    });
  }
});
