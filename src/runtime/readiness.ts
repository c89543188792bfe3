/** Whether this process should get traffic now. */
import type { Readiness } from '../admin/admin-server.ts';
import type { Clock } from '../core/clock.ts';
import type { Providers } from '../oidc/provider.ts';
import type { Store } from '../stores/store.ts';

export type Phase = 'starting' | 'serving' | 'draining';

export interface ReadinessDeps {
  readonly phase: () => Phase;
  readonly store: Store;
  readonly providers: Providers;
  readonly clock: Clock;
}

/** How long a look at the store counts (milliseconds), so that asking often costs nothing. */
const readinessAge = 1000;

/**
 * Ready: serving, with a store that answers. A provider that is not known yet is told but does not count: sessions and
 * public routes work without it, and taking the gate out of service would not bring it back.
 */
export function createReadiness(deps: ReadinessDeps): () => Promise<Readiness> {
  let seenAt = Number.NEGATIVE_INFINITY;
  let storeAnswers = false;
  const lookAtStore = async (): Promise<void> => {
    seenAt = deps.clock.monotonic();
    try {
      await deps.store.get('readiness');
      storeAnswers = true;
    } catch {
      storeAnswers = false;
    }
  };
  return async (): Promise<Readiness> => {
    if (deps.clock.monotonic() - seenAt >= readinessAge) await lookAtStore();
    const checks: Record<string, string> = { state: deps.phase(), store: storeAnswers ? 'ok' : 'down' };
    for (const [name, provider] of deps.providers)
      checks[`provider.${name}`] = provider.isReady() ? 'ok' : 'unknown';
    return { ready: deps.phase() === 'serving' && storeAnswers, checks };
  };
}
