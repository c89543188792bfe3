/** What ties an exchange to its session, so that a session that is over has nothing open any longer (LO-048). */
import { SallyportError } from '../core/errors.ts';
import type { Session } from '../core/session.ts';
import type { CarrierContext } from './carrier-context.ts';

/** Why an exchange was ended with its session. One object: its stack would tell nothing. */
export const sessionEnded = new SallyportError('ERR_SESSION_ENDED', 'the session ended');

/** `end` is called once, soon after the session ends. Call the answer to let go. */
export function tieToSession(context: CarrierContext, session: Session, end: () => void): () => void {
  if (context.clock.now() < session.absoluteExpiresAt) return context.hold(session, end);
  // Held sessions are looked at now and then; one that is over by the clock is not left open until the next look.
  queueMicrotask(end);
  return () => {};
}
