/**
 * Makes sessions that live in the browser's cookies alone (`session.store: cookie`): the same interface as over a store.
 * What this process knows of a session is a copy that it may forget; who it is for, until when, and with which tokens
 * is in the cookies. Only that a session has ended cannot be: a deny-list, where there is one, says so.
 */
import type { SetCookies } from '../../core/decision.ts';
import { SallyportError } from '../../core/errors.ts';
import type { RequestHead } from '../../core/request-head.ts';
import { ambiguous, createNumberedCookieReader } from '../cookie-header.ts';
import type { SessionConfig } from '../session-config.ts';
import type { Sessions } from '../sessions.ts';
import { createCookieAuthentication } from './cookie-authentication.ts';
import { createCookieSessionDirectory } from './cookie-session-directory.ts';
import { type CookieSessionsDeps, createCookieSessionParts } from './cookie-session-parts.ts';
import { createSession } from './new-session.ts';
import { mostPieces } from './pieces.ts';

export type { CookieSessionsDeps } from './cookie-session-parts.ts';

/** Characters that a session may grow by while only its times change: what fits at sign-in fits until it ends. */
const spare = 64;

export function createCookieSessions(config: SessionConfig, deps: CookieSessionsDeps): Sessions {
  const { providers, clock, random, emit, denyStore } = deps;
  const { origin } = deps.publicUrl;
  const parts = createCookieSessionParts(config, deps);
  const { limits, cutter, sealer, holds, cache, endings, verdicts, upkeep, admission } = parts;
  const { denyList } = verdicts;
  const readPieces = createNumberedCookieReader(cutter.prefix, mostPieces);

  /** A key is gone: what it sealed has to come again and be refused, or is held open and ends now (SC-015). */
  function reopen(): void {
    cache.forgetCookies();
    for (const { key } of [...holds.sessions()]) {
      const session = cache.get(key);
      if (session !== null && sealer.open(session.latest.values).kind !== 'opened') endings.drop(key);
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
    authenticate: createCookieAuthentication({ ...parts, readPieces, clock }),

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

    // New tokens would have to travel in an answer whose cookies were decided before: lost on the way, they end the session.
    renew: async () => null,

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
