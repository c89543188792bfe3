import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLogTime } from '../../../src/observe/log-time.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

test('the time is that of the clock, forwards and backwards, over seconds and years', () => {
  const clock = createFakeClock(0);
  const time = createLogTime(clock);
  for (const now of [0, 7, 999, 1000, 1_893_455_999_999, 1_893_456_000_000, 5, 1000.75]) {
    clock.jumpTo(now);
    assert.equal(time(), new Date(now).toISOString());
  }
});
