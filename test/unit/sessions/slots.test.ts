/** A bound on what runs at a time, with a line that is bounded too. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSlots } from '../../../src/sessions/slots.ts';

test('lets so many in, the others in order as slots come free, and refuses a line too long', async () => {
  const slots = createSlots({ atOnce: 2, waiting: 2 });
  const leave = [await slots.take(), await slots.take()];
  assert.equal(slots.isFull(), true);
  const order: string[] = [];
  const waiting = ['third', 'fourth'].map(async (name) => {
    const give = await slots.take();
    order.push(name);
    return give;
  });
  await assert.rejects(slots.take(), { code: 'ERR_PROVIDER_UNAVAILABLE', detail: 'too-many-refreshes' });
  leave[0]?.();
  for (const give of waiting) (await give)();
  assert.deepEqual(order, ['third', 'fourth']);
  leave[1]?.();
  assert.equal(slots.isFull(), false);
  for (let i = 0; i < 100; i += 1) (await slots.take())();
  assert.equal(slots.isFull(), false);
});
