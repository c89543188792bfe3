/** The store that the configuration names. */
import { join } from 'node:path';
import type { Config } from '../config/schema.ts';
import type { Clock, RandomBytes } from '../core/clock.ts';
import type { Emit } from '../core/events.ts';
import { createMemoryStore } from '../stores/memory-store.ts';
import { createRedisStore } from '../stores/redis/redis-store.ts';
import { createSqliteStore } from '../stores/sqlite-store.ts';
import type { Store } from '../stores/store.ts';

export interface StoreDeps {
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly emit: Emit;
}

/**
 * Where sessions live; with `store: cookie`, where their ends are noted. Null: nowhere but in browsers. Throws
 * `ERR_STORE_UNAVAILABLE` when a file cannot be opened; a server that is away is a failure of what asks it later.
 */
export function createStore(config: Config, deps: StoreDeps): Store | null {
  const { clock } = deps;
  const { store, denyList } = config.session;
  const kind = store === 'cookie' ? denyList : store;
  if (kind === undefined) return null;
  if (kind === 'memory') return createMemoryStore({ clock });
  if (typeof kind === 'object') return createRedisStore(kind.redis, deps);
  return createSqliteStore({ path: join(config.dataDir, 'sessions.db') }, { clock });
}
