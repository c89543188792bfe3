import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBackOff } from '../../../src/workers/back-off.ts';

const always = (byte: number) => (count: number) => Buffer.alloc(count, byte);

test('the first short life is no reason to wait; then the wait doubles up to ten seconds', () => {
  const delayAfter = createBackOff(always(0));
  const delays = Array.from({ length: 9 }, () => delayAfter(100));
  assert.deepEqual(delays, [0, 250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
});

test('chance takes away up to a half', () => {
  const delayAfter = createBackOff(always(0xff));
  const delays = Array.from({ length: 9 }, () => delayAfter(100));
  assert.deepEqual(delays, [0, 125, 250, 500, 1000, 2000, 4000, 5000, 5000]);
});

test('a good life forgives what was before', () => {
  const delayAfter = createBackOff(always(0));
  for (let round = 0; round < 5; round += 1) delayAfter(100);
  assert.equal(delayAfter(60_000), 0);
  assert.equal(delayAfter(100), 0);
  assert.equal(delayAfter(100), 250);
});

test('thousands of deaths in a row are no reason to wait longer than ten seconds', () => {
  const delayAfter = createBackOff(always(0));
  let delay = 0;
  for (let round = 0; round < 5000; round += 1) delay = delayAfter(0);
  assert.equal(delay, 10_000);
});
