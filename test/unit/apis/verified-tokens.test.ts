import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createRecentMap } from '../../../src/apis/recent-map.ts';
import { assertRefused, callerOf, createApiFixture, headWith } from '../../support/api-fixture.ts';
import { createFakeTokenIssuer, signAccessToken, testKeys } from '../../support/fake-token-issuer.ts';

test('DL-028: a token that is remembered is answered at once, with the same frozen caller, and costs no signature', async () => {
  const fixture = createApiFixture();
  const authorization = `Bearer ${await signAccessToken(fixture.claims())}`;
  const first = callerOf(await fixture.ask(authorization));
  const again = fixture.api.authenticate(headWith(authorization));
  assert.ok(!(again instanceof Promise));
  assert.equal(callerOf(again), first);
  assert.equal(fixture.issuers[0]?.asked.open, 1);
  assert.ok(
    Object.isFrozen(first) && Object.isFrozen(first.identity) && Object.isFrozen(first.identity.claims),
  );
});

test('requests that come together with a new token wait for one check', async () => {
  const fixture = createApiFixture();
  const authorization = `Bearer ${await signAccessToken(fixture.claims())}`;
  const all = await Promise.all(Array.from({ length: 50 }, () => fixture.ask(authorization)));
  assert.equal(new Set(all.map(callerOf)).size, 1);
  assert.equal(fixture.issuers[0]?.asked.open, 1);
});

test('a token is checked again when the keys are no longer known, and is the same caller as before', async () => {
  const fixture = createApiFixture({}, [createFakeTokenIssuer()]);
  const [issuer] = fixture.issuers;
  issuer?.trustUntil(fixture.clock.now() + 60_000);
  const authorization = `Bearer ${await signAccessToken(fixture.claims())}`;
  const first = callerOf(await fixture.ask(authorization));
  fixture.clock.advance(59_999);
  callerOf(await fixture.ask(authorization));
  assert.equal(issuer?.asked.open, 1);
  fixture.clock.advance(1);
  assert.equal(callerOf(await fixture.ask(authorization)), first);
  assert.equal(issuer?.asked.open, 2);
});

test('what a withdrawn key has signed is refused as soon as the keys are read again', async () => {
  const fixture = createApiFixture();
  const [issuer] = fixture.issuers;
  issuer?.trustUntil(fixture.clock.now() + 60_000);
  const authorization = `Bearer ${await signAccessToken(fixture.claims())}`;
  callerOf(await fixture.ask(authorization));
  issuer?.withdrawKey();
  fixture.clock.advance(60_000);
  assertRefused(await fixture.ask(authorization), 'key-unknown');
});

describe('refused tokens', () => {
  test('a forged token that comes again costs one signature in five seconds', async () => {
    const fixture = createApiFixture();
    const forged = `Bearer ${await signAccessToken(fixture.claims(), { key: testKeys.otherEc })}`;
    for (const _ of [1, 2, 3]) assertRefused(await fixture.ask(forged), 'access-token-signature');
    assert.equal(fixture.issuers[0]?.asked.open, 1);
    fixture.clock.advance(5_000);
    assertRefused(await fixture.ask(forged), 'access-token-signature');
    assert.equal(fixture.issuers[0]?.asked.open, 2);
  });

  test('a token that is not good yet is good as soon as it is', async () => {
    const fixture = createApiFixture();
    const nbf = fixture.clock.now() / 1000 + 6;
    const authorization = `Bearer ${await signAccessToken(fixture.claims({ nbf }))}`;
    assertRefused(await fixture.ask(authorization), 'not-yet');
    fixture.clock.advance(1_000);
    callerOf(await fixture.ask(authorization));
  });

  test('a flood of them does not push out one that is good', async () => {
    const fixture = createApiFixture({ cacheSize: 100 });
    const authorization = `Bearer ${await signAccessToken(fixture.claims())}`;
    callerOf(await fixture.ask(authorization));
    for (let i = 0; i < 500; i += 1) await fixture.ask(`Bearer opaque-${i}`);
    callerOf(await fixture.ask(authorization));
    assert.equal(fixture.issuers[0]?.asked.open, 1);
  });
});

test('the map holds what was used last, and never more than its size', () => {
  const map = createRecentMap<number>(10);
  map.set('kept', -1);
  for (let i = 0; i < 1000; i += 1) {
    map.set(`k${i}`, i);
    assert.equal(map.get('kept'), -1);
  }
  const held = Array.from({ length: 1000 }, (_, i) => map.get(`k${i}`)).filter(
    (value) => value !== undefined,
  );
  assert.ok(held.length >= 4 && held.length <= 10);
});
