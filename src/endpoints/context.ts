/** What every endpoint is made of: configuration and collaborators, and what `createEndpoints` derives from them. */
import type { Clock, RandomBytes } from '../core/clock.ts';
import type { Emit } from '../core/events.ts';
import type { Provider, Providers } from '../oidc/provider.ts';
import type { CookieNames } from '../sessions/cookie-names.ts';
import type { AuthenticateOptions, LoginTransactions, Sessions } from '../sessions/sessions.ts';
import type { AfterLogout } from './after-logout.ts';
import type { BounceCounter } from './bounce.ts';
import type { EndpointsConfig } from './endpoints-config.ts';
import type { ReturnTo } from './return-to.ts';

export type OwnCookieNames = Pick<CookieNames, 'session' | 'bounce' | 'secure'>;

export interface EndpointDeps {
  /** Scheme and host of everything that is emitted; never taken from a request (RD-024). */
  readonly publicUrl: URL;
  /** At least one; the first is where a login goes. */
  readonly providers: Providers;
  readonly sessions: Sessions;
  readonly transactions: LoginTransactions;
  readonly cookieNames: OwnCookieNames;
  /** `SameSite` of the session cookie: `strict` needs a page between the provider and the application (SC-045). */
  readonly sessionSameSite: 'lax' | 'strict';
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly emit: Emit;
}

export interface EndpointContext extends EndpointDeps {
  readonly config: EndpointsConfig;
  readonly returnTo: ReturnTo;
  readonly bounces: BounceCounter;
  readonly afterLogout: AfterLogout;
  /** Where a login goes that names no provider. */
  readonly provider: Provider;
  /** Where a page leads on to when there is nothing better: absolute. */
  readonly home: string;
}

/** To know whether there is a session: it slides no further, and nobody waits for the provider. */
export const justLook: AuthenticateOptions = { slide: false, renew: false };

/** Absolute URL of a path of our own. */
export function ownUrl(context: EndpointContext, path: string): string {
  return context.publicUrl.origin + path;
}

/** Absolute URL that starts a sign-in and leads to `target` afterwards. */
export function loginUrl(context: EndpointContext, target: string | null): string {
  const url = ownUrl(context, context.config.paths.login);
  return target === null || target === context.home ? url : `${url}?returnTo=${encodeURIComponent(target)}`;
}
