import assert from 'node:assert/strict';
import { test } from 'node:test';
import { didYouMean } from '../../../src/config/did-you-mean.ts';

const known = ['idleTimeout', 'absoluteTimeout', 'cookie', 'keys', 'store', 'signed-in'];

for (const [word, expected] of [
  ['idelTimeout', 'idleTimeout'],
  ['idle_timeout', 'idleTimeout'],
  ['IDLETIMEOUT', 'idleTimeout'],
  ['absolutTimeout', 'absoluteTimeout'],
  ['cokie', 'cookie'],
  ['key', 'keys'],
  ['signedin', 'signed-in'],
  ['stroe', 'store'],
  ['abs', 'absoluteTimeout'],
  ['id', null],
  ['nothingLikeIt', null],
  ['', null],
] as const) {
  test(`\`${word}\` most likely means ${expected ?? 'nothing that is known'}`, () => {
    assert.equal(didYouMean(word, known), expected);
  });
}

test('a very long word costs no more than a short one', () => {
  assert.equal(didYouMean('x'.repeat(1_000_000), known), null);
});
