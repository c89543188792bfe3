import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeCrash } from '../../../src/core/crash.ts';

test('a crash says the class, the code and the place, and nothing of the message', () => {
  const secret = 'Bearer s3cr3t\n    at secret-in-message (file:1:2)';
  const cause = Object.assign(new TypeError(secret), { code: 'ERR_INVALID_CHAR' });
  const crash = describeCrash(new Error(secret, { cause }));
  assert.equal(crash.error, 'Error <- TypeError ERR_INVALID_CHAR');
  assert.match(crash.stack, /^at .*crash\.test\.ts:\d+:\d+/);
  assert.ok(!JSON.stringify(crash).includes('s3cr3t') && !crash.stack.includes('secret-in-message'));
});

test('anything can be thrown', () => {
  const looped = new Error('loop');
  looped.cause = looped;
  for (const thrown of [undefined, null, 'text', 7, Symbol('s'), Object.create(null), looped]) {
    const { error, stack } = describeCrash(thrown);
    assert.ok(error.length > 0 && typeof stack === 'string');
  }
});
