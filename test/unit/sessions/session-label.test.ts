/** Labels: readable with the ring alone, only in their own place, and checked whatever comes out of the store. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { createKeyRing } from '../../../src/keys/create-key-ring.ts';
import { labelFits, openLabel, printable, sealLabel } from '../../../src/sessions/session-label.ts';
import type { SessionRecord } from '../../../src/sessions/session-record.ts';
import { largestLabel } from '../../../src/stores/store.ts';

const ring = createKeyRing([randomBytes(32)]);
const sealed = randomBytes(300);
const key = 's:here';
const record: SessionRecord = {
  origin: 'https://app.test',
  provider: 'main',
  issuer: 'https://main.test',
  subject: 'alice',
  claims: { email: 'alice@example.test', name: 'Alice' },
  tokens: { accessToken: 'a', accessTokenExpiresAt: 1, refreshToken: 'r', idToken: 'i', scope: '' },
  tokensReceivedAt: 1,
  createdAt: 1,
  lastSeenAt: 2,
  sid: null,
  address: '::1',
  userAgent: null,
  fence: 0,
};

test('opens where it was made for and nowhere else, and knows the record beside it', () => {
  const label = sealLabel({ key, record, sealed }, ring);
  assert.ok(label);
  const opened = openLabel(label, ring, key);
  assert.equal(opened?.name, 'alice@example.test');
  assert.ok(opened && labelFits(opened, sealed));
  assert.equal(labelFits(opened, sealed.subarray(1)), false);
  assert.equal(openLabel(label, ring, 's:there'), null);
  assert.equal(openLabel(label, createKeyRing([randomBytes(32)]), key), null);
  assert.equal(openLabel(label.subarray(1), ring, key), null);
});

for (const [what, text] of [
  ['no list', '{"v":1}'],
  ['not JSON', 'hello'],
  ['of a newer format', JSON.stringify([2, key])],
  ['with members missing', JSON.stringify([1, key, 'digest'])],
  ['with a time that is text', JSON.stringify([1, key, 'd', 'p', 'i', 's', null, null, '1', 2, 'a', null])],
] as const) {
  test(`SC-052: a label that opens and is ${what} is none`, () => {
    assert.equal(openLabel(ring.seal('session-label', Buffer.from(text)), ring, key), null);
  });
}

test('never grows over its bound: the name goes first, then the user agent, then there is none', () => {
  const long = { ...record, claims: { name: '\u00e9'.repeat(200) }, userAgent: 'u'.repeat(200) };
  for (const [length, name, userAgent] of [
    [1, true, true],
    [1350, false, true],
    [1750, false, false],
  ] as const) {
    const label = sealLabel({ key, record: { ...long, subject: 's'.repeat(length) }, sealed }, ring);
    assert.ok(label && label.length <= largestLabel);
    const opened = openLabel(label, ring, key);
    assert.deepEqual([opened?.name !== null, opened?.userAgent !== null], [name, userAgent], `${length}`);
  }
  assert.equal(sealLabel({ key, record: { ...long, subject: 's'.repeat(3000) }, sealed }, ring), null);
});

test('what people call themselves cannot write over a terminal, a line or a log', () => {
  assert.equal(printable('a\u0000b\u001b[2Jc\u202ed\u2028e\r\nf\ud800', 50), 'ab[2Jcdef');
  assert.equal(printable(' \t\n', 50), '');
  assert.equal(printable('😀😀', 3), '😀');
});
