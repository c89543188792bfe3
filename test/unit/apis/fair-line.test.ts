import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFairLine } from '../../../src/apis/fair-line.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

const limits = { concurrent: 1, waitingOfOne: 2, waiting: 3, patience: 1_000 };

const settled = () => new Promise((resolve) => setImmediate(resolve));

function createTasks() {
  const started: string[] = [];
  const ends: (() => void)[] = [];
  const task = (name: string) => () => {
    started.push(name);
    return new Promise<string>((resolve) => ends.push(() => resolve(name)));
  };
  return { started, ends, task };
}

test('clients take turns, each in its own order', async () => {
  const { started, ends, task } = createTasks();
  const line = createFairLine({ ...limits, waitingOfOne: 9, waiting: 9 }, createFakeClock());
  const all = ['a1', 'a2', 'a3', 'b1', 'c1', 'b2'].map((name) => line.run(name[0] as string, task(name)));
  for (let i = 0; i < all.length; i += 1) {
    await settled();
    assert.equal(ends.length, i + 1);
    ends[i]?.();
  }
  assert.deepEqual(await Promise.all(all), ['a1', 'a2', 'a3', 'b1', 'c1', 'b2']);
  assert.deepEqual(started, ['a1', 'a2', 'b1', 'c1', 'a3', 'b2']);
});

test('more than may wait are sent away at once, of one client and of all', async () => {
  const { ends, task } = createTasks();
  const line = createFairLine(limits, createFakeClock());
  const busy = { code: 'ERR_PROVIDER_UNAVAILABLE', retryAfter: 1 };
  const kept = ['a1', 'a2', 'a3'].map((name) => line.run('a', task(name)));
  await assert.rejects(line.run('a', task('a4')), busy);
  kept.push(line.run('b', task('b1')));
  await assert.rejects(line.run('b', task('b2')), busy);
  for (let i = 0; i < 4; i += 1) {
    await settled();
    ends[i]?.();
  }
  assert.equal((await Promise.all(kept)).length, 4);
});

test('RS-047: a few clients that fill the line keep no other one out: the last of the longest makes room', async () => {
  const { started, ends, task } = createTasks();
  const line = createFairLine(limits, createFakeClock());
  const kept = ['a1', 'a2'].map((name) => line.run('a', task(name)));
  const last = assert.rejects(line.run('a', task('a3')), { code: 'ERR_PROVIDER_UNAVAILABLE' });
  kept.push(line.run('b', task('b1')), line.run('c', task('c1')));
  await last;
  for (let i = 0; i < 4; i += 1) {
    await settled();
    ends[i]?.();
  }
  await Promise.all(kept);
  assert.deepEqual(started, ['a1', 'a2', 'b1', 'c1']);
});

test('who waited too long is sent away, and the place goes on', async () => {
  const { ends, task } = createTasks();
  const clock = createFakeClock();
  const line = createFairLine(limits, clock);
  const first = line.run('a', task('a1'));
  const late = line.run('b', task('b1'));
  const rejected = assert.rejects(late, { code: 'ERR_PROVIDER_UNAVAILABLE' });
  await settled();
  clock.advance(1_001);
  ends[0]?.();
  await first;
  await rejected;
  const next = line.run('c', task('c1'));
  await settled();
  ends[1]?.();
  assert.equal(await next, 'c1');
});

test('a task that fails gives its place back', async () => {
  const line = createFairLine(limits, createFakeClock());
  for (const _ of [1, 2, 3]) {
    await assert.rejects(
      line.run('a', async () => {
        throw new Error('x');
      }),
    );
  }
  assert.equal(await line.run('a', async () => 'done'), 'done');
});
