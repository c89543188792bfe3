/** Background work on keys: each once, bounded, and never in the way of requests. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTurnstile } from '../../../src/sessions/turnstile.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));

test('works on a key at once when there is room, and once however often it is asked for', async () => {
  const done: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const turnstile = createTurnstile(
    (key) => {
      done.push(key);
      return promise;
    },
    { atOnce: 1, inOneGo: 100 },
  );
  turnstile.add('a');
  assert.deepEqual(done, ['a']);
  for (let i = 0; i < 10; i += 1) turnstile.add('b');
  assert.deepEqual(done, ['a']);
  resolve();
  await turn();
  assert.deepEqual(done, ['a', 'b']);
});

test('does so much in one turn of the event loop, and lets others have theirs', async () => {
  let done = 0;
  const turnstile = createTurnstile(
    () => {
      done += 1;
    },
    { atOnce: 10, inOneGo: 100 },
  );
  for (let i = 0; i < 250; i += 1) turnstile.add(String(i));
  assert.equal(done, 100);
  await turn();
  assert.equal(done, 200);
  await turn();
  assert.equal(done, 250);
});

test('goes on after work that throws or rejects', async () => {
  const done: string[] = [];
  const turnstile = createTurnstile(
    (key) => {
      done.push(key);
      if (key === 'throws') throw new Error('no');
      return key === 'rejects' ? Promise.reject(new Error('no')) : undefined;
    },
    { atOnce: 1, inOneGo: 100 },
  );
  for (const key of ['throws', 'rejects', 'fine']) turnstile.add(key);
  await turn();
  assert.deepEqual(done, ['throws', 'rejects', 'fine']);
});
