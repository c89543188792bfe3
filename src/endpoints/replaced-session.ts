/**
 * A new sign-in ends the session that the browser had before (SC-002). At the callback the browser may not show it: a
 * form of another site brings no `SameSite=Lax` cookie, and a redirect by another site no `Strict` one. So the login
 * transaction, which is sealed and bound to the browser, remembers the session that was shown when it began.
 */
import type { RequestHead } from '../core/request-head.ts';
import type { Session } from '../core/session.ts';
import type { LoginTransaction } from '../sessions/sessions.ts';
import { type EndpointContext, justLook } from './context.ts';
import { sessionId } from './own-sessions.ts';

/** To be asked when a login begins. Null when there is none, or when the callback will show it. Never fails. */
export async function findReplaced(
  { provider, sessions, sessionSameSite }: EndpointContext,
  head: RequestHead,
): Promise<string | null> {
  if (provider.responseMode === 'query' && sessionSameSite === 'lax') return null;
  try {
    const authentication = await sessions.authenticate(head, justLook);
    return authentication.kind === 'session' ? sessionId(authentication.session) : null;
  } catch {
    // A store that is down does not keep anybody from signing in; the old session then ends by its own limits.
    return null;
  }
}

/** To be called when the new session has begun. In the background: nobody waits for it, and it never fails. */
export function endReplaced(
  { sessions: { directory } }: EndpointContext,
  { replaces }: LoginTransaction,
  begun: Session,
): void {
  if (replaces === undefined || replaces === sessionId(begun) || directory.abilities === 'none') return;
  directory.end({ id: replaces }, { reason: 'replaced' }).catch(() => {});
}
