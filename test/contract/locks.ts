/** What locks must do over any store that several processes share. Real time; see `store-harness.ts` for `place`. */
import assert from 'node:assert/strict';
import { setTimeout as wait } from 'node:timers/promises';
import { systemClock } from '../../src/core/clock.ts';
import { createLocks, type Lock, type Locks } from '../../src/stores/locks.ts';
import type { Store } from '../../src/stores/store.ts';
import { createFaultyStore } from '../support/faulty-store.ts';
import { createCheck, eventually, type StorePlace } from './store-harness.ts';

/** Milliseconds: short to wait for, long beside the pauses of a busy machine. */
const lease = 600;

const acquired = async (locks: Locks): Promise<Lock> => {
  const lock = await locks.acquire('a');
  assert.ok(lock.kind === 'acquired');
  return lock;
};

export function testLocks(name: string, place: StorePlace): void {
  const check = (title: string, body: (store: Store, locksOn: (store: Store) => Locks) => Promise<void>) =>
    createCheck(`${name}: locks`, place, { time: 'real', shared: true })(title, async ({ store }) => {
      const made: Locks[] = [];
      try {
        await body(store, (on) => {
          const locks = createLocks({ store: on, clock: systemClock, lease });
          made.push(locks);
          return locks;
        });
      } finally {
        for (const locks of made) locks.close();
      }
    });

  check('give exactly one of many, and the next a greater fence', async (store, locksOn) => {
    const all = [locksOn(store), locksOn(store), locksOn(store)];
    const tries = Array.from({ length: 30 }, (_, i) => (all[i % 3] as Locks).acquire('a'));
    const got = (await Promise.all(tries)).filter((answer) => answer.kind === 'acquired');
    assert.equal(got.length, 1);
    const first = got[0] as Lock;
    await first.release();
    assert.ok((await acquired(all[1] as Locks)).fence > first.fence);
  });

  check('are kept by renewing for longer than a lease', async (store, locksOn) => {
    const lock = await acquired(locksOn(store));
    await wait(2 * lease);
    assert.equal(lock.isHeld(), true);
    const other = await locksOn(store).acquire('a');
    assert.ok(other.kind === 'taken' && other.note === null);
  });

  check(
    'of a holder that died are taken over after the lease, never before, nor before it knows',
    async (store, locksOn) => {
      const dying = locksOn(store);
      const asked = performance.now();
      const lock = await acquired(dying);
      dying.close();
      const heir = locksOn(store);
      let taken: Lock | null = null;
      await eventually(async () => {
        const answer = await heir.acquire('a');
        if (answer.kind === 'acquired') taken = answer;
        return taken !== null;
      });
      // Stores count whole milliseconds.
      assert.ok(performance.now() - asked >= lease - 2, 'taken over before its time');
      assert.equal(lock.isHeld(), false);
      assert.ok(taken !== null && (taken as Lock).fence > lock.fence);
      await lock.release();
      await lock.leave('late', Date.now() + 5000);
      assert.equal((await locksOn(store).acquire('a')).kind, 'taken', 'a late release removes nobody else');
      assert.equal((taken as Lock).isHeld(), true);
    },
  );

  check('are lost when the store does not answer, and that is known in time', async (store, locksOn) => {
    const faulty = createFaultyStore(store);
    const lock = await acquired(locksOn(faulty));
    faulty.fail('compareAndSwap', 'delete');
    const heir = locksOn(store);
    assert.ok(await eventually(async () => (await heir.acquire('a')).kind === 'acquired'));
    assert.equal(lock.isHeld(), false);
    await lock.release();
  });

  check('that are left keep everybody out until then, and show the note', async (store, locksOn) => {
    const until = Date.now() + lease;
    await (await acquired(locksOn(store))).leave('later', until);
    const other = await locksOn(store).acquire('a');
    assert.ok(other.kind === 'taken');
    assert.equal(other.note, 'later');
    assert.equal(other.until, until);
    assert.ok(await eventually(async () => (await locksOn(store).acquire('a')).kind === 'acquired'));
    assert.ok(Date.now() >= until);
  });

  check('that were let go are not held any more', async (store, locksOn) => {
    const lock = await acquired(locksOn(store));
    await lock.release();
    assert.equal(lock.isHeld(), false);
    await lock.release();
    const left = await acquired(locksOn(store));
    await left.leave('', Date.now());
    assert.equal(left.isHeld(), false);
  });
}
