/** The stores of this product against the contract. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMemoryStore } from '../../src/stores/memory-store.ts';
import { createObservedStore } from '../../src/stores/observed-store.ts';
import { createSqliteStore } from '../../src/stores/sqlite-store.ts';
import { testStore } from './store.ts';

const alone = { time: 'fake', shared: false } as const;

testStore(
  'memory',
  (clock) => {
    const store = createMemoryStore({ clock });
    return () => store;
  },
  alone,
);

testStore(
  'SQLite',
  (clock, context) => {
    const folder = mkdtempSync(join(tmpdir(), 'sallyport-store-'));
    context.after(() => rmSync(folder, { recursive: true }));
    return () => createSqliteStore({ path: join(folder, 'sessions.db') }, { clock });
  },
  { time: 'fake', shared: true },
);

testStore(
  'observed',
  (clock) => {
    const store = createObservedStore(createMemoryStore({ clock }), { emit: () => {} });
    return () => store;
  },
  alone,
);
