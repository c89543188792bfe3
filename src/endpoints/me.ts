/** `GET me`: tells the application's own pages who is signed in and until when. Never a token. */
import { noCookies, type SetCookies } from '../core/decision.ts';
import type { RequestHead } from '../core/request-head.ts';
import type { Session } from '../core/session.ts';
import { jsonAnswer } from './answers.ts';
import { type EndpointContext, loginUrl, ownUrl } from './context.ts';
import type { Endpoint } from './endpoint.ts';
import { readQuery, single } from './form.ts';
import { problemResponse, sessionChallenge } from './problem.ts';
import { mayRead } from './same-origin.ts';

/** What `me` answers. Times are ISO 8601 in UTC, as `new Date()` reads and `toISOString` writes them. */
export interface Me {
  readonly sub: string;
  /** Name of the provider in the configuration. */
  readonly provider: string;
  /** Those of `endpoints.me.claims` that the session has. */
  readonly claims: Readonly<Record<string, unknown>>;
  /** When the session ends unless it is used before. */
  readonly expiresAt: string;
  /** When it ends however much it is used. */
  readonly absoluteExpiresAt: string;
  /** POST there to sign out; a GET shows a page that does. */
  readonly logoutUrl: string;
  /** The static header that routes with `csrf: header` ask for. */
  readonly csrf: { readonly header: 'X-CSRF'; readonly value: '1' };
}

/** `?slide=false` asks without keeping the session alive (SC-019). Fails as `Sessions.authenticate` does. */
export function createMe(context: EndpointContext): Endpoint {
  return async (head) => {
    if (!mayRead(head, context.publicUrl)) return refuseOtherSite(head);
    const slide = single(readQuery(head), 'slide') !== 'false';
    const authentication = await context.sessions.authenticate(head, { slide });
    if (authentication.kind !== 'session') {
      return nobody(
        context,
        head,
        authentication.kind === 'rejected' ? authentication.setCookies : noCookies,
      );
    }
    const { session, setCookies } = authentication;
    return jsonAnswer(describe(context, session), { status: 200, reason: 'me', setCookies, session });
  };
}

function describe(context: EndpointContext, session: Session): Me {
  return {
    sub: session.identity.subject,
    provider: session.identity.provider,
    claims: allowedClaims(session, context.config.me.claims),
    expiresAt: new Date(session.expiresAt).toISOString(),
    absoluteExpiresAt: new Date(session.absoluteExpiresAt).toISOString(),
    logoutUrl: ownUrl(context, context.config.paths.logout),
    csrf: { header: 'X-CSRF', value: '1' },
  };
}

/**
 * Never shown, whatever the configuration says: distributed claims carry access tokens of their own (OpenID Connect
 * Core section 5.6.2).
 */
const neverShown = new Set(['_claim_names', '_claim_sources']);

/** Own properties only, into an object without prototype (RP-100). */
function allowedClaims(session: Session, names: readonly string[]): Record<string, unknown> {
  const claims: Record<string, unknown> = Object.create(null);
  for (const name of names) {
    if (!neverShown.has(name) && Object.hasOwn(session.identity.claims, name)) {
      claims[name] = session.identity.claims[name];
    }
  }
  return claims;
}

function nobody(context: EndpointContext, head: RequestHead, setCookies: SetCookies) {
  return problemResponse(
    {
      status: 401,
      title: 'Nobody is signed in',
      code: 'login-required',
      requestId: head.id,
      loginUrl: loginUrl(context, null),
    },
    { setCookies, headers: sessionChallenge },
  );
}

/** Belt and braces beside `Cross-Origin-Resource-Policy`: what another site cannot ask it cannot leak (SC-043). */
function refuseOtherSite(head: RequestHead) {
  return problemResponse({
    status: 403,
    title: 'Another site may not ask this',
    code: 'cross-site',
    requestId: head.id,
  });
}
