/** Locks after an outage of their store: who held one and could not renew it comes before anybody else. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLocks, type Locks } from '../../../src/stores/locks.ts';
import { createMemoryStore } from '../../../src/stores/memory-store.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { createFaultyStore } from '../../support/faulty-store.ts';

const settling = 2500;

function setUp() {
  const clock = createFakeClock();
  const store = createFaultyStore(createMemoryStore({ clock }));
  const made: Locks[] = [];
  return {
    clock,
    store,
    create() {
      const locks = createLocks({ store, clock });
      made.push(locks);
      return locks;
    },
    close() {
      for (const locks of made) locks.close();
    },
  };
}

const kindOf = async (locks: Locks, name = 'a') => (await locks.acquire(name)).kind;

test('a process that begins gets a lock at once', async () => {
  const { create, close } = setUp();
  assert.equal(await kindOf(create()), 'acquired');
  close();
});

for (const [what, find] of [
  ['a try that failed', (locks: Locks) => assert.rejects(locks.acquire('a'))],
  ['word from somebody else', (locks: Locks) => locks.storeIsAway()],
] as const) {
  test(`FL-061: after ${what} nobody new gets a lock until the store has answered for a while`, async () => {
    const { clock, store, create, close } = setUp();
    const locks = create();
    store.fail('addIfAbsent', 'get');
    await find(locks);
    clock.advance(60_000);
    store.fail();
    assert.deepEqual(await locks.acquire('a'), { kind: 'taken', note: null, until: 0 });
    clock.advance(settling - 1);
    assert.equal(await kindOf(locks), 'taken', 'it counts from the first answer');
    assert.equal(store.calls.get('addIfAbsent') ?? 0, what.startsWith('a try') ? 1 : 0);
    clock.advance(1);
    assert.equal(await kindOf(locks), 'acquired');
    assert.equal(await kindOf(locks, 'b'), 'acquired');
    close();
  });
}

test('an outage that begins again is waited for again', async () => {
  const { clock, store, create, close } = setUp();
  const locks = create();
  locks.storeIsAway();
  assert.equal(await kindOf(locks), 'taken');
  clock.advance(settling - 1);
  store.fail('get', 'addIfAbsent');
  clock.advance(1);
  await assert.rejects(locks.acquire('a'));
  clock.advance(1000);
  store.fail();
  assert.equal(await kindOf(locks), 'taken');
  clock.advance(settling - 1);
  assert.equal(await kindOf(locks), 'taken');
  clock.advance(1);
  assert.equal(await kindOf(locks), 'acquired');
  close();
});

test('what was left behind before the outage is told of all the same', async () => {
  const { clock, create, close } = setUp();
  const first = await create().acquire('a');
  assert.ok(first.kind === 'acquired');
  const until = clock.now() + 5000;
  await first.leave('ERR_PROVIDER_UNAVAILABLE', until);
  const locks = create();
  locks.storeIsAway();
  assert.deepEqual(await locks.acquire('a'), { kind: 'taken', note: 'ERR_PROVIDER_UNAVAILABLE', until });
  close();
});
