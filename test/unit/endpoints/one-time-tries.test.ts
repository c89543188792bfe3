import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tryOnce } from '../../../src/endpoints/one-time-tries.ts';

function createWords() {
  const words = new Map<string, number>();
  let failing = false;
  return {
    words,
    fail(now: boolean) {
      failing = now;
    },
    async useOnce(word: string, until: number) {
      if (failing) throw new Error('down');
      if (words.has(word)) return false;
      words.set(word, until);
      return true;
    },
  };
}

const token = { provider: 'main', tokenId: 'id', until: 1000 };
const works = async () => {};
const breaks = () => Promise.reject(new Error('down'));

test('what has succeeded once is not done again', async () => {
  const directory = createWords();
  assert.equal(await tryOnce(directory, token, works), true);
  let again = 0;
  const count = async () => {
    again += 1;
  };
  for (let i = 0; i < 5; i++) assert.equal(await tryOnce(directory, token, count), false);
  assert.equal(again, 0);
  assert.deepEqual(new Set(directory.words.values()), new Set([1000]));
});

test('what has failed may be tried again, three times in all', async () => {
  const directory = createWords();
  for (let i = 0; i < 3; i++) await assert.rejects(tryOnce(directory, token, breaks), /down/);
  assert.equal(await tryOnce(directory, token, works), false);
  const other = createWords();
  await assert.rejects(tryOnce(other, token, breaks));
  assert.equal(await tryOnce(other, token, works), true);
  assert.equal(await tryOnce(other, token, works), false);
});

test('a store that fails after the work was done says so, and the next try does it again', async () => {
  const directory = createWords();
  const worksAndBreaksTheStore = async () => directory.fail(true);
  await assert.rejects(tryOnce(directory, token, worksAndBreaksTheStore), /down/);
  directory.fail(false);
  assert.equal(await tryOnce(directory, token, works), true);
  assert.equal(await tryOnce(directory, token, works), false);
});

test('ids of two providers, and those that look alike when joined, are different ones', async () => {
  const directory = createWords();
  for (const [provider, tokenId] of [
    ['a', 'b'],
    ['ab', ''],
    ['a","b', ''],
    ['b', 'a'],
  ] as const) {
    assert.equal(await tryOnce(directory, { provider, tokenId, until: 1 }, works), true);
  }
});
