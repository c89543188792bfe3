/** Sections 1A and 1D: the keys of a provider, good, bad, changed and not to be had. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { type EvilGate, loginAtEvil, makeEvilGate } from '../support/evil-login.ts';
import {
  type EvilBehaviour,
  type EvilProvider,
  firstKey,
  privateJwk,
  publicJwk,
  startEvilProvider,
} from '../support/evil-provider.ts';
import type { FakeClock } from '../support/fake-clock.ts';
import { createFakeClock } from '../support/fake-clock.ts';

let evil: EvilProvider;
before(async () => {
  evil = await startEvilProvider();
});
after(() => evil.close());

const secondKey = publicJwk('rsa2', { kid: 'key-2', use: 'sig', alg: 'RS256' });
const signedBySecond: EvilBehaviour = { header: { kid: 'key-2' }, key: 'rsa2' };
const skippedOf = (gate: EvilGate) =>
  gate.events.filter(([name]) => name === 'key.skipped').map(([, event]) => event.reason);

describe('RP-149: odd key sets', () => {
  const odd: readonly (readonly [string, readonly unknown[], string])[] = [
    ['a symmetric key', [{ kty: 'oct', k: 'c2VjcmV0', kid: 'key-1' }], 'key-type'],
    ['a private key', [privateJwk('rsa2', { kid: 'key-1' })], 'private-key'],
    ['an encryption key', [publicJwk('rsa2', { kid: 'key-1', use: 'enc' })], 'not-for-signatures'],
    ['a key for wrapping', [publicJwk('rsa2', { kid: 'key-1', key_ops: ['wrapKey'] })], 'not-for-signatures'],
    ['an RSA key of 16,384 bits', [{ kty: 'RSA', kid: 'key-1', e: 'AQAB', n: 'v'.repeat(2731) }], 'key-size'],
    [
      'an RSA key of 5,120 bits',
      [{ kty: 'RSA', kid: 'key-1', e: 'AQAB', n: Buffer.alloc(640, 0xff).toString('base64url') }],
      'key-size',
    ],
    ['an RSA key of 1,024 bits', [publicJwk('small', { kid: 'key-1' })], 'key-size'],
    ['the exponent 1', [publicJwk('rsa2', { kid: 'key-1', e: 'AQ' })], 'exponent'],
    ['an even exponent', [publicJwk('rsa2', { kid: 'key-1', e: 'AAEA' })], 'exponent'],
    ['an unknown type', [{ kty: 'XYZ', kid: 'key-1' }], 'key-type'],
    ['an unknown curve', [{ kty: 'EC', crv: 'P-1', x: 'AA', y: 'AA', kid: 'key-1' }], 'curve'],
    ['only a certificate', [{ kty: 'RSA', kid: 'key-1', x5c: ['MIIB'] }], 'malformed'],
    ['things that are no keys', [null, 1, 'key', []], 'malformed'],
    ['a key id that is an object', [publicJwk('rsa2', { kid: { a: 1 } })], 'key-id'],
    ['10,000 keys', new Array(10_000).fill({ kty: 'x' }), 'key-type'],
  ];
  for (const [title, keys, reason] of odd) {
    test(`RP-149: ${title} beside a good key is left out and told once`, async () => {
      const gate = makeEvilGate(evil);
      evil.reset();
      const { person } = await loginAtEvil(evil, { gate, behaviour: { jwks: [...keys, firstKey] } });
      assert.equal(person?.subject, 'alice');
      assert.ok(skippedOf(gate).includes(reason), String(skippedOf(gate)));
      assert.ok(skippedOf(gate).length <= 2);
      await gate.provider.close();
    });
  }
  test('RP-149: a point off its curve is left out when it is needed, and harms no other key', async () => {
    const offCurve = {
      ...publicJwk('ec', { kid: 'ec', alg: 'ES256' }),
      y: Buffer.alloc(32, 1).toString('base64url'),
    };
    const gate = makeEvilGate(evil);
    evil.reset();
    const behaviour = { jwks: [offCurve, firstKey] };
    const bad = await loginAtEvil(evil, {
      gate,
      behaviour: { ...behaviour, header: { alg: 'ES256', kid: 'ec' }, key: 'ec' },
    });
    assert.equal(bad.error?.detail, 'key-unknown');
    assert.deepEqual(new Set(skippedOf(gate)), new Set(['malformed']));
    assert.equal((await loginAtEvil(evil, { gate, behaviour })).error, null);
    await gate.provider.close();
  });
  const unusable: readonly (readonly [string, EvilBehaviour['jwks'], string])[] = [
    ['an empty set', [], 'ERR_LOGIN_FAILED'],
    ['5 MB', { raw: true, body: Buffer.alloc(5_000_000, ' ') }, 'ERR_PROVIDER_UNAVAILABLE'],
    [
      'HTML',
      { raw: true, body: '<html>', headers: { 'content-type': 'text/html' } },
      'ERR_PROVIDER_UNAVAILABLE',
    ],
    ['no list', { raw: true, body: '{"keys":{}}' }, 'ERR_PROVIDER_UNAVAILABLE'],
    ['status 500', { raw: true, status: 500 }, 'ERR_PROVIDER_UNAVAILABLE'],
    ['status 304', { raw: true, status: 304 }, 'ERR_PROVIDER_UNAVAILABLE'],
    [
      'a redirect',
      { raw: true, status: 302, headers: { location: 'http://127.0.0.1:1/' } },
      'ERR_PROVIDER_UNAVAILABLE',
    ],
  ];
  for (const [title, jwks, code] of unusable) {
    test(`RP-149: a key set of ${title} signs nobody in`, async () => {
      const { error } = await loginAtEvil(evil, { behaviour: jwks === undefined ? {} : { jwks } });
      assert.equal(error?.code, code);
    });
  }
});

describe('with time', () => {
  let clock: FakeClock;
  let gate: EvilGate;
  beforeEach(() => {
    evil.reset();
    clock = createFakeClock(Date.now());
    gate = makeEvilGate(evil, { clock });
  });
  /** The wall clock stays where the tokens are made; only durations pass. */
  const pass = (milliseconds: number) => {
    const wall = clock.now();
    clock.advance(milliseconds);
    clock.jumpTo(wall);
  };
  const login = (behaviour: EvilBehaviour = {}) => loginAtEvil(evil, { gate, behaviour });

  test('RP-019: a key that was changed between two logins costs one more fetch', async () => {
    assert.equal((await login()).error, null);
    pass(120_000);
    assert.equal((await login({ ...signedBySecond, jwks: [secondKey] })).error, null);
    assert.equal(evil.hits.jwks, 2);
  });

  for (const age of [0, 30_000, 61_000]) {
    test(`RP-020: a token under a new key ${age / 1000} s after the keys were fetched is accepted`, async () => {
      assert.equal((await login()).error, null);
      pass(age);
      assert.equal((await login({ ...signedBySecond, jwks: [firstKey, secondKey] })).error, null);
      assert.equal(evil.hits.jwks, 2);
    });
  }

  test('RP-151: unknown key ids cause one fetch per cool-down, however many come', async () => {
    await login();
    const flood = async () => {
      const all = Array.from({ length: 300 }, () => login({ header: { kid: 'forged' } }));
      for (const { error } of await Promise.all(all)) assert.equal(error?.detail, 'key-unknown');
    };
    await flood();
    assert.equal(evil.hits.jwks, 2);
    pass(29_000);
    await flood();
    assert.equal(evil.hits.jwks, 2);
    pass(2_000);
    await flood();
    assert.equal(evil.hits.jwks, 3);
  });

  test('FL-045: a provider that changes its key every minute under load is never refused, and seldom asked', async () => {
    const keyOf = (minute: number) =>
      publicJwk(minute % 2 === 0 ? 'rsa' : 'rsa2', { kid: `minute-${minute}`, use: 'sig', alg: 'RS256' });
    for (let minute = 0; minute < 60; minute += 1) {
      // The key of the minute before stays, for the tokens that were signed just before the change.
      const jwks = minute === 0 ? [keyOf(0)] : [keyOf(minute - 1), keyOf(minute)];
      const signedIn = (signedAt: number) =>
        login({
          jwks,
          header: { kid: `minute-${signedAt}` },
          key: signedAt % 2 === 0 ? 'rsa' : 'rsa2',
        });
      for (const signedAt of [minute, Math.max(0, minute - 1), minute]) {
        assert.equal((await signedIn(signedAt)).error, null);
      }
      pass(60_000);
    }
    assert.ok(evil.hits.jwks <= 60, `${evil.hits.jwks} fetches in 60 minutes`);
  });

  test('RP-151: failures count for the cool-down as well', async () => {
    await login();
    const down: EvilBehaviour = { header: { kid: 'forged' }, jwks: { raw: true, status: 500 } };
    for (let i = 0; i < 20; i += 1) assert.ok((await login(down)).error);
    assert.equal(evil.hits.jwks, 2);
  });

  for (const [title, jwks] of [
    ['500', { raw: true, status: 500 }],
    ['HTML', { raw: true, body: '<html>', headers: { 'content-type': 'text/html' } }],
    ['304', { raw: true, status: 304 }],
  ] as const) {
    test(`RP-150: with ${title} instead of keys those of before serve for a bounded time`, async () => {
      await login();
      pass(3_600_000);
      assert.equal((await login({ jwks })).error, null);
      assert.equal((await login({ jwks })).error, null);
      assert.equal(evil.hits.jwks, 2);
      pass(6 * 3_600_000);
      assert.equal((await login({ jwks })).error?.code, 'ERR_PROVIDER_UNAVAILABLE');
    });
  }

  test('RP-152: a key that was removed is not accepted once the keys are old', async () => {
    await login();
    pass(3_600_000);
    assert.equal((await login({ jwks: [secondKey] })).error?.detail, 'key-unknown');
  });

  for (const [maxAge, kept, old] of [
    [1, 59_000, 61_000],
    [31_536_000, 3_599_000, 3_601_000],
  ] as const) {
    test(`RP-153: max-age=${maxAge} is held within bounds`, async () => {
      const jwks = {
        raw: true,
        headers: { 'cache-control': `public, max-age=${maxAge}` },
        body: JSON.stringify({ keys: [firstKey] }),
      } as const;
      await login({ jwks });
      pass(kept);
      await login({ jwks });
      assert.equal(evil.hits.jwks, 1);
      pass(old - kept);
      await login({ jwks });
      assert.equal(evil.hits.jwks, 2);
    });
  }
});
