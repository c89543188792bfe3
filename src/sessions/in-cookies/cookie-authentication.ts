/** From a request to the session that its cookies are, with what is due before it may answer. */
import type { SessionAuthentication } from '../../core/authentication.ts';
import type { Clock } from '../../core/clock.ts';
import { noCookies } from '../../core/decision.ts';
import type { MaybePromise } from '../../core/maybe-promise.ts';
import type { RequestHead } from '../../core/request-head.ts';
import type { SessionEndReason } from '../../core/session.ts';
import { ambiguous, type ReadNumberedCookies } from '../cookie-header.ts';
import type { AuthenticateOptions, Sessions } from '../sessions.ts';
import type { Hit } from './cookie-session-cache.ts';
import type { CookieSessionParts } from './cookie-session-parts.ts';

const everyRequest: AuthenticateOptions = { slide: true };
const none: SessionAuthentication = { kind: 'none' };
/**
 * Milliseconds after an end in which the answer that told of it is still on its way: a request that was sent before and
 * is answered after it must not clear the cookies of the session that came next.
 */
const settling = 60_000;
/** While releases or keys are mixed the next request may meet a node that can read it (FL-042, FL-043). */
const forAnotherNode: ReadonlySet<string> = new Set(['newer', 'unknown-key']);
/** The answer that ended these sessions took care of the cookies. */
const clearedAlready: ReadonlySet<string> = new Set<SessionEndReason>(['logout', 'replaced']);

export type CookieAuthenticationDeps = Pick<
  CookieSessionParts,
  'sealer' | 'cache' | 'verdicts' | 'upkeep' | 'admission'
> & { readonly readPieces: ReadNumberedCookies; readonly clock: Clock };

export function createCookieAuthentication(deps: CookieAuthenticationDeps): Sessions['authenticate'] {
  const { sealer, cache, verdicts, upkeep, admission, readPieces, clock } = deps;
  const { denyList } = verdicts;

  const rejected = (reason: string, head: RequestHead, settled = false): SessionAuthentication => {
    const stay = forAnotherNode.has(reason) || (clearedAlready.has(reason) && !settled);
    return { kind: 'rejected', reason, setCookies: stay ? noCookies : sealer.clearSent(head.headers, 0) };
  };

  /** With the newest cookies when the request came with older ones. */
  const answer = ({ session, pieces }: Hit): SessionAuthentication => {
    const { live } = session;
    if (pieces === session.latest) {
      session.seen = true;
      return live.answer;
    }
    if (session.setCookies.length === 0)
      session.setCookies.push(...sealer.setCookies(session.latest, session.pieces));
    return { ...live.answer, setCookies: session.setCookies };
  };

  const judge = (
    hit: Hit,
    head: RequestHead,
    options: AuthenticateOptions,
  ): MaybePromise<SessionAuthentication> => {
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
  ): MaybePromise<SessionAuthentication> => {
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

  return (head, options = everyRequest) => {
    const values = readPieces(head.headers);
    if (values === null) return none;
    if (values === ambiguous) return rejected('ambiguous', head);
    const known = cache.find(values);
    if (known !== null) {
      const { live, judged } = known.session;
      const now = clock.now();
      const calm = now >= live.calmFrom && now < live.calmUntil;
      if (!calm || !(denyList === null || denyList.isCurrent(judged))) return judge(known, head, options);
      if (options.slide && now - live.lastSeenAt >= 1000) upkeep.touch(live, now);
      return answer(known);
    }
    const admitted = admission.admit(values);
    return typeof admitted === 'string' ? rejected(admitted, head) : judge(admitted, head, options);
  };
}
