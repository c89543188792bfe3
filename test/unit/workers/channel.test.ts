import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SallyportError } from '../../../src/core/errors.ts';
import { type Answers, type Asker, answerQuestion, createAsker } from '../../../src/workers/channel.ts';
import type { Asked } from '../../../src/workers/protocol.ts';

const unasked = () => {
  throw new Error('nobody asks this here');
};

const nothing: Answers = {
  prepare: unasked,
  listen: unasked,
  metrics: unasked,
  readiness: unasked,
  drain: unasked,
  'sessions.list': unasked,
  'sessions.find': unasked,
  'sessions.end': unasked,
};

/** An asker whose questions are answered by `answers`, over a channel that carries JSON. */
function connect(answers: Partial<Answers>): Asker {
  const asker: Asker = createAsker((message) => {
    const asked = JSON.parse(JSON.stringify(message)) as Asked;
    void answerQuestion(asked, { ...nothing, ...answers }, (told) => {
      if (told.kind === 'answer') asker.take(JSON.parse(JSON.stringify(told)));
    });
  });
  return asker;
}

test('each question gets its own answer, in whatever order they come', async () => {
  const asker = connect({
    drain: async () => {
      await new Promise((resolve) => setTimeout(resolve, 10));
      return { inFlight: 3 };
    },
    'sessions.end': ({ filter }) => (filter.subject === 'alice' ? 2 : 0),
  });
  const slow = asker.ask('drain', null, 1000);
  const ended = await asker.ask(
    'sessions.end',
    { filter: { subject: 'alice' }, options: { reason: 'operator' } },
    null,
  );
  assert.equal(ended, 2);
  assert.deepEqual(await slow, { inFlight: 3 });
});

test('a failure keeps its code and when to come back; a bug keeps nothing to itself but that it is one', async () => {
  const asker = connect({
    'sessions.find': (id) => {
      if (id === 'bug') throw new Error('token=abc');
      throw new SallyportError('ERR_STORE_UNAVAILABLE', 'the store is down', { retryAfter: 7 });
    },
  });
  await assert.rejects(asker.ask('sessions.find', 'x', null), {
    name: 'SallyportError',
    code: 'ERR_STORE_UNAVAILABLE',
    retryAfter: 7,
  });
  await assert.rejects(asker.ask('sessions.find', 'bug', null), (error: SallyportError) => {
    assert.equal(error.code, 'ERR_INTERNAL');
    assert.doesNotMatch(error.message, /token/);
    return true;
  });
});

test('a question that nobody answers fails at its deadline, and a late answer is nobody’s', async () => {
  const asker = createAsker(() => {});
  await assert.rejects(asker.ask('listen', null, 10), /in time/);
  asker.take({ kind: 'answer', id: 1, ok: true, value: null });
});

test('when the other side ends, what is open fails at once, and so does what is asked later', async () => {
  const asker = createAsker(() => {});
  const open = asker.ask('listen', null, null);
  asker.end();
  await assert.rejects(open, /ended/);
  await assert.rejects(asker.ask('metrics', null, 1000), /ended/);
});
