/** Who somebody is and for how long: everything behind `authenticate` and the own endpoints, put together. */
import type { Config } from '../config/schema.ts';
import type { Clock, RandomBytes } from '../core/clock.ts';
import type { Emit } from '../core/events.ts';
import { createKeyRings } from '../keys/create-key-rings.ts';
import type { KeyRings } from '../keys/key-ring.ts';
import { createProvider } from '../oidc/create-provider.ts';
import type { Providers } from '../oidc/provider.ts';
import { loginBudgetBesideSessions } from '../sessions/cookie-budget.ts';
import { type CookieNames, createCookieNames } from '../sessions/cookie-names.ts';
import { createSessions } from '../sessions/create-sessions.ts';
import { createCookieSessions } from '../sessions/in-cookies/create-cookie-sessions.ts';
import { createLoginTransactions } from '../sessions/login-transactions.ts';
import type { LoginTransactions, Sessions } from '../sessions/sessions.ts';
import { createMemoryStore } from '../stores/memory-store.ts';
import { createObservedStore } from '../stores/observed-store.ts';
import type { Store } from '../stores/store.ts';
import { createSweeper, type Sweeper } from '../stores/sweeper.ts';
import { createStore } from './create-store.ts';

export interface SharedDeps {
  readonly publicUrl: URL;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly emit: Emit;
}

function createProviders(config: Config, deps: SharedDeps): Providers {
  const redirectUri = deps.publicUrl.origin + config.endpoints.paths.callback;
  return new Map(
    Object.entries(config.providers).map(([name, one]) => [
      name,
      createProvider(name, one, { ...deps, redirectUri }),
    ]),
  );
}

export interface IdentityParts {
  readonly cookieNames: CookieNames;
  readonly rings: KeyRings;
  readonly store: Store;
  readonly sweeper: Sweeper;
  readonly providers: Providers;
  readonly sessions: Sessions;
  readonly transactions: LoginTransactions;
}

export type AllDeps = SharedDeps & IdentityParts;

/** Throws when the store or a key cannot be opened; nothing is left open then. */
export function createIdentityParts(config: Config, shared: SharedDeps): IdentityParts {
  const cookieNames = createCookieNames(config.session, shared.publicUrl);
  const providers = createProviders(config, shared);
  // What can fail comes first, the store last: nothing but the look at the key files has to be ended then.
  const rings = createKeyRings(config.session.keys, {
    ...shared,
    dataDir: config.session.store === 'memory' ? null : config.dataDir,
  });
  try {
    const configured = createStore(config, shared);
    // With sessions in cookies alone, what is given out once is given out once by this process.
    const store = createObservedStore(configured ?? createMemoryStore(shared), shared);
    const parts = { ...shared, cookieNames, providers, rings, store };
    const sessions =
      config.session.store === 'cookie'
        ? createCookieSessions(config.session, { ...parts, denyStore: configured === null ? null : store })
        : createSessions(config.session, { ...parts, keyRing: rings.tokens });
    rings.onRetired(sessions.reverify);
    return {
      ...parts,
      sweeper: createSweeper(store),
      sessions,
      transactions: createLoginTransactions({
        ...parts,
        keyRing: rings.cookies,
        ...(config.session.store === 'cookie' ? { budget: loginBudgetBesideSessions } : {}),
      }),
    };
  } catch (error) {
    rings.close();
    throw error;
  }
}
