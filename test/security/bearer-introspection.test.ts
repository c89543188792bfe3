/** Section 2: opaque tokens, what their issuer says about them, and how long that is believed. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type ErrorCode, SallyportError } from '../../src/core/errors.ts';
import { Refusal } from '../../src/oidc/refusal.ts';
import {
  type ApiFixture,
  assertRefused,
  audience,
  callerOf,
  createApiFixture,
  headWith,
} from '../support/api-fixture.ts';
import {
  createFakeTokenIssuer,
  type FakeTokenIssuer,
  signAccessToken,
} from '../support/fake-token-issuer.ts';

const now = Date.UTC(2030, 0, 1) / 1000;
const active = { active: true, aud: audience, client_id: 'cli', sub: 'alice', scope: 'read', exp: now + 300 };

function opaqueFixture(
  answer: Parameters<FakeTokenIssuer['answerWith']>[0],
  settings: Readonly<Record<string, unknown>> = {},
): ApiFixture & { readonly issuer: FakeTokenIssuer } {
  const issuer = createFakeTokenIssuer({ canIntrospect: true });
  issuer.answerWith(answer);
  return { ...createApiFixture({ introspection: { cache: '30s' }, ...settings }, [issuer]), issuer };
}

const failure = (code: ErrorCode) => new SallyportError(code, 'no answer', { detail: 'test' });

test('an active token speaks for its subject', async () => {
  const fixture = opaqueFixture(() => active);
  const caller = callerOf(await fixture.ask('Bearer opaque'));
  assert.equal(caller.identity.subject, 'alice');
  assert.equal(caller.identity.issuer, 'https://login.test');
  assert.deepEqual([...caller.scopes], ['read']);
  assert.equal(caller.expiresAt, (now + 300) * 1000);
  assert.deepEqual(fixture.events, [
    { name: 'token.verified', event: { api: 'main', how: 'introspection' } },
  ]);
});

test('a client that acts for itself is its own subject', async () => {
  const caller = callerOf(await opaqueFixture(() => ({ ...active, sub: undefined })).ask('Bearer opaque'));
  assert.equal(caller.identity.subject, 'cli');
});

test('where nobody can be asked, opaque tokens are refused and nobody is', async () => {
  const fixture = createApiFixture({}, [createFakeTokenIssuer({ canIntrospect: true })]);
  assertRefused(await fixture.ask('Bearer opaque'), 'opaque');
  assert.equal(fixture.issuers[0]?.asked.introspect, 0);
  assertRefused(await createApiFixture({ introspection: {} }).ask('Bearer opaque'), 'opaque');
});

test('RS-040: a token that is not active is refused, and not asked about again for a while', async () => {
  const fixture = opaqueFixture(() => null);
  assertRefused(await fixture.ask('Bearer opaque'), 'inactive');
  assertRefused(await fixture.ask('Bearer opaque'), 'inactive');
  assert.equal(fixture.issuer.asked.introspect, 1);
  fixture.clock.advance(30_000);
  assertRefused(await fixture.ask('Bearer opaque'), 'inactive');
  assert.equal(fixture.issuer.asked.introspect, 2);
});

const codes: readonly ErrorCode[] = [
  'ERR_PROVIDER_UNAVAILABLE',
  'ERR_PROVIDER_CLIENT',
  'ERR_PROVIDER_METADATA',
];
for (const code of codes) {
  test(`RS-042: an issuer that cannot be asked is a failure and no refusal (${code}), and is asked again`, async () => {
    let answer: () => typeof active = () => {
      throw failure(code);
    };
    const fixture = opaqueFixture(() => answer());
    await assert.rejects(fixture.ask('Bearer opaque'), { code });
    answer = () => active;
    callerOf(await fixture.ask('Bearer opaque'));
  });
}

const wrong: readonly (readonly [title: string, answer: object, detail: string])[] = [
  ['another audience', { aud: 'https://other.test' }, 'audience'],
  ['no audience', { aud: undefined }, 'audience'],
  ['an audience that ours begins', { aud: [`${audience}.evil`] }, 'audience'],
  ['another issuer', { iss: 'https://evil.test' }, 'issuer'],
  ['an expiry in the past', { exp: now - 6 }, 'expired'],
  ['an expiry as text', { exp: '4102444800' }, 'expiry'],
  ['a begin in the future', { nbf: now + 6 }, 'not-yet'],
  ['no client', { client_id: undefined, sub: 'alice' }, 'client-id'],
  ['another client than is demanded', { client_id: 'other' }, 'claim'],
  ['a token type that is none', { token_type: 'refresh_token' }, 'token-type'],
  [
    'two methods of confirmation',
    { cnf: { jkt: 'A'.repeat(43), 'x5t#S256': 'A'.repeat(43) } },
    'confirmation',
  ],
  ['a scope that is an object', { scope: {} }, 'scope'],
  ['bound to a key that is not named', { token_type: 'DPoP' }, 'confirmation'],
  [
    'bound to a proof key, and named by a certificate',
    { token_type: 'DPoP', cnf: { 'x5t#S256': 'A'.repeat(43) } },
    'confirmation',
  ],
];
for (const [title, changes, detail] of wrong) {
  test(`RS-043: active, with ${title}`, async () => {
    const settings = { requiredClaims: { client_id: 'cli' } };
    assertRefused(
      await opaqueFixture(() => ({ ...active, ...changes }), settings).ask('Bearer opaque'),
      detail,
    );
  });
}

describe('RS-044: how long an answer is believed', () => {
  test('RS-044: a token that was revoked is refused when the answer is older than `cache`', async () => {
    let answer: typeof active | null = active;
    const fixture = opaqueFixture(() => answer);
    const { caller } = { caller: callerOf(await fixture.ask('Bearer opaque')) };
    answer = null;
    fixture.clock.advance(29_999);
    assert.equal(callerOf(await fixture.ask('Bearer opaque')), caller);
    fixture.clock.advance(1);
    assertRefused(await fixture.ask('Bearer opaque'), 'inactive');
    assertRefused(await fixture.ask('Bearer opaque'), 'inactive');
  });

  test('RS-044: not beyond the life of the token', async () => {
    const fixture = opaqueFixture(() => ({ ...active, exp: now + 10 }), { leeway: '0s' });
    callerOf(await fixture.ask('Bearer opaque'));
    fixture.clock.advance(10_000);
    assertRefused(await fixture.ask('Bearer opaque'), 'expired');
  });

  test('a token that is asked about again, with the same answer, stands for the same caller', async () => {
    const fixture = opaqueFixture(() => ({ ...active }));
    const first = callerOf(await fixture.ask('Bearer opaque'));
    fixture.clock.advance(30_001);
    assert.equal(callerOf(await fixture.ask('Bearer opaque')), first);
    assert.equal(fixture.issuer.asked.introspect, 2);
  });
});

test('RS-045: tokens with one beginning are different tokens', async () => {
  const fixture = opaqueFixture((token) => (token.endsWith('a') ? active : null));
  const shared = 'x'.repeat(1000);
  callerOf(await fixture.ask(`Bearer ${shared}a`));
  assertRefused(await fixture.ask(`Bearer ${shared}b`), 'inactive');
  assertRefused(await fixture.ask(`Bearer ${shared}`), 'inactive');
});

test('RS-045: what one API remembers, another does not', async () => {
  const issuer = createFakeTokenIssuer({ canIntrospect: true });
  issuer.answerWith(() => active);
  const first = createApiFixture({ introspection: {} }, [issuer]);
  const second = createApiFixture({ introspection: {}, audience: ['https://other.test'] }, [issuer]);
  callerOf(await first.ask('Bearer opaque'));
  assertRefused(await second.ask('Bearer opaque'), 'audience');
});

test('RS-046: a thousand requests with one new token are one call, and one caller', async () => {
  const fixture = opaqueFixture(async () => {
    await new Promise((resolve) => setImmediate(resolve));
    return active;
  });
  const all = await Promise.all(Array.from({ length: 1000 }, () => fixture.ask('Bearer opaque')));
  assert.equal(fixture.issuer.asked.introspect, 1);
  assert.equal(new Set(all.map(callerOf)).size, 1);
});

test('RS-047: a flood of tokens from one client is few calls at a time, and keeps nobody else out', async () => {
  let running = 0;
  let most = 0;
  const fixture = opaqueFixture(async (token) => {
    running += 1;
    most = Math.max(most, running);
    await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
    return token === 'good' ? active : null;
  });
  const flood = Array.from({ length: 1000 }, (_, index) =>
    Promise.resolve(
      fixture.api.authenticate(headWith(`Bearer random-${index}`, { address: '192.0.2.1' })),
    ).catch((error: unknown) => error),
  );
  const startedAt = fixture.issuer.asked.introspect;
  callerOf(await fixture.api.authenticate(headWith('Bearer good', { address: '192.0.2.2' })));
  const before = fixture.issuer.asked.introspect;
  assert.ok(startedAt <= 16);
  assert.ok(before < 100, `${before} calls before that of another client`);
  const refusedWith = (await Promise.all(flood)).filter((outcome) => outcome instanceof SallyportError);
  assert.ok(
    refusedWith.every(({ code, retryAfter }) => code === 'ERR_PROVIDER_UNAVAILABLE' && retryAfter === 1),
  );
  assert.ok(refusedWith.length > 500);
  assert.ok(most <= 16);
});

test('RS-047: an IPv6 network of one subscriber is one client, whatever address it takes', async () => {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  const fixture = opaqueFixture(async () => {
    await opened;
    return active;
  });
  const flood = Array.from({ length: 400 }, (_, index) =>
    Promise.resolve(
      fixture.api.authenticate(
        headWith(`Bearer random-${index}`, { address: `2001:db8:1:2::${index.toString(16)}` }),
      ),
    ).catch((error: unknown) => error),
  );
  const other = fixture.api.authenticate(headWith('Bearer good', { address: '2001:db8:1:3::1' }));
  open();
  callerOf(await other);
  const sentAway = (await Promise.all(flood)).filter((outcome) => outcome instanceof SallyportError);
  assert.equal(sentAway.length, 400 - 16 - 128);
});

test('RS-048: an answer that must not be believed is none', async () => {
  const fixture = opaqueFixture(() => {
    throw new Refusal('introspection-signature');
  });
  assertRefused(await fixture.ask('Bearer opaque'), 'introspection-signature');
});

test('RS-042, RS-048: an answer that could not be believed is not taken for one about the token for long', async () => {
  let answer: () => typeof active = () => {
    throw new Refusal('introspection-issued-at');
  };
  const fixture = opaqueFixture(() => answer());
  assertRefused(await fixture.ask('Bearer opaque'), 'introspection-issued-at');
  answer = () => active;
  fixture.clock.advance(5_000);
  callerOf(await fixture.ask('Bearer opaque'));
});

test('RS-042: an answer signed with a key that is not known yet is asked for again at once', async () => {
  let answer: () => typeof active = () => {
    throw new Refusal('key-unknown');
  };
  const fixture = opaqueFixture(() => answer());
  assertRefused(await fixture.ask('Bearer opaque'), 'key-unknown');
  answer = () => active;
  callerOf(await fixture.ask('Bearer opaque'));
});

describe('several issuers', () => {
  const pair = () => {
    const first = createFakeTokenIssuer({ name: 'first', issuer: 'https://first.test', canIntrospect: true });
    const second = createFakeTokenIssuer({
      name: 'second',
      issuer: 'https://second.test',
      canIntrospect: true,
    });
    return { first, second, fixture: createApiFixture({ introspection: {} }, [first, second]) };
  };

  test('are asked in turn until one knows the token', async () => {
    const { fixture, second } = pair();
    second.answerWith(() => active);
    assert.equal(callerOf(await fixture.ask('Bearer opaque')).identity.provider, 'second');
  });

  test('RS-028: applications can tell their people apart, also when the answer does not say whose it is', async () => {
    const { fixture, second } = pair();
    second.answerWith(() => active);
    const { claims } = callerOf(await fixture.ask('Bearer opaque')).identity;
    assert.equal(claims.iss, 'https://second.test');
    assert.equal(claims.sub, 'alice');
  });

  test('RS-028: a token that one no longer knows does not speak for it because another says the same', async () => {
    const { fixture, first, second } = pair();
    first.answerWith(() => active);
    assert.equal(callerOf(await fixture.ask('Bearer opaque')).identity.issuer, 'https://first.test');
    first.answerWith(() => null);
    second.answerWith(() => active);
    fixture.clock.advance(30_000);
    const { identity } = callerOf(await fixture.ask('Bearer opaque'));
    assert.deepEqual([identity.provider, identity.issuer], ['second', 'https://second.test']);
  });

  test('RS-042: when one of them cannot tell and no other knows it, it is a failure', async () => {
    const { fixture, first, second } = pair();
    first.answerWith(() => {
      throw failure('ERR_PROVIDER_UNAVAILABLE');
    });
    await assert.rejects(fixture.ask('Bearer opaque'), { code: 'ERR_PROVIDER_UNAVAILABLE' });
    second.answerWith(() => active);
    callerOf(await fixture.ask('Bearer opaque'));
  });
});

describe('always', () => {
  const always = { introspection: { when: 'always', cache: '30s' } };

  test('a JWT is asked about after its signature was checked', async () => {
    const fixture = opaqueFixture(() => ({ active: true }), always);
    const token = await signAccessToken(fixture.claims());
    assert.equal(callerOf(await fixture.ask(`Bearer ${token}`)).identity.subject, 'alice');
    assert.deepEqual(fixture.issuer.asked, { open: 1, introspect: 1 });
    const forged = await signAccessToken(fixture.claims(), { header: { kid: 'other' } });
    assertRefused(await fixture.ask(`Bearer ${forged}`), 'key-unknown');
    assert.equal(fixture.issuer.asked.introspect, 1);
  });

  for (const [title, answer, detail] of [
    ['is not active', null, 'inactive'],
    ['is of another issuer', { active: true, iss: 'https://evil.test' }, 'issuer'],
    ['is of another person', { active: true, sub: 'bob' }, 'subject'],
    ['is for somebody else', { active: true, aud: 'other' }, 'audience'],
    ['has expired', { active: true, exp: now - 6 }, 'expired'],
    ['is not good yet', { active: true, nbf: now + 6 }, 'not-yet'],
    ['was issued to another client', { active: true, client_id: 'other' }, 'client-id'],
    ['is bound to a key', { active: true, cnf: { jkt: 'A'.repeat(43) } }, 'confirmation'],
    ['is bound to a certificate', { active: true, cnf: { 'x5t#S256': 'A'.repeat(43) } }, 'confirmation'],
    ['is bound to a key that is not named', { active: true, token_type: 'DPoP' }, 'confirmation'],
    ['is a refresh token', { active: true, token_type: 'refresh_token' }, 'token-type'],
  ] as const) {
    test(`RS-043: a JWT that, so its issuer, ${title}`, async () => {
      const fixture = opaqueFixture(() => answer, always);
      assertRefused(await fixture.ask(`Bearer ${await signAccessToken(fixture.claims())}`), detail);
    });
  }

  test('RS-013: a JWT grants what its issuer still says that it does, and never more than it says itself', async () => {
    let scope = 'orders.read orders.write admin';
    const fixture = opaqueFixture(() => ({ active: true, scope }), always);
    const authorization = `Bearer ${await signAccessToken(fixture.claims())}`;
    const wide = callerOf(await fixture.ask(authorization));
    assert.deepEqual([...wide.scopes], ['orders.read', 'orders.write']);
    scope = 'orders.read';
    fixture.clock.advance(30_000);
    const narrow = callerOf(await fixture.ask(authorization));
    assert.deepEqual([...narrow.scopes], ['orders.read']);
    assert.ok(Object.isFrozen(narrow));
    fixture.clock.advance(30_000);
    assert.equal(callerOf(await fixture.ask(authorization)), narrow);
  });

  test('RS-044: a JWT is good no longer than its issuer now says, however long the answer is kept', async () => {
    const fixture = opaqueFixture(() => ({ active: true, exp: now + 10 }), { ...always, leeway: '0s' });
    const authorization = `Bearer ${await signAccessToken(fixture.claims())}`;
    callerOf(await fixture.ask(authorization));
    fixture.clock.advance(10_000);
    assertRefused(await fixture.ask(authorization), 'expired');
  });

  test('a JWT that was confirmed is forgotten with its key, however long the answer is kept', async () => {
    const fixture = opaqueFixture(() => ({ active: true }), {
      introspection: { when: 'always', cache: '4m' },
    });
    fixture.issuer.trustUntil(fixture.clock.now() + 60_000);
    const authorization = `Bearer ${await signAccessToken(fixture.claims())}`;
    callerOf(await fixture.ask(authorization));
    fixture.issuer.withdrawKey();
    fixture.clock.advance(60_000);
    assertRefused(await fixture.ask(authorization), 'key-unknown');
  });
});
