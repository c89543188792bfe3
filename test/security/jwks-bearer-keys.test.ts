/** Section 2 and rows RP-149 to RP-153 for bearer tokens: the keys of an issuer, changed, withdrawn and not to be had. */
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock, systemRandom } from '../../src/core/clock.ts';
import { createProviderKeys } from '../../src/oidc/jwks.ts';
import { createProviderHttp } from '../../src/oidc/provider-http.ts';
import { tokenIssuerSchema } from '../../src/oidc/token-issuer-config.ts';
import {
  type EvilBehaviour,
  type EvilProvider,
  firstKey,
  makeAccessToken,
  privateJwk,
  publicJwk,
  startEvilProvider,
} from '../support/evil-provider.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { accessTokenRules, makeTokenIssuer, type TestIssuer, verdictOf } from '../support/token-issuer.ts';

let evil: EvilProvider;
let clock: FakeClock;
let ours: TestIssuer;
before(async () => {
  evil = await startEvilProvider();
});
after(() => evil.close());
beforeEach(() => {
  evil.reset();
  clock = createFakeClock(Date.now());
  ours = makeTokenIssuer({ issuer: evil.issuer, jwksUri: `${evil.issuer}/jwks`, timeout: '2s' }, clock);
});
afterEach(() => ours.issuer.close());

const secondKey = publicJwk('rsa2', { kid: 'key-2', use: 'sig', alg: 'RS256' });
const bySecond: EvilBehaviour = { header: { kid: 'key-2' }, key: 'rsa2' };
const open = (behaviour: EvilBehaviour = {}, issuer = ours.issuer) =>
  verdictOf(issuer.open(makeAccessToken(evil.issuer, behaviour), accessTokenRules));

/** The wall clock stays where the tokens are made; only durations pass. */
function pass(milliseconds: number): void {
  const wall = clock.now();
  clock.advance(milliseconds);
  clock.jumpTo(wall);
}

test('a known key costs no call, and nothing but the first token of it does', async () => {
  for (let i = 0; i < 50; i += 1) assert.equal(await open(), 'ok');
  assert.equal(evil.hits.jwks, 1);
  assert.equal(evil.hits.metadata, 0);
});

test('1,000 tokens at once, before anything is known, cost one fetch', async () => {
  const verdicts = await Promise.all(Array.from({ length: 1000 }, () => open()));
  assert.ok(verdicts.every((verdict) => verdict === 'ok'));
  assert.equal(evil.hits.jwks, 1);
});

describe('RP-149: odd key sets', () => {
  const odd: readonly (readonly [string, readonly unknown[], string])[] = [
    ['a symmetric key', [{ kty: 'oct', k: 'c2VjcmV0', kid: 'key-1' }], 'key-type'],
    ['a private key', [privateJwk('rsa2', { kid: 'key-1' })], 'private-key'],
    ['an encryption key', [publicJwk('rsa2', { kid: 'key-1', use: 'enc' })], 'not-for-signatures'],
    ['an RSA key of 1,024 bits', [publicJwk('small', { kid: 'key-1' })], 'key-size'],
    ['10,000 keys', new Array(10_000).fill({ kty: 'x' }), 'key-type'],
  ];
  for (const [title, keys, reason] of odd) {
    test(`RP-149: ${title} beside a good key is left out and told once`, async () => {
      evil.behaviour = { jwks: [...keys, firstKey] };
      assert.equal(await open(), 'ok');
      const skipped = ours.events.filter(([name]) => name === 'key.skipped');
      assert.deepEqual(
        skipped.map(([, event]) => event.reason),
        [reason],
      );
    });
  }

  test('RP-149: a point off its curve checks nothing, and harms no other key', async () => {
    const offCurve = { ...publicJwk('ec', { kid: 'ec' }), y: Buffer.alloc(32, 1).toString('base64url') };
    evil.behaviour = { jwks: [offCurve, firstKey] };
    assert.equal(await open({ header: { alg: 'ES256', kid: 'ec' }, key: 'ec' }), 'key-unknown');
    assert.equal(await open(), 'ok');
  });
});

describe('rotation', () => {
  test('RP-019: a token under a key that was published a moment ago is accepted', async () => {
    assert.equal(await open(), 'ok');
    evil.behaviour = { jwks: [firstKey, secondKey] };
    assert.equal(await open(bySecond), 'ok');
    assert.equal(evil.hits.jwks, 2);
  });

  test('RP-151, DL-023: 10,000 tokens with unknown key ids cause one fetch per cool-down, and known keys go on', async () => {
    assert.equal(await open(), 'ok');
    const flood = async () => {
      const verdicts = new Set<string>();
      for (let round = 0; round < 10; round += 1) {
        const all = Array.from({ length: 1000 }, (_, index) =>
          open({ header: { kid: `forged-${round}-${index}` }, signature: () => Buffer.alloc(256, 1) }),
        );
        for (const verdict of await Promise.all(all)) verdicts.add(verdict);
      }
      assert.deepEqual([...verdicts], ['key-unknown']);
    };
    await flood();
    assert.equal(evil.hits.jwks, 2);
    pass(31_000);
    const forged = Array.from({ length: 1000 }, () => open({ header: { kid: 'forged' } }));
    assert.equal(await open(), 'ok');
    await Promise.all(forged);
    assert.equal(evil.hits.jwks, 3);
  });

  test('RP-151: within the cool-down of a fetch that failed it cannot tell, and says so', async () => {
    assert.equal(await open(), 'ok');
    evil.behaviour = { jwks: { raw: true, status: 500 } };
    for (let i = 0; i < 20; i += 1) assert.equal(await open(bySecond), 'ERR_PROVIDER_UNAVAILABLE');
    assert.equal(evil.hits.jwks, 2);
  });
});

describe('what is not to be had', () => {
  for (const [title, jwks] of [
    ['500', { raw: true, status: 500 }],
    ['HTML', { raw: true, body: '<html>', headers: { 'content-type': 'text/html' } }],
    ['304', { raw: true, status: 304 }],
  ] as const) {
    test(`RP-150: with ${title} instead of keys those of before serve for a bounded time`, async () => {
      assert.equal(await open(), 'ok');
      pass(3_600_000);
      evil.behaviour = { jwks };
      for (let i = 0; i < 20; i += 1) assert.equal(await open(), 'ok');
      assert.equal(evil.hits.jwks, 2);
      pass(6 * 3_600_000);
      assert.equal(await open(), 'ERR_PROVIDER_UNAVAILABLE');
    });
  }

  test('RP-150: a failing endpoint is asked at most every five seconds', async () => {
    evil.behaviour = { jwks: { raw: true, status: 500 } };
    for (let second = 0; second < 20; second += 1) {
      for (let i = 0; i < 10; i += 1) assert.equal(await open(), 'ERR_PROVIDER_UNAVAILABLE');
      pass(1000);
    }
    assert.equal(evil.hits.jwks, 4);
  });

  test('RP-150: once the endpoint has failed, nobody waits for it while old keys serve', async () => {
    assert.equal(await open(), 'ok');
    pass(3_600_000);
    evil.behaviour = { jwks: { raw: true, status: 500 } };
    assert.equal(await open(), 'ok');
    pass(6_000);
    evil.behaviour = { jwks: { raw: true, hang: true } };
    const verdicts = Promise.all(Array.from({ length: 20 }, () => open()));
    // Were it waited for, they would take the whole timeout.
    const first = await Promise.race([verdicts, sleep(1500, 'slow')]);
    assert.deepEqual(first, new Array(20).fill('ok'));
    while (evil.hits.jwks < 3) await sleep(5);
  });
});

describe('withdrawn keys', () => {
  test('RP-152: a key that was removed is refused once the keys are old, and tells until when it was trusted', async () => {
    const { trustedUntil } = await ours.issuer.open(makeAccessToken(evil.issuer), accessTokenRules);
    assert.equal(trustedUntil - clock.now(), 600_000);
    evil.behaviour = { jwks: [secondKey] };
    pass(599_000);
    assert.equal(await open(), 'ok');
    pass(1_000);
    assert.equal(await open(), 'key-unknown');
  });

  test('RP-152: while old keys serve, nothing is trusted for longer than a few seconds', async () => {
    assert.equal(await open(), 'ok');
    pass(600_000);
    evil.behaviour = { jwks: { raw: true, status: 500 } };
    const { trustedUntil } = await ours.issuer.open(makeAccessToken(evil.issuer), accessTokenRules);
    assert.ok(trustedUntil - clock.now() <= 5_000);
  });

  for (const [maxAge, kept] of [
    [1, 60_000],
    [31_536_000, 3_600_000],
  ] as const) {
    test(`RP-153: max-age=${maxAge} is held within bounds`, async () => {
      const body = JSON.stringify({ keys: [firstKey] });
      evil.behaviour = { jwks: { raw: true, headers: { 'cache-control': `max-age=${maxAge}` }, body } };
      const { trustedUntil } = await ours.issuer.open(makeAccessToken(evil.issuer), accessTokenRules);
      assert.equal(trustedUntil - clock.now(), kept);
      pass(kept - 1);
      await open();
      assert.equal(evil.hits.jwks, 1);
      pass(2);
      await open();
      assert.equal(evil.hits.jwks, 2);
    });
  }
});

describe('several issuers', () => {
  let other: EvilProvider;
  before(async () => {
    other = await startEvilProvider();
  });
  after(() => other.close());
  beforeEach(() => other.reset());

  test('RS-028: a token of one issuer under a key id of another is checked with its own keys alone', async () => {
    other.behaviour = { jwks: [{ ...secondKey, kid: 'key-1' }] };
    const second = makeTokenIssuer({ issuer: other.issuer, jwksUri: `${other.issuer}/jwks` }, clock);
    const token = (behaviour: EvilBehaviour) => makeAccessToken(evil.issuer, behaviour);
    const theirs = (behaviour: EvilBehaviour) =>
      verdictOf(second.issuer.open(makeAccessToken(other.issuer, behaviour), accessTokenRules));
    assert.equal(await open(), 'ok');
    assert.equal(await theirs({ key: 'rsa2' }), 'ok');
    assert.equal(await theirs({}), 'access-token-signature');
    assert.equal(
      await verdictOf(ours.issuer.open(token({ key: 'rsa2' }), accessTokenRules)),
      'access-token-signature',
    );
    const foreign = token({ key: 'rsa2', claims: { iss: evil.issuer } });
    assert.equal(await verdictOf(second.issuer.open(foreign, accessTokenRules)), 'issuer-mismatch');
    await second.issuer.close();
  });
});

describe('polling', () => {
  test('keys are fetched at the interval, so that a key that was withdrawn is refused before the keys are old', async () => {
    const parts = { emit: () => {}, clock: systemClock, random: systemRandom };
    const http = createProviderHttp('evil', tokenIssuerSchema.parse({ issuer: evil.issuer }), parts);
    const keys = createProviderKeys('evil', { ...parts, http, refreshEvery: 40 });
    const uri = `${evil.issuer}/jwks`;
    const select = async () => keys.select(uri, { alg: 'RS256', kid: 'key-1' });
    assert.equal((await select()).length, 1);
    evil.behaviour = { jwks: [secondKey] };
    const started = evil.hits.jwks;
    while (evil.hits.jwks < started + 2) await sleep(10);
    assert.equal(await verdictOf(select()), 'key-unknown');
    keys.close();
    const hits = evil.hits.jwks;
    await sleep(150);
    assert.ok(evil.hits.jwks <= hits + 1, 'it goes on after it was closed');
    await http.close();
  });
});
