/** What an entry of `session.keys` may be. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { readKeys, sealingKeySchema } from '../../../src/keys/key-config.ts';

const key = randomBytes(32);

test('takes 32 bytes in base64, with the newline that a file ends in', () => {
  for (const text of [
    key.toString('base64'),
    `${key.toString('base64')}\n`,
    ` ${key.toString('base64')}\r\n`,
  ]) {
    assert.deepEqual(readKeys([sealingKeySchema.parse(text)]), [key]);
  }
});

test('refuses everything else and says how to make one', () => {
  const wrong = ['', 'secret', randomBytes(16).toString('base64'), randomBytes(33).toString('base64')];
  wrong.push(
    key.toString('hex'),
    key.toString('base64').replace('=', ''),
    `${key.toString('base64')}=`,
    'é'.repeat(44),
  );
  for (const text of wrong) {
    const result = sealingKeySchema.safeParse(text);
    assert.equal(result.success, false, text);
    assert.match(
      result.error?.issues[0]?.message ?? '',
      /32 random bytes in base64, as `openssl rand -base64 32`/,
    );
  }
});

test('refuses a key that is one byte over and over', () => {
  const result = sealingKeySchema.safeParse(Buffer.alloc(32).toString('base64'));
  assert.match(result.error?.issues[0]?.message ?? '', /not random/);
});

test('does not print the key', () => {
  const parsed = sealingKeySchema.parse(key.toString('base64'));
  for (const text of [inspect(parsed), JSON.stringify({ parsed }), `${parsed}`]) {
    assert.equal(text.includes(key.toString('base64').slice(0, 10)), false);
  }
});
