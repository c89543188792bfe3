/** What is remembered of sessions that ended here: long enough for late answers, and never without bound. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createEndings } from '../../../src/sessions/endings.ts';
import { createHolds } from '../../../src/sessions/holds.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

function fixture() {
  const clock = createFakeClock();
  const told: string[] = [];
  const cache = { findByKey: () => null, remove() {} };
  const emit = (name: string) => void told.push(name);
  return { clock, told, endings: createEndings({ cache, holds: createHolds(), clock, emit }) };
}

test('an end is told once and remembered for a minute', () => {
  const { clock, told, endings } = fixture();
  endings.end('s:a', 'logout');
  endings.end('s:a', 'idle');
  endings.forget('s:b', 'elsewhere');
  assert.deepEqual(told, ['session.ended']);
  assert.equal(endings.find('s:a'), 'logout');
  clock.advance(59_000);
  endings.purge();
  assert.equal(endings.find('s:b'), 'elsewhere');
  clock.advance(1001);
  endings.purge();
  for (const key of ['s:a', 's:b']) assert.equal(endings.find(key), null);
});

test('of a hundred thousand ends at once the latest are remembered', () => {
  const { endings } = fixture();
  for (let i = 0; i < 100_000; i += 1) endings.forget(`s:${i}`, 'operator');
  assert.equal(endings.find('s:0'), null);
  assert.equal(endings.find('s:60000'), 'operator');
  assert.equal(endings.find('s:99999'), 'operator');
});
