/** The sessions of a configuration for a process that is no gate: the command line. */
import type { Config } from '../config/schema.ts';
import { type Clock, systemClock, systemRandom } from '../core/clock.ts';
import type { Emit } from '../core/events.ts';
import { createKeyRings } from '../keys/create-key-rings.ts';
import { createSessionDirectory } from '../sessions/create-session-directory.ts';
import { createCookieSessionDirectory } from '../sessions/in-cookies/cookie-session-directory.ts';
import { createDenyList } from '../sessions/in-cookies/deny-list.ts';
import { createLimits } from '../sessions/limits.ts';
import type { SessionDirectory } from '../sessions/session-directory.ts';
import type { Store } from '../stores/store.ts';
import { createStore } from './create-store.ts';

export type { SessionDirectory, SessionFilter, SessionSummary } from '../sessions/session-directory.ts';

export interface SessionAccess {
  readonly directory: SessionDirectory;
  close(): Promise<void>;
}

/**
 * The sessions of a configuration for a process that is no gate. Fails with `ERR_STORE_UNAVAILABLE`. Throws for sessions
 * that only a gate, or nobody, can reach: a misuse.
 */
export async function openSessionDirectory(config: Config): Promise<SessionAccess> {
  const { store: kind } = config.session;
  const deps = { clock: systemClock, random: systemRandom, emit: () => {} };
  const store = kind === 'memory' ? null : createStore(config, deps);
  if (store === null) throw new Error('these sessions cannot be reached from here');
  const rings = createKeyRings(config.session.keys, { ...deps, dataDir: config.dataDir });
  const close = async (): Promise<void> => {
    rings.close();
    await store.close();
  };
  try {
    await store.ready();
    const directory =
      kind === 'cookie'
        ? createDenialDirectory(config.session, { ...deps, store })
        : createSessionDirectory({
            ...deps,
            store,
            keyRing: rings.tokens,
            limits: createLimits(config.session),
            providers: Object.keys(config.providers),
          });
    return { directory, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Sessions in cookies can be denied from here; those that they are of hear of it through the store. */
function createDenialDirectory(
  session: Config['session'],
  deps: { readonly store: Store; readonly clock: Clock; readonly emit: Emit },
): SessionDirectory {
  const nobody = { onDenied: () => {}, onUncertain: () => {} };
  const denyList = createDenyList({ ...deps, ...nobody, absolute: session.absoluteTimeout });
  return createCookieSessionDirectory({ ...deps, ...nobody, fleet: { denyList, store: deps.store } });
}
