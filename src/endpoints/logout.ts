/**
 * `POST logout` ends the session here, then at the provider (OpenID Connect RP-Initiated Logout 1.0). `GET logout`
 * only shows a page that posts, so that no link or picture of another site signs anybody out (RD-053).
 */
import type { Respond, SetCookies } from '../core/decision.ts';
import type { ReadBody, RequestHead } from '../core/request-head.ts';
import { requestHeader } from '../core/request-head.ts';
import type { Session } from '../core/session.ts';
import { logoutPage } from '../pages/logout-page.ts';
import { jsonAnswer, pageAnswer, redirectAnswer } from './answers.ts';
import { type EndpointContext, justLook, ownUrl } from './context.ts';
import type { Endpoint } from './endpoint.ts';
import { renderRefusal } from './failure.ts';
import { readForm, readQuery, single } from './form.ts';
import { accepts } from './navigation.ts';
import { isSameOriginAction } from './same-origin.ts';

/** How long a logout waits for the metadata of the provider, in milliseconds (LO-047). */
const providerDeadline = 2000;

export function createLogout(context: EndpointContext): {
  readonly page: Endpoint;
  readonly action: Endpoint;
} {
  return { page: createPage(context), action: createAction(context) };
}

function createPage(context: EndpointContext): Endpoint {
  const { config, home, publicUrl } = context;
  // A browser holds the whole chain of redirects after a form to `form-action`, and a provider may lead on to others.
  const formAction = publicUrl.protocol === 'https:' ? "'self' https:" : "'self' http: https:";
  return async (head) => {
    const target = readTarget(context, readQuery(head));
    const action = target === null ? '' : `?returnTo=${encodeURIComponent(target)}`;
    const page = logoutPage({ action: config.paths.logout + action, homeUrl: home });
    return pageAnswer(page, {
      status: 200,
      reason: 'logout-page',
      formAction,
      referrerPolicy: 'same-origin',
    });
  };
}

/**
 * Fails with `ERR_STORE_UNAVAILABLE` when the record cannot be removed: nobody is told to be signed out who is not.
 * The provider is never waited for longer than `providerDeadline`.
 */
function createAction(context: EndpointContext): Endpoint {
  const { sessions, publicUrl } = context;
  return async (head, readBody) => {
    if (!isSameOriginAction(head, publicUrl)) return refuseOtherSite(context, head);
    const target = readTarget(context, await readFields(head, readBody));
    const authentication = await sessions.authenticate(head, justLook);
    if (authentication.kind !== 'session') {
      const location = target ?? ownUrl(context, context.config.paths.signedOut);
      return leave(head, location, { setCookies: sessions.clearCookies(), session: null });
    }
    return endSession(context, { head, session: authentication.session, target });
  };
}

interface Leaving {
  readonly head: RequestHead;
  readonly session: Session;
  readonly target: string | null;
}

async function endSession(context: EndpointContext, { head, session, target }: Leaving): Promise<Respond> {
  // The record first: whatever fails after this, the session is over (LO-040).
  const cleared = [...(await context.sessions.end(session, 'logout')), context.bounces.clear()];
  const provider = context.providers.get(session.identity.provider);
  const { refreshToken } = session.tokens;
  if (provider !== undefined && refreshToken !== null) void provider.revoke(refreshToken);

  // What a script reads holds no token; then the provider asks the person, as it may (section 2 of the specification).
  const idToken = isScript(head) ? null : session.tokens.idToken;
  const signedOut = ownUrl(context, context.config.paths.signedOut);
  const { state, setCookie } = context.afterLogout.begin(target);
  const atProvider =
    provider === undefined ? null : await withDeadline(provider.endSessionUrl(idToken, signedOut, state));
  if (atProvider === null) {
    return leave(head, target ?? `${signedOut}?local=1`, { setCookies: cleared, session });
  }
  return leave(head, atProvider, { setCookies: [...cleared, setCookie], session });
}

/** Null when it takes too long or fails: the way out never depends on the provider. */
async function withDeadline(url: Promise<string | null>): Promise<string | null> {
  const { promise: late, resolve } = Promise.withResolvers<null>();
  const timer = setTimeout(resolve, providerDeadline, null);
  try {
    return await Promise.race([url, late]);
  } catch {
    return null;
  } finally {
    clearTimeout(timer);
  }
}

/** Whether a script waits for the answer, and may read it: it says so, or the browser does. */
function isScript(head: RequestHead): boolean {
  const mode = requestHeader(head, 'sec-fetch-mode');
  return accepts(head, 'application/json') || (mode !== null && mode !== 'navigate');
}

/** A script gets the address to go to: it could not follow a redirect to another origin (RD-027). */
function leave(
  head: RequestHead,
  location: string,
  options: { readonly setCookies: SetCookies; readonly session: Session | null },
): Respond {
  const reason = 'logged-out';
  return isScript(head)
    ? jsonAnswer({ location }, { ...options, reason, status: 200 })
    : redirectAnswer(location, { ...options, reason });
}

/** The query, and a form when one was sent; a `fetch` may come without a body. */
async function readFields(head: RequestHead, readBody: ReadBody): Promise<URLSearchParams> {
  const query = readQuery(head);
  if (requestHeader(head, 'content-type') === null) return query;
  const form = await readForm(head, readBody);
  return new URLSearchParams([...query, ...form]);
}

/** Null when there is none, or none that is good. */
function readTarget({ returnTo }: EndpointContext, fields: URLSearchParams): string | null {
  const value = single(fields, 'returnTo');
  return value === null ? null : returnTo.accept(value);
}

function refuseOtherSite(context: EndpointContext, head: RequestHead): Respond {
  return renderRefusal(
    head,
    {
      status: 403,
      title: 'You are still signed in',
      text: 'Another site asked to sign you out, so nothing was done. Sign out from here if you want to.',
      reason: 'cross-site',
    },
    { home: context.home },
  );
}
