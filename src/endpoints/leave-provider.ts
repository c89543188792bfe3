/** What is left to do at the provider when a session has ended here: tokens revoked, the way to say goodbye. */
import type { Session } from '../core/session.ts';
import type { Goodbye, Provider } from '../oidc/provider.ts';
import { type EndpointContext, ownUrl } from './context.ts';

/** How long a logout waits for the metadata of the provider, in milliseconds (LO-047). */
const providerDeadline = 2000;

/** In the background; whoever leaves does not wait for it, and it never fails (LO-047). */
export function revokeTokens(provider: Provider, tokens: Session['tokens']): void {
  const { refreshToken, accessToken } = tokens;
  if (refreshToken !== null) void provider.revoke(refreshToken);
  void provider.revoke(accessToken, 'access_token');
}

export interface AtProvider extends Goodbye {
  /** Remembers what the provider's answer shall lead to. */
  readonly setCookie: string;
}

export interface Leaver {
  readonly session: Session;
  /** Where the person shall end up, or null. */
  readonly target: string | null;
  /** Whether the ID token may go along: not where a script could read it. */
  readonly withHint: boolean;
}

/** Null when the provider has no place to say goodbye, or does not answer in time. Never fails. */
export async function findGoodbye(context: EndpointContext, leaver: Leaver): Promise<AtProvider | null> {
  const { session, target, withHint } = leaver;
  const provider = context.providers.get(session.identity.provider);
  if (provider === undefined) return null;
  const { state, setCookie } = context.afterLogout.begin(target);
  const idToken = withHint ? session.tokens.idToken : null;
  const signedOut = ownUrl(context, context.config.paths.signedOut);
  const goodbye = await withDeadline(provider.goodbye(idToken, signedOut, state));
  return goodbye === null ? null : { ...goodbye, setCookie };
}

/** Null when it takes too long or fails: the way out never depends on the provider. */
async function withDeadline(goodbye: Promise<Goodbye | null>): Promise<Goodbye | null> {
  const { promise: late, resolve } = Promise.withResolvers<null>();
  const timer = setTimeout(resolve, providerDeadline, null);
  try {
    return await Promise.race([goodbye, late]);
  } catch {
    return null;
  } finally {
    clearTimeout(timer);
  }
}
