/** Locks over the stores that need no server. */
import { join } from 'node:path';
import { createMemoryStore } from '../../src/stores/memory-store.ts';
import { createSqliteStore } from '../../src/stores/sqlite-store.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { testLocks } from './locks.ts';

testLocks('memory', (clock) => {
  const store = createMemoryStore({ clock });
  return () => store;
});

testLocks('SQLite', (clock, context) => {
  const path = join(temporaryFolder(context), 'sessions.db');
  return () => createSqliteStore({ path }, { clock });
});
