import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBulkhead } from '../../../src/oidc/bulkhead.ts';

const never = new AbortController().signal;

/** Work that ends when it is told to. */
function held() {
  let finish = () => {};
  const done = new Promise<void>((resolve) => {
    finish = resolve;
  });
  return { work: () => done, finish };
}

test('runs as many as allowed, in order of arrival, and refuses what finds no place to wait', async () => {
  const bulkhead = createBulkhead({ concurrent: 1, waiting: 1 });
  const order: string[] = [];
  const first = held();
  const a = bulkhead.run(never, () => first.work().then(() => order.push('a')));
  const b = bulkhead.run(never, async () => order.push('b'));
  await assert.rejects(
    bulkhead.run(never, async () => order.push('c')),
    { code: 'ERR_PROVIDER_UNAVAILABLE', detail: 'busy' },
  );
  first.finish();
  await Promise.all([a, b]);
  await bulkhead.run(never, async () => order.push('d'));
  assert.deepEqual(order, ['a', 'b', 'd']);
});

test('a wait that is given up leaves its place to the next', async () => {
  const bulkhead = createBulkhead({ concurrent: 1, waiting: 1 });
  const first = held();
  const running = bulkhead.run(never, first.work);
  const controller = new AbortController();
  const waiting = bulkhead.run(controller.signal, async () => assert.fail('it ran'));
  controller.abort(new Error('given up'));
  await assert.rejects(waiting, /given up/);
  const next = bulkhead.run(never, async () => 'next');
  first.finish();
  await running;
  assert.equal(await next, 'next');
});

test('work that fails makes room as well', async () => {
  const bulkhead = createBulkhead({ concurrent: 1, waiting: 0 });
  for (let i = 0; i < 3; i += 1) {
    await assert.rejects(
      bulkhead.run(never, () => Promise.reject(new Error('failed'))),
      /failed/,
    );
  }
  assert.equal(await bulkhead.run(never, async () => 1), 1);
});
