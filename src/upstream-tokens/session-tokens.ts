/** The tokens of sessions and callers as they go into requests: those of a session written once for each token set. */
import type { ApiCaller } from '../core/api-caller.ts';
import type { TokenSet } from '../core/identity.ts';
import type { Session } from '../core/session.ts';
import type { UpstreamToken } from '../core/upstream-token.ts';
import type { Providers } from '../oidc/provider.ts';
import type { Sessions } from '../sessions/sessions.ts';
import { audiencesOfToken } from './audiences.ts';
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
}

interface Written {
  readonly access: SentToken;
  readonly id: SentToken;
}

export function createSessionTokens({ providers, sessions }: SessionTokensDeps): SessionTokens {
  const ofSessions = new WeakMap<TokenSet, Written>();

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
    return {
      access: sentToken(plain, accessToken, {
        ...plain,
        // One for this token, however many requests it was refused with.
        renew() {
          renewing ??= renew(session).finally(() => {
            renewing = null;
          });
          return renewing;
        },
      }),
      id: sentToken(bearerToken(idToken), idToken),
    };
  };

  const renew = async (session: Session): Promise<UpstreamToken | null> => {
    const renewed = await sessions.renew(session).catch(() => null);
    const isOther = renewed !== null && renewed.tokens.accessToken !== session.tokens.accessToken;
    return isOther ? written(renewed).access.renewable : null;
  };

  return {
    access: (session) => written(session).access,
    id: (session) => written(session).id,
    own(caller) {
      if (caller.token === null || caller.scheme !== 'Bearer') return null;
      // Not kept: most tokens of callers come once, and an entry for each in a weak map costs more than writing it anew.
      const plain = bearerToken(caller.token);
      return { plain, renewable: plain, audiences: () => caller.audiences };
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
