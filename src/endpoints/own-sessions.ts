/** The sessions of the person who asks: the same person at the same provider, and never anybody else's. */
import type { Session } from '../core/session.ts';
import { sessionKeyPrefix } from '../sessions/session-cookie.ts';
import type { SessionFilter } from '../sessions/session-directory.ts';

/** Whatever is listed or ended for a person goes through this filter. */
export function ownSessions({ identity }: Session): SessionFilter {
  return { provider: identity.provider, subject: identity.subject };
}

/** `id` of its summary. */
export function sessionId({ key }: Session): string {
  return key.startsWith(sessionKeyPrefix) ? key.slice(sessionKeyPrefix.length) : key;
}
