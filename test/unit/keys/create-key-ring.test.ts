/** The key ring opens what it sealed, for the same purpose and secret, and nothing else. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { createKeyRing } from '../../../src/keys/create-key-ring.ts';

const [first, second, third] = [randomBytes(32), randomBytes(32), randomBytes(32)] as const;
const text = Buffer.from('a token');
const secret = randomBytes(32);

test('opens what it sealed, with and without a secret, whatever it is', () => {
  const ring = createKeyRing([first]);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (plaintext, withSecret) => {
      const key = withSecret ? secret : undefined;
      const opened = ring.open('session-record', ring.seal('session-record', plaintext, key), key);
      assert.deepEqual(opened, { plaintext: Buffer.from(plaintext), stale: false });
    }),
  );
});

test('seals the same twice to different bytes that do not hold the plaintext', () => {
  const ring = createKeyRing([first]);
  const [one, two] = [ring.seal('login-transaction', text), ring.seal('login-transaction', text)];
  assert.notDeepEqual(one, two);
  assert.equal(one.includes(text), false);
});

test('does not open one kind of artefact as another', () => {
  const ring = createKeyRing([first]);
  assert.equal(ring.open('session-record', ring.seal('login-transaction', text)), null);
  assert.equal(ring.open('login-transaction', ring.seal('session-record', text)), null);
});

test('opens nothing without the very secret it was sealed with', () => {
  const ring = createKeyRing([first]);
  const sealed = ring.seal('session-record', text, secret);
  assert.equal(ring.open('session-record', sealed), null);
  assert.equal(ring.open('session-record', sealed, randomBytes(32)), null);
  assert.equal(ring.open('session-record', sealed, Buffer.alloc(0)), null);
  assert.equal(ring.open('session-record', ring.seal('session-record', text), secret), null);
});

test('opens nothing of which one bit was changed, or a byte cut or added', () => {
  const ring = createKeyRing([first]);
  const sealed = ring.seal('session-record', text, secret);
  for (let bit = 0; bit < sealed.length * 8; bit += 1) {
    const changed = Buffer.from(sealed);
    changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
    assert.equal(ring.open('session-record', changed, secret), null, `bit ${bit}`);
  }
  for (let length = 0; length < sealed.length; length += 1) {
    assert.equal(ring.open('session-record', sealed.subarray(0, length), secret), null, `length ${length}`);
  }
  assert.equal(ring.open('session-record', Buffer.concat([sealed, Buffer.alloc(1)]), secret), null);
});

test('never throws, whatever it is given to open', () => {
  const ring = createKeyRing([first]);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      assert.equal(ring.open('session-record', bytes, secret), null);
      assert.equal(ring.open('login-transaction', bytes), null);
    }),
  );
});

test('SC-014, FL-043: a key behind the first opens and asks to seal again; the first one seals', () => {
  const old = createKeyRing([first]).seal('session-record', text);
  const rotated = createKeyRing([second, first]);
  assert.deepEqual(rotated.open('session-record', old), { plaintext: text, stale: true });
  const fresh = rotated.seal('session-record', text);
  assert.equal(createKeyRing([first]).open('session-record', fresh), null);
  assert.deepEqual(createKeyRing([second]).open('session-record', fresh), { plaintext: text, stale: false });
});

test('SC-015: what a retired key sealed is not opened', () => {
  const old = createKeyRing([first]).seal('session-record', text);
  assert.equal(createKeyRing([second, third]).open('session-record', old), null);
});

test('SC-016: another format version is not opened', () => {
  const ring = createKeyRing([first]);
  for (const version of [0, 2, 255]) {
    const sealed = ring.seal('session-record', text);
    sealed[0] = version;
    assert.equal(ring.open('session-record', sealed), null);
  }
});

test('is not affected by a caller that wipes its copy of a key', () => {
  const mine = Buffer.from(first);
  const ring = createKeyRing([mine]);
  const sealed = ring.seal('session-record', text);
  mine.fill(0);
  assert.deepEqual(ring.open('session-record', sealed)?.plaintext, text);
  assert.equal(createKeyRing([first]).open('session-record', sealed) === null, false);
});

test('refuses an empty ring and keys of another length', () => {
  assert.throws(() => createKeyRing([]), /at least one key/);
  assert.throws(() => createKeyRing([randomBytes(16)]), /32 bytes/);
  assert.throws(() => createKeyRing([first, randomBytes(33)]), /32 bytes/);
});
