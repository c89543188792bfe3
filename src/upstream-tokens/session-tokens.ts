/** The tokens of sessions and callers as they go into requests: written once for each token set and each caller. */
import type { ApiCaller } from '../core/api-caller.ts';
import type { Clock } from '../core/clock.ts';
import type { TokenSet } from '../core/identity.ts';
import type { Session } from '../core/session.ts';
import type { UpstreamToken } from '../core/upstream-token.ts';
import type { Providers } from '../oidc/provider.ts';
import type { Sessions } from '../sessions/sessions.ts';
import { audiencesOfToken } from './audiences.ts';
import { betweenForced } from './kept-token.ts';
import { bearerToken, type SentToken, toUpstreamToken } from './token-value.ts';

export interface SessionTokens {
  access(session: Session): SentToken;
  id(session: Session): SentToken;
  /** Null for a key, and for a token that is bound to a key of the caller's: nobody else can prove to hold that. */
  own(caller: ApiCaller): SentToken | null;
}

export interface SessionTokensDeps {
  readonly providers: Providers;
  readonly sessions: Pick<Sessions, 'renew'>;
  readonly clock: Clock;
}

interface Written {
  readonly access: SentToken;
  readonly id: SentToken;
  /** Monotonic time before which a 401 of an application renews nothing. */
  forceFrom: number;
}

export function createSessionTokens({ providers, sessions, clock }: SessionTokensDeps): SessionTokens {
  const ofSessions = new WeakMap<TokenSet, Written>();
  const ofCallers = new WeakMap<ApiCaller, SentToken>();

  const written = (session: Session): Written => {
    const found = ofSessions.get(session.tokens);
    if (found !== undefined) return found;
    const made = write(session);
    ofSessions.set(session.tokens, made);
    return made;
  };

  const write = (session: Session): Written => {
    const { accessToken, idToken } = session.tokens;
    const prove = providers.get(session.identity.provider)?.grants.prove ?? null;
    const plain = toUpstreamToken({ accessToken, scheme: prove === null ? 'Bearer' : 'DPoP' }, prove);
    let renewing: Promise<UpstreamToken | null> | null = null;
    const made: Written = {
      access: sentToken(plain, accessToken, {
        ...plain,
        // One for this token, however many requests it was refused with.
        renew() {
          renewing ??= renew(session, made).finally(() => {
            renewing = null;
          });
          return renewing;
        },
      }),
      id: sentToken(bearerToken(idToken), idToken),
      forceFrom: Number.NEGATIVE_INFINITY,
    };
    return made;
  };

  /** An application that takes no token at all must not cost the provider a refresh with each request. */
  const renew = async (session: Session, used: Written): Promise<UpstreamToken | null> => {
    const now = clock.monotonic();
    if (now < used.forceFrom) return null;
    used.forceFrom = now + betweenForced;
    const renewed = await sessions.renew(session).catch(() => null);
    if (renewed === null || renewed.tokens.accessToken === session.tokens.accessToken) return null;
    const next = written(renewed);
    next.forceFrom = Math.max(next.forceFrom, now + betweenForced);
    return next.access.renewable;
  };

  return {
    access: (session) => written(session).access,
    id: (session) => written(session).id,
    own(caller) {
      if (caller.token === null || caller.scheme !== 'Bearer') return null;
      const found = ofCallers.get(caller);
      if (found !== undefined) return found;
      const plain = bearerToken(caller.token);
      const made: SentToken = { plain, renewable: plain, audiences: () => caller.audiences };
      ofCallers.set(caller, made);
      return made;
    },
  };
}

function sentToken(plain: UpstreamToken, token: string, renewable = plain): SentToken {
  let audiences: readonly string[] | null = null;
  return {
    plain,
    renewable,
    audiences() {
      audiences ??= audiencesOfToken(token);
      return audiences;
    },
  };
}
