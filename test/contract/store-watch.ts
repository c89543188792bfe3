/** The part of the store contract that is about several stores on the same data: each hears what the others write. */
import assert from 'node:assert/strict';
import type { Store } from '../../src/stores/store.ts';
import { type Check, eventually, type StoreHarness } from './store-harness.ts';

/** What the others do, and which keys are told. */
const writes: Readonly<Record<string, (other: Store, harness: StoreHarness) => Promise<void>>> = {
  async set(other, { entry }) {
    await other.set('s:a', entry('2'));
  },
  async addIfAbsent(other, { entry }) {
    await other.delete('s:a');
    await other.addIfAbsent('s:a', entry('2'));
  },
  async compareAndSwap(other, { entry }) {
    const version = (await other.get('s:a'))?.version as number;
    assert.notEqual(await other.compareAndSwap('s:a', version, entry('2')), null);
  },
  async delete(other) {
    assert.equal(await other.delete('s:a'), true);
  },
  async deleteAll(other) {
    assert.equal(await other.deleteAll(['s:b', 's:a']), 2);
  },
};

function record() {
  const keys: string[] = [];
  const heard = { keys, lost: 0 };
  return {
    heard,
    watcher: {
      changed: (key: string) => {
        keys.push(key);
      },
      lost() {
        heard.lost += 1;
      },
      regained() {},
    },
  };
}

export function checkWatch(check: Check): void {
  for (const [operation, write] of Object.entries(writes)) {
    check(
      `tells of ${operation} by another, within about a second, and of no other prefix`,
      async (harness) => {
        const { store, another, entry } = harness;
        const other = await another();
        await store.set('s:a', entry('1'));
        await store.set('s:b', entry('1'));
        const { heard, watcher } = record();
        const elsewhere = record();
        store.watch('s:', watcher);
        store.watch('l:', elsewhere.watcher);
        await settle(heard);
        await store.get('s:a');
        await store.get('s:b');
        await other.set('t:a', entry('1'));
        await write(other, harness);
        assert.ok(await eventually(() => heard.keys.includes('s:a'), 3000), 'told');
        assert.ok(heard.keys.every((key) => key.startsWith('s:')));
        assert.deepEqual(elsewhere.heard.keys, []);
        assert.equal(heard.lost, 0);
      },
      { shared: true },
    );
  }

  check(
    'tells of thousands of deletions by another, every one, or that some were missed',
    async ({ store, another, entry }) => {
      const other = await another();
      const keys = Array.from({ length: 3000 }, (_, i) => `s:${i}`);
      await Promise.all(keys.map(async (key) => store.set(key, entry('x'))));
      const { heard, watcher } = record();
      store.watch('s:', watcher);
      await settle(heard);
      for (const key of keys) await store.get(key);
      assert.equal(await other.deleteAll(keys), 3000);
      assert.ok(await eventually(() => heard.lost > 0 || new Set(heard.keys).size === 3000));
    },
    { shared: true },
  );

  check(
    'tells nothing after it was closed',
    async ({ store, another, entry }) => {
      const other = await another();
      const { heard, watcher } = record();
      store.watch('s:', watcher);
      await settle(heard);
      await store.close();
      heard.keys.length = 0;
      await other.set('s:a', entry('x'));
      assert.equal(await eventually(() => heard.keys.length > 0, 600), false);
    },
    { shared: true },
  );
}

/** Lets the watch begin, and forgets what it told of before. */
async function settle(heard: { readonly keys: string[]; lost: number }): Promise<void> {
  await eventually(() => false, 300);
  heard.keys.length = 0;
  heard.lost = 0;
}
