/** Section 1C: token and userinfo responses that must not sign anybody in, fill the memory or loop. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { assertLoginFails, type EvilLogin, loginAtEvil } from '../support/evil-login.ts';
import {
  type EvilAnswer,
  type EvilProvider,
  evilSecrets,
  startEvilProvider,
} from '../support/evil-provider.ts';

let evil: EvilProvider;
before(async () => {
  evil = await startEvilProvider();
});
after(() => evil.close());

const raw = (body: string | Buffer, headers: Record<string, string> = {}, status = 200): EvilAnswer => ({
  raw: true,
  status,
  headers,
  body,
});

const refused: readonly (readonly [string, EvilAnswer | Record<string, unknown>, string | RegExp])[] = [
  ['RP-110: HTML', raw('<html>', { 'content-type': 'text/html' }), 'response-not-json'],
  [
    'RP-110: JSON as text/plain',
    raw('{"access_token":"x"}', { 'content-type': 'text/plain' }),
    'response-not-json',
  ],
  ['RP-110: an array', raw('[]'), 'response-json-not-an-object'],
  ['RP-110: null', raw('null'), 'response-json-not-an-object'],
  ['RP-110: truncated JSON', raw('{"access_token":"x"'), 'response-json-invalid'],
  [
    'RP-110: a gzip bomb',
    raw(gzipSync(Buffer.alloc(20_000_000)), { 'content-encoding': 'gzip' }),
    'response-encoded',
  ],
  ['RP-110: 60 MB', raw(Buffer.alloc(60_000_000, ' ')), 'response-too-large'],
  ['RP-110: text that is not UTF-8', raw(Buffer.from([0x7b, 0xff, 0x7d])), 'response-not-utf8'],
  [
    'RP-099: a repeated member',
    raw('{"token_type":"Bearer","token_type":"Bearer"}'),
    'response-json-duplicate-member',
  ],
  ['RP-111: CRLF in the access token', { access_token: 'a\r\nX: y' }, 'access-token-invalid'],
  ['RP-111: NUL in the access token', { access_token: 'a\u0000' }, 'access-token-invalid'],
  ['RP-111: non-latin1 in the access token', { access_token: 'añ漢' }, 'access-token-invalid'],
  ['RP-111: a space in the access token', { access_token: 'a b' }, 'access-token-invalid'],
  ['RP-111: an access token of 100 kB', { access_token: 'a'.repeat(100_000) }, 'access-token-invalid'],
  ['RP-111: no access token', { access_token: undefined }, 'access-token-invalid'],
  ['RP-111: an access token that is a list', { access_token: ['a'] }, 'access-token-invalid'],
  ['RP-112: token type mac', { token_type: 'mac' }, 'token-type'],
  ['RP-112: no token type', { token_type: undefined }, 'token-type'],
  ['RP-112: token type N_A', { token_type: 'N_A' }, 'token-type'],
  ['RP-114: no ID token', { id_token: undefined }, 'id-token-missing'],
  ['RP-114: an ID token that is an object', { id_token: {} }, 'id-token-malformed'],
  ['RP-115: an empty refresh token', { refresh_token: '' }, 'refresh-token-invalid'],
  ['RP-115: a refresh token with a line break', { refresh_token: 'a\nb' }, 'refresh-token-invalid'],
  ['RP-116: a scope that is a list', { scope: ['openid'] }, 'scope-invalid'],
  ['RP-118: 200 with an error', raw('{"error":"invalid_grant"}'), 'token-response-error'],
  ['RP-118: 400 invalid_grant', raw('{"error":"invalid_grant"}', {}, 400), 'invalid-grant'],
  ['RP-118: 400 with an unknown error', raw('{"error":"<b>x"}', {}, 400), 'token-endpoint-error'],
  ['RP-118: 400 without JSON', raw('no', { 'content-type': 'text/plain' }, 400), 'response-not-json'],
];

for (const [title, tokens, detail] of refused) {
  test(`${title} is refused`, async () => {
    await assertLoginFails(evil, { behaviour: { tokens } }, detail);
    assert.equal(evil.hits.token, 1);
  });
}

for (const status of [301, 302, 303, 307, 308]) {
  test(`RP-117: a redirect ${status} of the token endpoint is not followed`, async () => {
    const tokens = raw('', { location: `${evil.issuer}/elsewhere` }, status);
    await assertLoginFails(evil, { behaviour: { tokens } }, 'response-redirect');
    assert.equal(evil.hits.other, 0);
    assert.equal(evil.hits.token, 1);
  });
}

test('RP-110: a body of 60 MB costs no memory', async () => {
  const body = Buffer.alloc(60_000_000, ' ');
  const before = process.memoryUsage.rss();
  await loginAtEvil(evil, { behaviour: { tokens: raw(body) } });
  assert.ok(process.memoryUsage.rss() - before < 50_000_000);
});

describe('RP-118: failures that are not the fault of the person', () => {
  const rows = [
    [
      '401 invalid_client',
      raw('{"error":"invalid_client"}', { 'www-authenticate': 'Basic realm="x"' }, 401),
      'ERR_PROVIDER_CLIENT',
      'invalid_client',
    ],
    [
      '400 unauthorized_client',
      raw('{"error":"unauthorized_client"}', {}, 400),
      'ERR_PROVIDER_CLIENT',
      'unauthorized_client',
    ],
    ['401 without a body', raw('', {}, 401), 'ERR_PROVIDER_CLIENT', 'invalid_client'],
    [
      '500 with HTML',
      raw('<html>', { 'content-type': 'text/html' }, 500),
      'ERR_PROVIDER_UNAVAILABLE',
      'status-500',
    ],
    ['429', raw('', { 'retry-after': '17' }, 429), 'ERR_PROVIDER_UNAVAILABLE', 'status-429'],
  ] as const;
  for (const [title, tokens, code, detail] of rows) {
    test(`RP-118: ${title} is ${code}`, async () => {
      const { error } = await loginAtEvil(evil, { behaviour: { tokens } });
      assert.equal(error?.code, code);
      assert.equal(error?.detail, detail);
      assert.equal(evil.hits.token, 1);
      if (detail === 'status-429') assert.equal(error?.retryAfter, 17);
    });
  }
});

for (const [title, answer] of [
  ['never answers', { raw: true, hang: true }],
  ['drips its answer', { raw: true, drip: 20 }],
] as const) {
  test(`RP-119, FL-026: a token endpoint that ${title} is left at the deadline`, async () => {
    const { error } = await loginAtEvil(evil, {
      behaviour: { tokens: answer },
      config: { timeout: '300ms' },
    });
    assert.equal(error?.code, 'ERR_PROVIDER_UNAVAILABLE');
    assert.equal(error?.detail, 'timeout');
  });
}

describe('accepted', () => {
  const lifetime = async (expires_in: unknown) => {
    const { person, error } = await loginAtEvil(evil, {
      behaviour: { tokens: { expires_in } },
      config: { defaultTokenLifetime: '7m' },
    });
    assert.equal(error, null);
    return Math.round(((person?.tokens.accessTokenExpiresAt ?? 0) - Date.now()) / 10_000) * 10;
  };
  const lifetimes: readonly (readonly [unknown, number])[] = [
    [undefined, 420],
    ['60', 60],
    [60, 60],
    [0, 420],
    [-5, 420],
    [1e20, 31_536_000],
    ['1e20', 420],
    ['NaN', 420],
    ['abc', 420],
    [null, 420],
    [[60], 420],
  ];
  for (const [given, seconds] of lifetimes) {
    test(`RP-039, RP-113: expires_in ${JSON.stringify(given)} means ${seconds} seconds`, async () => {
      assert.equal(await lifetime(given), seconds);
    });
  }
  for (const token_type of ['bearer', 'BEARER', 'bEARER']) {
    test(`RP-040: token type ${token_type} is accepted`, async () => {
      assert.equal((await loginAtEvil(evil, { behaviour: { tokens: { token_type } } })).error, null);
    });
  }
  for (const [title, refresh_token] of [
    ['no', undefined],
    ['a null', null],
    ['a refresh token of 64 kB as no', 'r'.repeat(65_536)],
  ] as const) {
    test(`RP-115: ${title} refresh token makes a session without refresh`, async () => {
      const { person } = await loginAtEvil(evil, { behaviour: { tokens: { refresh_token } } });
      assert.equal(person?.tokens.refreshToken, null);
    });
  }
  const scopes = [
    ['narrower', 'openid email', 'openid email'],
    ['wider', 'openid profile email admin', 'openid profile email'],
    ['silent', undefined, 'openid profile email offline_access'],
  ] as const;
  for (const [title, scope, granted] of scopes) {
    test(`RP-116: a ${title} scope grants "${granted}"`, async () => {
      const { person } = await loginAtEvil(evil, { behaviour: { tokens: { scope } } });
      assert.equal(person?.tokens.scope, granted);
    });
  }
});

describe('userinfo', () => {
  const auto: EvilLogin['config'] = { userinfo: 'auto' };
  const bodies: readonly (readonly [string, EvilAnswer | Record<string, unknown>, string])[] = [
    ['a JSON array', raw('[{"sub":"alice"}]'), 'userinfo-json-not-an-object'],
    ['a JSON string', raw('"alice"'), 'userinfo-json-not-an-object'],
    [
      'a token without signature',
      raw('eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.', { 'content-type': 'application/jwt' }),
      'userinfo-not-json',
    ],
    ['HTML', raw('<html>', { 'content-type': 'text/html' }), 'userinfo-not-json'],
    ['another subject', { sub: 'bob' }, 'userinfo-subject-mismatch'],
    ['no subject', { sub: undefined }, 'userinfo-subject-mismatch'],
    ['a subject that is a list', { sub: ['alice'] }, 'userinfo-subject-mismatch'],
    ['60 MB', raw(Buffer.alloc(60_000_000, ' ')), 'response-too-large'],
  ];
  for (const [title, userinfo, detail] of bodies) {
    test(`RP-127: userinfo with ${title} fails the login`, async () => {
      const { error } = await loginAtEvil(evil, { behaviour: { userinfo }, config: auto });
      assert.equal(error?.code, 'ERR_LOGIN_FAILED');
      assert.equal(error?.detail, detail);
    });
  }
  for (const [status, demandedCode] of [
    [401, 'ERR_LOGIN_FAILED'],
    [403, 'ERR_LOGIN_FAILED'],
    [500, 'ERR_PROVIDER_UNAVAILABLE'],
  ] as const) {
    test(`RP-126: userinfo ${status} fails the login only where it is demanded`, async () => {
      const behaviour = { userinfo: raw('', {}, status) };
      const lenient = await loginAtEvil(evil, { behaviour, config: auto });
      assert.equal(lenient.person?.subject, 'alice');
      assert.equal(lenient.person?.claims.name, undefined);
      assert.equal(evil.hits.userinfo, 1);
      const strict = await loginAtEvil(evil, { behaviour, config: { userinfo: 'always' } });
      assert.equal(strict.error?.code, demandedCode);
    });
  }
  test('RP-126: userinfo that never answers is left at the deadline', async () => {
    const config = { userinfo: 'auto', timeout: '300ms' };
    const { person } = await loginAtEvil(evil, {
      behaviour: { userinfo: { raw: true, hang: true } },
      config,
    });
    assert.equal(person?.subject, 'alice');
  });
  test('RP-128: userinfo overrides nothing that the ID token says, and says nothing about the token', async () => {
    const reserved = {
      iss: 'https://x.test',
      aud: 'x',
      exp: 1,
      sid: 'x',
      acr: 'high',
      auth_time: 1,
      nonce: 'x',
      azp: 'x',
      amr: ['x'],
    };
    const { person } = await loginAtEvil(evil, {
      behaviour: {
        claims: { groups: ['staff'] },
        userinfo: { ...reserved, groups: ['admins'], email: 'a@b.test' },
      },
      config: auto,
    });
    assert.ok(person);
    assert.deepEqual(person.claims.groups, ['staff']);
    assert.equal(person.claims.email, 'a@b.test');
    assert.equal(person.claims.iss, evil.issuer);
    assert.equal(person.claims.aud, 'app');
    for (const name of ['sid', 'acr', 'auth_time', 'azp', 'amr'])
      assert.equal(person.claims[name], undefined);
    assert.equal(Object.getPrototypeOf(person.claims), null);
  });
  test('RP-015: userinfo is not asked when the ID token has what the scopes promise', async () => {
    const claims = { name: 'Alice', email: 'alice@example.com' };
    const { person } = await loginAtEvil(evil, { behaviour: { claims }, config: auto });
    assert.equal(person?.claims.name, 'Alice');
    assert.equal(evil.hits.userinfo, 0);
  });
});

test('RP-016: client id and secret are form-urlencoded before base64', async () => {
  const clientSecret = ':+%/ ~é';
  await loginAtEvil(evil, {
    config: { clientSecret, clientId: 'a:b' },
    behaviour: { claims: { aud: 'a:b' } },
  });
  const basic = evil.requests.find((request) => request.endpoint === 'token')?.headers.authorization ?? '';
  const [user, password] = Buffer.from(basic.slice(6), 'base64').toString().split(':');
  const decode = (text = '') => new URLSearchParams(`v=${text}`).get('v');
  assert.equal(decode(user), 'a:b');
  assert.equal(decode(password), clientSecret);
  assert.match(password ?? '', /^[A-Za-z0-9%+*._-]+$/);
  assert.ok(!basic.includes(evilSecrets.clientSecret));
});
