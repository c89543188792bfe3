/** Everything that sessions in cookies are made of, put together. */
import type { Clock, RandomBytes } from '../../core/clock.ts';
import type { Emit } from '../../core/events.ts';
import type { KeyRings } from '../../keys/key-ring.ts';
import type { Providers } from '../../oidc/provider.ts';
import { createLocks } from '../../stores/locks.ts';
import type { Store } from '../../stores/store.ts';
import type { CookieNames } from '../cookie-names.ts';
import { createEndings, type Endings } from '../endings.ts';
import { createHolds, type Holds } from '../holds.ts';
import { createLimits, type Limits } from '../limits.ts';
import type { LiveSession } from '../live-session.ts';
import type { SessionConfig } from '../session-config.ts';
import { type CookieAdmission, createCookieAdmission } from './cookie-admission.ts';
import { type CookieSessionCache, createCookieSessionCache } from './cookie-session-cache.ts';
import { createCookieSessionWriter } from './cookie-session-writer.ts';
import { type CookieUpkeep, createCookieUpkeep } from './cookie-upkeep.ts';
import { createOwnLocks } from './own-locks.ts';
import { type Cutter, createCutter } from './pieces.ts';
import { createSessionSealer, type SessionSealer } from './session-sealer.ts';
import { createSharedRefreshes } from './shared-refreshes.ts';
import { createVerdicts, type Verdicts } from './verdicts.ts';

export interface CookieSessionsDeps {
  /** `session.denyList`; null without one. */
  readonly denyStore: Store | null;
  readonly rings: Pick<KeyRings, 'cookies' | 'tokens'>;
  readonly providers: Providers;
  readonly cookieNames: CookieNames;
  readonly publicUrl: URL;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly emit: Emit;
  /** Milliseconds between looks at sessions that something holds on to. */
  readonly lookEvery?: number;
}

export interface CookieSessionParts {
  readonly limits: Limits;
  readonly cutter: Cutter;
  readonly sealer: SessionSealer;
  readonly holds: Holds;
  readonly cache: CookieSessionCache;
  readonly endings: Endings;
  readonly verdicts: Verdicts;
  readonly upkeep: CookieUpkeep;
  readonly admission: CookieAdmission;
}

export function createCookieSessionParts(
  config: SessionConfig,
  deps: CookieSessionsDeps,
): CookieSessionParts {
  const { rings, providers, cookieNames, clock, random, emit, denyStore } = deps;
  const limits = createLimits(config);
  const { absolute } = limits;
  const { sameSite } = config.cookie;
  const cutter = createCutter({ name: cookieNames.session, sameSite, secure: cookieNames.secure });
  const sealer = createSessionSealer(cutter, { keyRing: rings.cookies, random });
  const holds = createHolds();
  const cache = createCookieSessionCache({
    size: config.cacheSize,
    isPinned: (session) =>
      session.live.refreshing !== null ||
      holds.has(session.live.key) ||
      (!session.seen && clock.monotonic() < session.keptUntil),
  });
  const endings = createEndings({ cache, holds, clock, emit });
  const verdicts = createVerdicts({ store: denyStore, cache, holds, endings, clock, absolute });
  const { onTooLarge, onRejected } = createEnds({ endings, verdicts, emit });
  const fleet = createFleet(verdicts, deps);
  const writer = createCookieSessionWriter({ cache, sealer, clock, fleet, onTooLarge });
  const locks = denyStore === null ? createOwnLocks() : createLocks({ store: denyStore, clock });
  const onLook = () => void verdicts.judgeHeld();
  const upkeep = createCookieUpkeep(
    { limits, before: config.refresh.before, lookEvery: deps.lookEvery ?? 1000 },
    { writer, locks, cache, holds, endings, clock, random, emit, onRejected, onLook },
  );
  const { origin } = deps.publicUrl;
  const admission = createCookieAdmission({
    cache,
    sealer,
    writer,
    endings,
    upkeep,
    providers,
    origin,
    limits,
  });
  return { limits, cutter, sealer, holds, cache, endings, verdicts, upkeep, admission };
}

/** What nodes tell each other of, where there is a deny-list. */
function createFleet({ denyList }: Verdicts, { denyStore, rings, clock }: CookieSessionsDeps) {
  if (denyList === null || denyStore === null) return null;
  return { denyList, shared: createSharedRefreshes({ store: denyStore, keyRing: rings.tokens, clock }) };
}

/** How a session ends that cannot go on. */
function createEnds({
  endings,
  verdicts,
  emit,
}: Pick<CookieSessionParts, 'endings' | 'verdicts'> & { readonly emit: Emit }) {
  return {
    onTooLarge(live: LiveSession): void {
      const about = { provider: live.provider.name, session: live.logId };
      emit('session.refresh-failed', { ...about, reason: 'session-too-large' });
      endings.end(live.key, 'refresh-rejected');
    },
    async onRejected({ key }: LiveSession): Promise<void> {
      try {
        await verdicts.end(key, 'refresh-rejected');
      } catch {
        // Its tokens are worth nothing any more: other nodes will find that out as well.
        endings.end(key, 'refresh-rejected');
      }
    },
  };
}
