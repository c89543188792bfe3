/** API keys under attack: what a stranger can learn, and what a flood of wrong keys does. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { cheapHash, createApiKeysFixture, makeKey, wrongKey } from '../support/api-keys-fixture.ts';
import { createHead } from '../support/heads.ts';

const anyKey = { apiKeys: null };
const withKey = (key: string) => createHead({ headers: { 'x-api-key': key } });

test('RS-083, DL-045: every comparison of a key with a secret takes the same time whatever differs', () => {
  for (const file of ['key-hash', 'known-key']) {
    const text = readFileSync(new URL(`../../src/api-keys/${file}.ts`, import.meta.url), 'utf8');
    assert.match(text, /timingSafeEqual/);
    assert.doesNotMatch(text, /\.equals\(|\.compare\(/);
  }
});

test('RS-083: a key that begins like the good one is refused like any other', () => {
  const key = makeKey('ci');
  const { apiKeys } = createApiKeysFixture({ keys: { ci: { hash: cheapHash(key) } } });
  const last = key.at(-1) === 'A' ? 'E' : 'A';
  const near = apiKeys.authenticate(withKey(key.slice(0, -1) + last), anyKey);
  const far = apiKeys.authenticate(withKey(wrongKey(key)), anyKey);
  assert.ok(!(near instanceof Promise));
  assert.deepEqual(near, far);
});

test('a flood of wrong keys under a good name costs no hashing, and the good key still passes at once', async () => {
  const key = makeKey('ci');
  const { apiKeys } = createApiKeysFixture({ keys: { ci: { hash: cheapHash(key) } } });
  for (let i = 0; i < 20_000; i++) {
    assert.ok(!(apiKeys.authenticate(withKey(wrongKey(key)), anyKey) instanceof Promise));
  }
  assert.equal((await apiKeys.authenticate(withKey(key), anyKey)).kind, 'caller');
});

test('a thousand requests with one new key at a time are one computation', async () => {
  const key = makeKey('ci');
  const { apiKeys } = createApiKeysFixture({ keys: { ci: { hash: cheapHash(key) } } });
  const all = await Promise.all(
    Array.from({ length: 1000 }, () => apiKeys.authenticate(withKey(key), anyKey)),
  );
  assert.ok(all.every(({ kind }) => kind === 'caller'));
});

test('neither the answers nor the events hold a key', async () => {
  const key = makeKey('ci');
  const { apiKeys, refusals } = createApiKeysFixture({ keys: { ci: { hash: cheapHash(key) } } });
  const good = await apiKeys.authenticate(withKey(key), anyKey);
  const wrong = wrongKey(key);
  const bad = await apiKeys.authenticate(withKey(wrong), anyKey);
  const shown = inspect([apiKeys, good, bad, refusals], { depth: 20, showHidden: true });
  assert.ok(!shown.includes(key.slice(-43)) && !shown.includes(wrong.slice(-43)));
  assert.equal(refusals.length, 1);
});
