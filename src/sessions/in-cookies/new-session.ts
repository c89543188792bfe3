/** A session at its beginning, as it will be sealed. */
import type { Clock, RandomBytes } from '../../core/clock.ts';
import type { Provider, SignedIn } from '../../oidc/provider.ts';
import type { Limits } from '../limits.ts';
import type { SealedSession } from './sealed-session.ts';

const idBytes = 32;

export function createSession(
  { subject, claims, tokens }: SignedIn,
  from: { readonly origin: string; readonly provider: Provider; readonly startedAt: number | undefined },
  deps: { readonly limits: Limits; readonly clock: Clock; readonly random: RandomBytes },
): SealedSession {
  const { origin, provider } = from;
  const { iat, sid } = claims;
  const now = deps.clock.now();
  return {
    id: deps.random(idBytes).toString('base64url'),
    turn: 0,
    startedAt: from.startedAt ?? now,
    issuedAt: typeof iat === 'number' && Number.isFinite(iat) && iat >= 0 ? iat : null,
    endsAt: now + deps.limits.absolute,
    record: {
      origin,
      provider: provider.name,
      issuer: provider.issuer,
      subject,
      claims,
      tokens,
      tokensReceivedAt: now,
      createdAt: now,
      lastSeenAt: now,
      sid: typeof sid === 'string' && sid !== '' ? sid : null,
      // Where from is for lists of sessions, and there is none of those in cookies.
      address: '',
      userAgent: null,
      fence: 0,
    },
  };
}
