/** An answer that waits: nothing of it is lost, and it arrives in order. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AnswerTaker, HeldAnswer } from '../../../src/upstreams/held-answer.ts';

function createHeld(throwing: unknown = null) {
  const calls: unknown[][] = [];
  const controller = {
    pause: () => void calls.push(['pause']),
    resume: () => void calls.push(['resume']),
  } as unknown as Parameters<AnswerTaker['onRequestStart']>[0];
  const taker: AnswerTaker = {
    onRequestStart: () => assert.fail('it began long ago'),
    onResponseStart(_controller, status, headers) {
      calls.push(['start', status, headers]);
      if (throwing !== null) throw throwing;
    },
    onResponseData: (_controller, chunk) => void calls.push(['data', chunk.toString()]),
    onResponseEnd: (_controller, trailers) => void calls.push(['end', trailers]),
    onResponseError: (_controller, error) => void calls.push(['error', error]),
  };
  return { held: new HeldAnswer(controller, 401, { a: 'b' }), calls, taker };
}

test('reading is paused, and goes on when the answer is given away', () => {
  const { held, calls, taker } = createHeld();
  assert.deepEqual(calls, [['pause']]);
  assert.equal(held.isWhole, false);
  held.release(taker);
  assert.deepEqual(calls, [['pause'], ['start', 401, { a: 'b' }], ['resume']]);
});

test('what came meanwhile is given in order, and the end with its trailers', () => {
  const { held, calls, taker } = createHeld();
  held.addData(Buffer.from('1'));
  held.addData(Buffer.from('2'));
  held.addEnd({ t: 'u' });
  assert.equal(held.isWhole, true);
  held.release(taker);
  assert.deepEqual(calls.slice(1), [
    ['start', 401, { a: 'b' }],
    ['data', '1'],
    ['data', '2'],
    ['end', { t: 'u' }],
  ]);
});

test('a taker that throws is told what it threw', () => {
  const error = new TypeError('a field is none');
  const { held, calls, taker } = createHeld(error);
  held.release(taker);
  assert.deepEqual(calls.slice(1), [
    ['start', 401, { a: 'b' }],
    ['error', error],
  ]);
});
