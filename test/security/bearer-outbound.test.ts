/** Section 2: whom the gate calls because of a token that somebody sent, with real issuers that count. */
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import type { TokenIssuer } from '../../src/oidc/token-issuer.ts';
import { type ApiFixture, callerOf, createApiOver, refusalOf } from '../support/api-fixture.ts';
import { type EvilProvider, makeAccessToken, startEvilProvider } from '../support/evil-provider.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createHead } from '../support/heads.ts';
import { makeTokenIssuer } from '../support/token-issuer.ts';

let ours: EvilProvider;
let attacker: EvilProvider;
let fixture: ApiFixture<TokenIssuer>;

before(async () => {
  [ours, attacker] = await Promise.all([startEvilProvider(), startEvilProvider()]);
});
after(() => Promise.all([ours.close(), attacker.close()]));

beforeEach(() => {
  ours.reset();
  attacker.reset();
  fixture = apiOf({});
});
afterEach(() => fixture.issuers[0]?.close());

function apiOf(settings: Readonly<Record<string, unknown>>, client: object = {}): ApiFixture<TokenIssuer> {
  const clock = createFakeClock(Date.now());
  const { issuer } = makeTokenIssuer({ issuer: ours.issuer, timeout: '1s', ...client }, clock);
  return createApiOver(settings, [issuer], clock);
}

const calls = ({ hits }: EvilProvider) => Object.values(hits).reduce((sum, count) => sum + count, 0);

const base64url = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

const garbage: readonly (readonly [title: string, make: () => string])[] = [
  ['garbage', () => 'garbage'],
  ['three words', () => 'a.b.c'],
  ['what begins like a JWT', () => 'eyJhbGciOiJSUzI1NiJ9.garbage.garbage'],
  ['a JWT without an issuer', () => makeAccessToken(ours.issuer, { claims: { iss: undefined } })],
  ['a JWT of an attacker', () => makeAccessToken(attacker.issuer, { key: 'attacker' })],
  ['an encrypted token', () => `${base64url({ alg: 'RSA-OAEP', enc: 'A128GCM' })}.AAAA.AAAA.AAAA.AAAA`],
  [
    'a JWT by an algorithm that is not accepted',
    () => `${base64url({ alg: 'none', typ: 'at+jwt' })}.${base64url({ iss: ours.issuer })}.AAAA`,
  ],
  [
    'a JWT that names its own keys',
    () => makeAccessToken(attacker.issuer, { header: { jku: `${attacker.issuer}/jwks` }, key: 'attacker' }),
  ],
  ['a token of 8 MB', () => 'a'.repeat(8 * 1024 * 1024)],
  ['a JWT of 20 kB', () => makeAccessToken(ours.issuer, { claims: { padding: 'x'.repeat(20_000) } })],
];

describe('RS-029: no call for', () => {
  for (const [title, make] of garbage) {
    test(`RS-029: ${title}`, async () => {
      assert.equal(refusalOf(await fixture.ask(`Bearer ${make()}`)).status, 401);
      assert.equal(calls(ours) + calls(attacker), 0);
    });
  }

  test('two Authorization headers, and a token in the query', async () => {
    const token = makeAccessToken(ours.issuer);
    const twice = {
      ...createHead(),
      headers: ['authorization', `Bearer ${token}`, 'authorization', `Bearer ${token}`],
    };
    assert.equal(refusalOf(await fixture.api.authenticate(twice)).status, 400);
    const query = createHead({ target: `/?access_token=${token}` });
    assert.deepEqual(await fixture.api.authenticate(query), { kind: 'none' });
    assert.equal(calls(ours), 0);
  });
});

test('a good token costs the keys once, and nothing after that', async () => {
  for (const _ of [1, 2, 3]) callerOf(await fixture.ask(`Bearer ${makeAccessToken(ours.issuer)}`));
  assert.equal(ours.hits.jwks, 1);
});

test('many key ids that nobody has cost one more fetch', async () => {
  callerOf(await fixture.ask(`Bearer ${makeAccessToken(ours.issuer)}`));
  for (let i = 0; i < 200; i += 1) {
    const forged = makeAccessToken(ours.issuer, { header: { kid: `other-${i}` }, key: 'attacker' });
    assert.equal(refusalOf(await fixture.ask(`Bearer ${forged}`)).detail, 'key-unknown');
  }
  assert.equal(ours.hits.jwks, 2);
});

describe('introspection', () => {
  const client = { clientId: 'gate', clientSecret: 'secret' };
  const asking = () => {
    fixture = apiOf({ introspection: {} }, client);
    return fixture;
  };
  const answered = { aud: 'https://api.test', client_id: 'machine' };

  test('an active opaque token passes', async () => {
    ours.behaviour.introspection = answered;
    assert.equal(callerOf(await asking().ask('Bearer opaque')).identity.subject, 'alice');
  });

  for (const active of [undefined, 'true', 1, null, 'yes', {}, false]) {
    test(`RS-041: active: ${JSON.stringify(active)} is not active`, async () => {
      ours.behaviour.introspection = { ...answered, active };
      assert.equal(refusalOf(await asking().ask('Bearer opaque')).status, 401);
      assert.equal(ours.hits.introspection, 1);
    });
  }

  for (const [title, answer, code] of [
    ['500', { status: 500, body: '{}' }, 'ERR_PROVIDER_UNAVAILABLE'],
    ['HTML', { headers: { 'content-type': 'text/html' }, body: '<p>' }, 'ERR_PROVIDER_UNAVAILABLE'],
    ['401, so the gate itself is refused', { status: 401, body: '{}' }, 'ERR_PROVIDER_CLIENT'],
  ] as const) {
    test(`RS-042: ${title} is a failure, and is not remembered`, async () => {
      ours.behaviour.introspection = { raw: true, ...answer };
      const { ask } = asking();
      await assert.rejects(ask('Bearer opaque'), { code });
      ours.behaviour.introspection = answered;
      callerOf(await ask('Bearer opaque'));
    });
  }
});
