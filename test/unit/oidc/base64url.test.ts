import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { isBase64url } from '../../../src/oidc/base64url.ts';

test('what an encoder writes is accepted, of every length', () => {
  for (let length = 1; length < 200; length += 1) {
    assert.ok(isBase64url(randomBytes(length).toString('base64url')));
  }
});

test('of all last characters those alone are accepted that an encoder writes: each text has one spelling', () => {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  for (const text of ['A', 'AA', 'AAA']) {
    for (const last of alphabet) {
      const spelled = text + last;
      const canonical = Buffer.from(spelled, 'base64url').toString('base64url') === spelled;
      assert.equal(isBase64url(spelled), canonical, spelled);
    }
  }
});

for (const text of ['', 'A', 'AAAAA', 'AA==', 'AAA=', 'AA\n', ' AA', 'A+/A', 'ÄAAA', undefined]) {
  test(`${JSON.stringify(text)} is refused`, () => assert.ok(!isBase64url(text)));
}
