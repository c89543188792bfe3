/**
 * Makes sessions that live in the browser's cookies alone (`session.store: cookie`): the same interface as over a store.
 * What this process knows of a session is a copy that it may forget; who it is for, until when, and with which tokens
 * is in the cookies. Only that a session has ended cannot be: a deny-list, where there is one, says so.
 */
import type { Authentication } from '../../core/authentication.ts';
import type { Clock, RandomBytes } from '../../core/clock.ts';
import { noCookies, type SetCookies } from '../../core/decision.ts';
import { SallyportError } from '../../core/errors.ts';
import type { Emit } from '../../core/events.ts';
import type { MaybePromise } from '../../core/maybe-promise.ts';
import type { RequestHead } from '../../core/request-head.ts';
import type { SessionEndReason } from '../../core/session.ts';
import type { KeyRings } from '../../keys/key-ring.ts';
import type { Providers } from '../../oidc/provider.ts';
import { createLocks } from '../../stores/locks.ts';
import type { Store } from '../../stores/store.ts';
import { ambiguous, createNumberedCookieReader } from '../cookie-header.ts';
import type { CookieNames } from '../cookie-names.ts';
import { createEndings } from '../endings.ts';
import { createHolds } from '../holds.ts';
import { createLimits } from '../limits.ts';
import type { LiveSession } from '../live-session.ts';
import type { SessionConfig } from '../session-config.ts';
import type { AuthenticateOptions, Sessions } from '../sessions.ts';
import { createCookieAdmission } from './cookie-admission.ts';
import { createCookieSessionCache, type Hit } from './cookie-session-cache.ts';
import { createCookieSessionDirectory } from './cookie-session-directory.ts';
import { createCookieSessionWriter } from './cookie-session-writer.ts';
import { createCookieUpkeep } from './cookie-upkeep.ts';
import { createSession } from './new-session.ts';
import { createOwnLocks } from './own-locks.ts';
import { createCutter, mostPieces } from './pieces.ts';
import { createSessionSealer } from './session-sealer.ts';
import { createSharedRefreshes } from './shared-refreshes.ts';
import { createVerdicts } from './verdicts.ts';

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

const everyRequest: AuthenticateOptions = { slide: true };
const none: Authentication = { kind: 'none' };
/** Characters that a session may grow by while only its times change: what fits at sign-in fits until it ends. */
const spare = 64;
/**
 * Milliseconds after an end in which the answer that told of it is still on its way: a request that was sent before and
 * is answered after it must not clear the cookies of the session that came next.
 */
const settling = 60_000;
/** While releases or keys are mixed the next request may meet a node that can read it (FL-042, FL-043). */
const forAnotherNode: ReadonlySet<string> = new Set(['newer', 'unknown-key']);
/** The answer that ended these sessions took care of the cookies. */
const clearedAlready: ReadonlySet<string> = new Set<SessionEndReason>(['logout', 'replaced']);

export function createCookieSessions(config: SessionConfig, deps: CookieSessionsDeps): Sessions {
  const { rings, providers, cookieNames, clock, random, emit, denyStore } = deps;
  const { origin } = deps.publicUrl;
  const limits = createLimits(config);
  const { secure } = cookieNames;
  const cutter = createCutter({ name: cookieNames.session, sameSite: config.cookie.sameSite, secure });
  const readPieces = createNumberedCookieReader(cutter.prefix, mostPieces);
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
  const verdicts = createVerdicts({
    store: denyStore,
    cache,
    holds,
    endings,
    clock,
    absolute: limits.absolute,
  });
  const { denyList } = verdicts;
  const shared =
    denyStore === null ? null : createSharedRefreshes({ store: denyStore, keyRing: rings.tokens, clock });
  const fleet = denyList === null || shared === null ? null : { denyList, shared };
  const writer = createCookieSessionWriter({ cache, sealer, clock, fleet, onTooLarge: endTooLarge });
  const upkeep = createCookieUpkeep(
    { limits, before: config.refresh.before, lookEvery: deps.lookEvery ?? 1000 },
    {
      writer,
      locks: denyStore === null ? createOwnLocks() : createLocks({ store: denyStore, clock }),
      cache,
      holds,
      endings,
      clock,
      random,
      emit,
      onRejected: endRejected,
      onLook: () => void verdicts.judgeHeld(),
    },
  );
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

  const rejected = (reason: string, head: RequestHead, settled = false): Authentication => {
    const stay = forAnotherNode.has(reason) || (clearedAlready.has(reason) && !settled);
    return { kind: 'rejected', reason, setCookies: stay ? noCookies : sealer.clearSent(head.headers, 0) };
  };

  /** With the newest cookies when the request came with older ones. */
  const answer = ({ session, pieces }: Hit): Authentication => {
    const { live } = session;
    if (pieces === session.latest) {
      session.seen = true;
      return live.answer;
    }
    if (session.setCookies.length === 0)
      session.setCookies.push(...sealer.setCookies(session.latest, session.pieces));
    return { ...live.answer, setCookies: session.setCookies };
  };

  const judge = (hit: Hit, head: RequestHead, options: AuthenticateOptions): MaybePromise<Authentication> => {
    if (verdicts.isCurrent(hit.session)) return attend(hit, head, options);
    return verdicts.judge(hit.session).then((denial) => {
      if (denial === null) return attend(hit, head, options);
      return rejected(denial.reason, head, clock.now() - denial.at > settling);
    });
  };

  const attend = (
    hit: Hit,
    head: RequestHead,
    { slide, renew }: AuthenticateOptions,
  ): MaybePromise<Authentication> => {
    const { session } = hit;
    const { live } = session;
    if (live.ended !== null) return rejected(live.ended, head);
    const limit = upkeep.expire(session);
    if (limit !== null) return rejected(limit, head);
    if (renew === false) return answer(hit);
    const waiting = upkeep.attend(session, slide);
    if (waiting === null) return answer(hit);
    return waiting.then(() => (live.ended === null ? answer(hit) : rejected(live.ended, head)));
  };

  /** A key is gone: what it sealed has to come again and be refused, or is held open and ends now (SC-015). */
  function reopen(): void {
    cache.forgetCookies();
    for (const { key } of [...holds.sessions()]) {
      const session = cache.get(key);
      if (session !== null && sealer.open(session.latest.values).kind !== 'opened') endings.drop(key);
    }
  }

  function endTooLarge(live: LiveSession): void {
    const about = { provider: live.provider.name, session: live.logId };
    emit('session.refresh-failed', { ...about, reason: 'session-too-large' });
    endings.end(live.key, 'refresh-rejected');
  }

  async function endRejected({ key }: LiveSession): Promise<void> {
    try {
      await verdicts.end(key, 'refresh-rejected');
    } catch {
      // Its tokens are worth nothing any more: other nodes will find that out as well.
      endings.end(key, 'refresh-rejected');
    }
  }

  /** The session that the browser came with, if its cookies open one, ends with the new one (SC-001, SC-002). */
  async function endReplaced(head: RequestHead): Promise<void> {
    const values = readPieces(head.headers);
    if (values === null || values === ambiguous) return;
    const admitted = admission.admit(values);
    if (typeof admitted !== 'string') await verdicts.end(admitted.session.live.key, 'replaced');
  }

  return {
    authenticate(head, options = everyRequest) {
      const values = readPieces(head.headers);
      if (values === null) return none;
      if (values === ambiguous) return rejected('ambiguous', head);
      const known = cache.find(values);
      if (known !== null) {
        const { live, judged } = known.session;
        const now = clock.now();
        const calm = now >= live.calmFrom && now < live.calmUntil;
        if (!calm || !(fleet === null || fleet.denyList.isCurrent(judged)))
          return judge(known, head, options);
        if (options.slide && now - live.lastSeenAt >= 1000) upkeep.touch(live, now);
        return answer(known);
      }
      const admitted = admission.admit(values);
      return typeof admitted === 'string' ? rejected(admitted, head) : judge(admitted, head, options);
    },

    async begin(head, provider, signedIn, startedAt) {
      const known = providers.get(provider);
      if (known === undefined) throw new Error(`no provider ${provider}`);
      const sealed = createSession(
        signedIn,
        { origin, provider: known, startedAt },
        { limits, clock, random },
      );
      const pieces = sealer.seal(sealed, spare);
      if (pieces === null) throw tooLarge();
      const session = admission.open(sealed, pieces, known);
      // Known from here on, so that a logout that is told of meanwhile ends it.
      admission.add(session);
      try {
        await Promise.all([verdicts.judge(session), endReplaced(head)]);
        if (session.live.ended !== null) throw loggedOutMeanwhile();
      } catch (error) {
        cache.remove(session.live);
        throw error;
      }
      const setCookies = [...sealer.setCookies(pieces, 0), ...sealer.clearSent(head.headers, pieces.count)];
      return { session: session.live.answer.session, setCookies };
    },

    async end(session, reason) {
      await verdicts.end(session.key, reason);
      return sealer.clearAll();
    },

    clearCookies: () => sealer.clearAll() as SetCookies,

    hold(session, onEnd) {
      // One that is not known any more could not be told of its end.
      const ended = endings.find(session.key) ?? (cache.get(session.key) === null ? 'elsewhere' : null);
      if (ended === null) return holds.add(session, onEnd);
      queueMicrotask(() => onEnd(ended));
      return () => {};
    },

    count: () => null,
    directory: createCookieSessionDirectory({
      fleet: denyList === null || denyStore === null ? null : { denyList, store: denyStore },
      clock,
      emit,
      onDenied: verdicts.endDenied,
    }),
    reverify: reopen,
    close: () => upkeep.close(),
  };
}

function tooLarge(): SallyportError {
  return new SallyportError(
    'ERR_LOGIN_FAILED',
    'claims and tokens are too large for a session in cookies: ask the provider for fewer scopes and claims, or keep sessions in a store (session.store)',
    { detail: 'session-too-large' },
  );
}

function loggedOutMeanwhile(): SallyportError {
  return new SallyportError(
    'ERR_LOGIN_EXPIRED',
    'the provider told of a logout while the login was under way',
    {
      detail: 'logged-out',
    },
  );
}
