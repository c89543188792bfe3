/** Renewing tokens at a hostile provider: who may end a session, and what a session survives. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { SallyportError } from '../../src/core/errors.ts';
import type { Claims, TokenSet } from '../../src/core/identity.ts';
import type { RefreshOutcome } from '../../src/oidc/provider.ts';
import {
  assertNoSecrets,
  type EvilGate,
  loginAtEvil,
  makeEvilGate,
  makeLoginSecrets,
} from '../support/evil-login.ts';
import {
  type EvilAnswer,
  type EvilBehaviour,
  type EvilProvider,
  startEvilProvider,
} from '../support/evil-provider.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';

let evil: EvilProvider;
let clock: FakeClock;
let gate: EvilGate;
before(async () => {
  evil = await startEvilProvider();
});
after(() => evil.close());
beforeEach(() => {
  evil.reset();
  clock = createFakeClock(Date.now());
  gate = makeEvilGate(evil, { clock, config: { userinfo: 'auto' } });
});

interface Held {
  readonly claims: Claims;
  readonly tokens: TokenSet;
}

async function signIn(): Promise<Held> {
  const { person } = await loginAtEvil(evil, { gate });
  assert.ok(person);
  // As a session record would bring it back.
  return JSON.parse(JSON.stringify(person)) as Held;
}

const fresh: EvilBehaviour = {
  tokens: { access_token: 'second-access', refresh_token: 'second-refresh' },
  claims: { nonce: undefined, sub: 'alice' },
};

async function refresh(held: Held, behaviour: EvilBehaviour): Promise<RefreshOutcome | SallyportError> {
  evil.behaviour = behaviour;
  const outcome = await gate.provider.refresh('alice', held.claims, held.tokens).catch((error) => {
    if (error instanceof SallyportError) return error;
    throw error;
  });
  assertNoSecrets(
    [outcome instanceof SallyportError ? outcome : outcome.kind, gate.events],
    makeLoginSecrets(),
  );
  return outcome;
}

function assertRefreshed(outcome: RefreshOutcome | SallyportError) {
  assert.ok(!(outcome instanceof SallyportError), outcome instanceof Error ? String(outcome) : '');
  assert.ok(outcome.kind === 'refreshed', outcome.kind === 'rejected' ? outcome.reason : '');
  return outcome;
}

test('RP-023: the tokens are renewed, and the claims follow the new ID token and userinfo', async () => {
  const held = await signIn();
  const outcome = assertRefreshed(
    await refresh(held, {
      ...fresh,
      claims: { ...fresh.claims, groups: ['new'] },
      userinfo: { name: 'Alice B.' },
    }),
  );
  assert.equal(outcome.tokens.accessToken, 'second-access');
  assert.equal(outcome.tokens.refreshToken, 'second-refresh');
  assert.deepEqual(outcome.claims.groups, ['new']);
  assert.equal(outcome.claims.name, 'Alice B.');
});

test('FL-067: without a new refresh token the old one is kept', async () => {
  const held = await signIn();
  const outcome = assertRefreshed(await refresh(held, { ...fresh, tokens: { refresh_token: undefined } }));
  assert.equal(outcome.tokens.refreshToken, held.tokens.refreshToken);
});

test('without a new ID token the old one and its claims are kept', async () => {
  const held = await signIn();
  const outcome = assertRefreshed(await refresh(held, { tokens: { ...fresh.tokens, id_token: undefined } }));
  assert.equal(outcome.tokens.idToken, held.tokens.idToken);
  assert.deepEqual({ ...outcome.claims }, { ...held.claims });
  assert.equal(outcome.tokens.accessToken, 'second-access');
});

const rejected: readonly (readonly [string, EvilBehaviour, string])[] = [
  ['RP-024: another issuer', { claims: { iss: 'https://other.test' } }, 'issuer-mismatch'],
  ['RP-025: another subject', { claims: { sub: 'bob', nonce: undefined } }, 'subject-mismatch'],
  ['RP-025: no subject', { claims: { sub: undefined } }, 'subject-invalid'],
  ['another audience', { claims: { aud: 'other' } }, 'audience-mismatch'],
  ['RP-011: a signature by another key', { key: 'attacker' }, 'id-token-signature'],
  ['another nonce than at login', { claims: { nonce: 'other' } }, 'nonce-mismatch'],
  ['RP-127: userinfo of somebody else', { ...fresh, userinfo: { sub: 'bob' } }, 'userinfo-subject-mismatch'],
  [
    'FL-021: invalid_grant',
    { tokens: { raw: true, status: 400, body: '{"error":"invalid_grant"}' } },
    'invalid-grant',
  ],
  [
    'FL-021: invalid_grant with status 401',
    { tokens: { raw: true, status: 401, body: '{"error":"invalid_grant"}' } },
    'invalid-grant',
  ],
];
for (const [title, behaviour, reason] of rejected) {
  test(`${title} rejects the renewal`, async () => {
    const held = await signIn();
    assert.deepEqual(await refresh(held, behaviour), { kind: 'rejected', reason });
  });
}

test('a session without a refresh token is not renewed and nothing is asked', async () => {
  const held = await signIn();
  const hits = evil.hits.token;
  const outcome = await refresh({ ...held, tokens: { ...held.tokens, refreshToken: null } }, fresh);
  assert.deepEqual(outcome, { kind: 'rejected', reason: 'no-refresh-token' });
  assert.equal(evil.hits.token, hits);
});

const survived: readonly (readonly [string, EvilAnswer | Record<string, unknown>, string])[] = [
  ['FL-021: 500', { raw: true, status: 500 }, 'ERR_PROVIDER_UNAVAILABLE'],
  ['FL-021: 503', { raw: true, status: 503 }, 'ERR_PROVIDER_UNAVAILABLE'],
  ['FL-024: 429', { raw: true, status: 429 }, 'ERR_PROVIDER_UNAVAILABLE'],
  ['invalid_client', { raw: true, status: 401, body: '{"error":"invalid_client"}' }, 'ERR_PROVIDER_CLIENT'],
  [
    'unauthorized_client',
    { raw: true, status: 400, body: '{"error":"unauthorized_client"}' },
    'ERR_PROVIDER_CLIENT',
  ],
  [
    'invalid_request',
    { raw: true, status: 400, body: '{"error":"invalid_request"}' },
    'ERR_PROVIDER_UNAVAILABLE',
  ],
  [
    'temporarily_unavailable',
    { raw: true, status: 400, body: '{"error":"temporarily_unavailable"}' },
    'ERR_PROVIDER_UNAVAILABLE',
  ],
  [
    'HTML',
    { raw: true, body: '<html>', headers: { 'content-type': 'text/html' } },
    'ERR_PROVIDER_UNAVAILABLE',
  ],
  ['a redirect', { raw: true, status: 302, headers: { location: '/x' } }, 'ERR_PROVIDER_UNAVAILABLE'],
  ['RP-110: 60 MB', { raw: true, body: Buffer.alloc(60_000_000, ' ') }, 'ERR_PROVIDER_UNAVAILABLE'],
  ['RP-111: a line break in the access token', { access_token: 'a\r\nb' }, 'ERR_PROVIDER_UNAVAILABLE'],
];
for (const [title, tokens, code] of survived) {
  test(`${title} leaves the session as it is`, async () => {
    const held = await signIn();
    const outcome = await refresh(held, { tokens });
    assert.ok(outcome instanceof SallyportError);
    assert.equal(outcome.code, code);
    assert.ok((outcome.retryAfter ?? 0) > 0);
  });
}

describe('FL-024: Retry-After', () => {
  test('FL-024: renewals wait as long as they were told, without asking, and logins go on', async () => {
    const held = await signIn();
    const told = await refresh(held, {
      tokens: { raw: true, status: 503, headers: { 'retry-after': '20' } },
    });
    assert.ok(told instanceof SallyportError);
    assert.equal(told.retryAfter, 20);
    const { token } = evil.hits;
    const waiting = await refresh(held, fresh);
    assert.ok(waiting instanceof SallyportError);
    assert.ok((waiting.retryAfter ?? 0) >= 20 && (waiting.retryAfter ?? 0) <= 24);
    assert.equal(evil.hits.token, token);
    assert.equal((await loginAtEvil(evil, { gate })).error, null);
    clock.advance(24_001);
    assertRefreshed(await refresh(held, fresh));
  });
  for (const [header, seconds] of [
    ['86400', 300],
    ['0', 1],
    [new Date(Date.now() + 60_000).toUTCString(), 60],
    ['soon', 5],
    ['-5', 5],
  ] as const) {
    test(`FL-024: Retry-After ${header.includes('GMT') ? 'as a date' : header} means ${seconds} seconds`, async () => {
      const held = await signIn();
      const outcome = await refresh(held, {
        tokens: { raw: true, status: 429, headers: { 'retry-after': header } },
      });
      assert.ok(outcome instanceof SallyportError);
      assert.ok(Math.abs((outcome.retryAfter ?? 0) - seconds) <= 2);
    });
  }
});

describe('a refresh token that was spent is not lost', () => {
  /** Time in which the tokens stay valid but the keys grow too old to use. */
  const outliveKeys = () => {
    const wall = clock.now();
    clock.advance(7 * 3_600_000);
    clock.jumpTo(wall);
  };

  test('when the keys cannot be fetched, it is not spent', async () => {
    const held = await signIn();
    outliveKeys();
    const { token } = evil.hits;
    const outcome = await refresh(held, { ...fresh, jwks: { raw: true, status: 500 } });
    assert.ok(outcome instanceof SallyportError);
    assert.equal(outcome.code, 'ERR_PROVIDER_UNAVAILABLE');
    assert.equal(evil.hits.token, token);
  });

  test('when the new ID token is under a key that cannot be fetched, the old claims stay', async () => {
    const held = await signIn();
    const behaviour = { ...fresh, header: { kid: 'key-9' }, jwks: { raw: true, status: 500 } } as const;
    const outcome = assertRefreshed(await refresh(held, behaviour));
    assert.equal(outcome.tokens.refreshToken, 'second-refresh');
    assert.equal(outcome.tokens.idToken, held.tokens.idToken);
    assert.deepEqual({ ...outcome.claims }, { ...held.claims });
  });

  for (const [title, userinfo] of [
    ['500', { raw: true, status: 500 }],
    ['401', { raw: true, status: 401 }],
    ['a page', { raw: true, body: '<html>', headers: { 'content-type': 'text/html' } }],
    ['60 MB', { raw: true, body: Buffer.alloc(60_000_000, ' ') }],
  ] as const) {
    test(`RP-126: when userinfo answers ${title}, the claims of before stay`, async () => {
      const held = await signIn();
      const outcome = assertRefreshed(await refresh(held, { ...fresh, userinfo }));
      assert.equal(outcome.claims.name, 'Alice');
      assert.equal(outcome.tokens.refreshToken, 'second-refresh');
    });
  }
});
