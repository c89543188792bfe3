/** Section 7: logout tokens that must end nothing, odd ones that must, and what is read from them. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { inspect } from 'node:util';
import { SallyportError } from '../../src/core/errors.ts';
import type { LogoutToken } from '../../src/oidc/provider.ts';
import { makeEvilGate } from '../support/evil-login.ts';
import {
  type EvilBehaviour,
  type EvilProvider,
  logoutEvent,
  makeIdToken,
  makeLogoutToken,
  publicJwk,
  startEvilProvider,
} from '../support/evil-provider.ts';
import { createFakeClock } from '../support/fake-clock.ts';

let evil: EvilProvider;
before(async () => {
  evil = await startEvilProvider();
});
beforeEach(() => evil.reset());
after(() => evil.close());

const now = () => Math.floor(Date.now() / 1000);
const ecKey = publicJwk('ec', { kid: 'ec-1', use: 'sig', alg: 'ES256' });

async function verify(
  token: string,
  config: Readonly<Record<string, unknown>> = {},
): Promise<LogoutToken | SallyportError> {
  const gate = makeEvilGate(evil, { config });
  try {
    return await gate.provider.verifyLogoutToken(token);
  } catch (error) {
    if (!(error instanceof SallyportError)) throw error;
    assert.doesNotMatch(inspect([error, gate.events], { depth: 9 }), /eyJ/, 'the token is in the error');
    return error;
  } finally {
    await gate.provider.close();
  }
}

type Refused = readonly [title: string, behaviour: EvilBehaviour, detail: string | RegExp];

const refused: readonly Refused[] = [
  ['LO-002: alg none', { header: { alg: 'none' }, signature: () => Buffer.alloc(0) }, /^logout-token-/],
  ['LO-002: alg none with a signature', { header: { alg: 'none' } }, 'logout-token-algorithm'],
  ['LO-002: HS256 with the public key as the secret', { header: { alg: 'HS256' } }, 'logout-token-algorithm'],
  ['LO-002: a signature by another key', { key: 'attacker' }, 'logout-token-signature'],
  [
    'LO-002: a key that the token brings',
    { key: 'attacker', header: { kid: undefined, jwk: publicJwk('attacker') } },
    'logout-token-signature',
  ],
  ['LO-004: no event', { claims: { events: undefined } }, 'logout-token-events'],
  ['LO-004: events as a list', { claims: { events: [] } }, 'logout-token-events'],
  ['LO-004: events as a list of the event', { claims: { events: [logoutEvent] } }, 'logout-token-events'],
  ['LO-004: events as a string', { claims: { events: logoutEvent } }, 'logout-token-events'],
  ['LO-004: events as null', { claims: { events: null } }, 'logout-token-events'],
  ['LO-004: no event in events', { claims: { events: {} } }, 'logout-token-events'],
  [
    'LO-004: an event under another name',
    { claims: { events: { [`${logoutEvent}/`]: {} } } },
    'logout-token-events',
  ],
  ['LO-004: an event that is true', { claims: { events: { [logoutEvent]: true } } }, 'logout-token-events'],
  ['LO-004: an event that is null', { claims: { events: { [logoutEvent]: null } } }, 'logout-token-events'],
  ['LO-004: an event that is a list', { claims: { events: { [logoutEvent]: [] } } }, 'logout-token-events'],
  [
    'LO-005: the event of something else',
    { claims: { events: { 'http://schemas.openid.net/event/other': {} } } },
    'logout-token-events',
  ],
  ['LO-006: a nonce', { claims: { nonce: 'n' } }, 'logout-token-nonce'],
  ['LO-006: an empty nonce', { claims: { nonce: '' } }, 'logout-token-nonce'],
  ['LO-006: a nonce that is null', { claims: { nonce: null } }, 'logout-token-nonce'],
  ['LO-007: another audience', { claims: { aud: 'other' } }, 'audience-mismatch'],
  ['LO-007: audiences without us', { claims: { aud: ['other', 'app2'] } }, 'audience-mismatch'],
  ['LO-007: no audience', { claims: { aud: undefined } }, 'audience-mismatch'],
  [
    'LO-007: a further audience that nobody trusts',
    { claims: { aud: ['app', 'other'] } },
    'audience-untrusted',
  ],
  ['LO-007: azp of another client', { claims: { azp: 'other' } }, 'authorized-party-mismatch'],
  ['LO-007: another issuer', { claims: { iss: 'https://other.test' } }, 'issuer-mismatch'],
  ['LO-010: neither subject nor sid', { claims: { sub: undefined, sid: undefined } }, 'logout-token-nobody'],
  ['LO-010: a subject that is a number', { claims: { sub: 1 } }, 'subject-invalid'],
  ['LO-010: a subject that is null beside a sid', { claims: { sub: null } }, 'subject-invalid'],
  ['LO-010: an empty subject', { claims: { sub: '', sid: undefined } }, 'subject-invalid'],
  ['LO-010: an empty sid', { claims: { sid: '' } }, 'logout-token-sid'],
  ['LO-010: a sid that is null beside a subject', { claims: { sid: null } }, 'logout-token-sid'],
  ['LO-010: a sid that is a list', { claims: { sid: ['sid-1'] } }, 'logout-token-sid'],
  ['LO-010: a sid without end', { claims: { sid: 's'.repeat(1001) } }, 'logout-token-sid'],
  ['LO-013: no expiry', { claims: { exp: undefined } }, 'logout-token-expiry'],
  ['LO-013: expired', { claims: { iat: now() - 120, exp: now() - 60 } }, 'logout-token-expired'],
  ['LO-013: expiry as text', { claims: { exp: '4102444800' } }, 'logout-token-expiry'],
  ['LO-013: issued six minutes ago', { claims: { iat: now() - 360 } }, 'logout-token-too-old'],
  ['LO-013: issued in the future', { claims: { iat: now() + 90 } }, 'clock-skew'],
  ['LO-013: not valid yet', { claims: { nbf: now() + 90 } }, 'logout-token-not-before'],
  ['LO-014: no time of issue', { claims: { iat: undefined } }, 'logout-token-issued-at'],
  ['LO-014: a time of issue that is infinite', { payload: '{"iat":1e400}' }, /./],
  ['LO-014: no id', { claims: { jti: undefined } }, 'logout-token-id'],
  ['LO-014: an empty id', { claims: { jti: '' } }, 'logout-token-id'],
  ['LO-014: an id that is a number', { claims: { jti: 7 } }, 'logout-token-id'],
  ['LO-015: the type of an access token', { header: { typ: 'at+jwt' } }, 'logout-token-type'],
  ['LO-015: the type of another event', { header: { typ: 'secevent+jwt' } }, 'logout-token-type'],
  ['LO-015: a type that is null', { header: { typ: null } }, 'logout-token-type'],
  ['two readings of one header', { headerText: '{"alg":"RS256","kid":"key-1","kid":"x"}' }, /duplicate/],
  ['a critical extension', { header: { crit: ['exp'] } }, 'logout-token-crit'],
  ['an encrypted token where no key is configured', { mangle: (token) => `${token}.A.A` }, /encrypted/],
  ['a token with padding', { mangle: (token) => `${token}=` }, 'logout-token-malformed'],
  ['one without signature', { mangle: (token) => `${token.split('.', 2).join('.')}.` }, /malformed/],
  ['a key id that nobody knows', { header: { kid: 'other' } }, 'key-unknown'],
];

for (const [title, behaviour, detail] of refused) {
  test(`${title} is refused`, async () => {
    const result = await verify(makeLogoutToken(evil.issuer, behaviour));
    assert.ok(result instanceof SallyportError, 'the token was accepted');
    assert.equal(result.code, 'ERR_LOGOUT_TOKEN');
    if (typeof detail === 'string') assert.equal(result.detail, detail);
    else assert.match(result.detail ?? '', detail);
  });
}

test('LO-009: the ID token of a person logs nobody out', async () => {
  for (const nonce of ['n', undefined]) {
    const result = await verify(makeIdToken(evil.issuer, 'n', { claims: { nonce, sid: 'sid-1', jti: 'j' } }));
    assert.ok(result instanceof SallyportError);
    assert.match(result.detail ?? '', /^logout-token-(?:nonce|events)$/);
  }
});

test('RP-091: a logout token signs nobody in: the other way round its type is refused as well', async () => {
  const gate = makeEvilGate(evil);
  evil.behaviour = { tokens: { id_token: makeLogoutToken(evil.issuer) } };
  const answer = new URLSearchParams({ code: 'c', state: 's', iss: evil.issuer });
  await assert.rejects(
    gate.provider.redeem(answer, { state: 's', nonce: 'n', codeVerifier: 'v'.repeat(43) }),
    {
      code: 'ERR_LOGIN_FAILED',
      detail: 'id-token-type',
    },
  );
  await gate.provider.close();
});

test('a token that repeats a claim is refused, whichever of the two would be right', async () => {
  const [, payload = ''] = makeLogoutToken(evil.issuer).split('.');
  const text = Buffer.from(payload, 'base64url').toString();
  for (const claim of ['"sid":"sid-2"', '"events":{}', '"aud":"app"']) {
    const result = await verify(makeLogoutToken(evil.issuer, { payload: `${text.slice(0, -1)},${claim}}` }));
    assert.ok(result instanceof SallyportError);
    assert.equal(result.detail, 'logout-token-json-duplicate-member');
  }
});

test('a token of more than 100,000 characters is refused before anything is read of it', async () => {
  const result = await verify(makeLogoutToken(evil.issuer, { claims: { x: 'x'.repeat(100_000) } }));
  assert.ok(result instanceof SallyportError);
  assert.equal(result.detail, 'logout-token-too-large');
});

const accepted: readonly (readonly [title: string, behaviour: EvilBehaviour])[] = [
  ['LO-015: logout+jwt', {}],
  ['LO-015: application/logout+jwt, in whatever case', { header: { typ: 'application/Logout+JWT' } }],
  ['LO-015: JWT', { header: { typ: 'JWT' } }],
  ['LO-015: no type', { header: { typ: undefined } }],
  ['LO-007: a list of audiences', { claims: { aud: ['app'] } }],
  ['LO-007: a further audience that is trusted', { claims: { aud: ['other', 'app'], azp: 'app' } }],
  ['LO-013: a clock that is 20 seconds ahead', { claims: { iat: now() + 20 } }],
  ['LO-013: issued four minutes ago', { claims: { iat: now() - 240 } }],
  ['an event with members', { claims: { events: { [logoutEvent]: { x: 1 }, other: {} } } }],
  ['a signature by ES256', { jwks: [ecKey], header: { alg: 'ES256', kid: 'ec-1' }, key: 'ec' }],
  ['no key id where there is one key', { header: { kid: undefined } }],
];

for (const [title, behaviour] of accepted) {
  test(`${title} is accepted`, async () => {
    evil.behaviour = behaviour;
    const result = await verify(makeLogoutToken(evil.issuer, behaviour), { trustedAudiences: ['other'] });
    assert.ok(!(result instanceof SallyportError), `refused: ${inspect(result)}`);
    assert.deepEqual([result.issuer, result.subject, result.sid], [evil.issuer, 'alice', 'sid-1']);
  });
}

test('who is meant: the subject, the sid, or both; and the id with the time until which it counts', async () => {
  const iat = now();
  const read = async (claims: Readonly<Record<string, unknown>>) => {
    const result = await verify(makeLogoutToken(evil.issuer, { claims: { iat, jti: 'id-1', ...claims } }));
    assert.ok(!(result instanceof SallyportError));
    const { issuer, ...rest } = result;
    assert.equal(issuer, evil.issuer);
    return rest;
  };
  const common = { tokenId: 'id-1', issuedAt: iat };
  assert.deepEqual(await read({ sid: undefined, exp: iat + 60 }), {
    subject: 'alice',
    sid: null,
    ...common,
    expiresAt: iat + 90,
  });
  assert.deepEqual(await read({ sub: undefined, exp: iat + 60 }), {
    subject: null,
    sid: 'sid-1',
    ...common,
    expiresAt: iat + 90,
  });
  const long = await read({ exp: iat + 10 ** 9 });
  assert.equal(long.expiresAt, iat + 330, 'the id would have to be remembered for ever');
});

test('LO-013: an age is counted on the clock of the gate', async () => {
  const clock = createFakeClock(Date.now());
  const gate = makeEvilGate(evil, { clock });
  const token = makeLogoutToken(evil.issuer);
  await gate.provider.verifyLogoutToken(token);
  clock.advance(331_000);
  await assert.rejects(gate.provider.verifyLogoutToken(token), { code: 'ERR_LOGOUT_TOKEN' });
  await gate.provider.close();
});

test('without keys to check with a logout token is not refused: the provider is unavailable, and tries again', async () => {
  for (const behaviour of [
    { metadata: { raw: true, status: 503 } },
    { jwks: { raw: true, status: 500 } },
  ] satisfies EvilBehaviour[]) {
    evil.behaviour = behaviour;
    const result = await verify(makeLogoutToken(evil.issuer));
    assert.ok(result instanceof SallyportError);
    assert.match(result.code, /^ERR_PROVIDER_/);
  }
});

test('a flood of tokens with unknown key ids asks for keys no more than once', async () => {
  const gate = makeEvilGate(evil);
  await gate.provider.verifyLogoutToken(makeLogoutToken(evil.issuer));
  for (let i = 0; i < 20; i++) {
    const token = makeLogoutToken(evil.issuer, { header: { kid: `k${i}` } });
    await assert.rejects(gate.provider.verifyLogoutToken(token), { code: 'ERR_LOGOUT_TOKEN' });
  }
  assert.ok(evil.hits.jwks <= 2, `${evil.hits.jwks} fetches`);
  await gate.provider.close();
});
