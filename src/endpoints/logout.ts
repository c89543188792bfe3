/**
 * `POST logout` ends the session here, then at the provider (OpenID Connect RP-Initiated Logout 1.0); with
 * `everywhere=1` all sessions of the person. `GET logout` only shows a page that posts, so that no link or picture of
 * another site signs anybody out (RD-053).
 */
import type { Respond, SetCookies } from '../core/decision.ts';
import type { ReadBody, RequestHead } from '../core/request-head.ts';
import { requestHeader } from '../core/request-head.ts';
import type { Session } from '../core/session.ts';
import { goodbyePage, goodbyeScriptHash } from '../pages/goodbye-page.ts';
import { logoutPage } from '../pages/logout-page.ts';
import { jsonAnswer, pageAnswer, redirectAnswer } from './answers.ts';
import { type EndpointContext, justLook, ownUrl } from './context.ts';
import type { Endpoint } from './endpoint.ts';
import { renderRefusal } from './failure.ts';
import { readForm, readQuery, single } from './form.ts';
import { type AtProvider, findGoodbye, revokeTokens } from './leave-provider.ts';
import { accepts } from './navigation.ts';
import { ownSessions, sessionId } from './own-sessions.ts';
import { isSameOriginAction } from './same-origin.ts';

export function createLogout(context: EndpointContext): {
  readonly page: Endpoint;
  readonly action: Endpoint;
} {
  return { page: createPage(context), action: createAction(context) };
}

/** A browser holds the whole chain of redirects after a form to `form-action`, and a provider may lead on to others. */
function onwards({ publicUrl }: EndpointContext): string {
  return publicUrl.protocol === 'https:' ? "'self' https:" : "'self' http: https:";
}

function createPage(context: EndpointContext): Endpoint {
  const { config, home, sessions } = context;
  return async (head) => {
    const target = readTarget(context, readQuery(head));
    const action = target === null ? '' : `?returnTo=${encodeURIComponent(target)}`;
    const everywhere = sessions.directory.abilities !== 'none';
    const page = logoutPage({ action: config.paths.logout + action, homeUrl: home, everywhere });
    return pageAnswer(page, {
      status: 200,
      reason: 'logout-page',
      formAction: onwards(context),
      referrerPolicy: 'same-origin',
    });
  };
}

/**
 * Fails with `ERR_STORE_UNAVAILABLE` when a record cannot be removed: nobody is told to be signed out who is not. The
 * provider is never waited for for long.
 */
function createAction(context: EndpointContext): Endpoint {
  const { sessions, publicUrl } = context;
  return async (head, readBody) => {
    if (!isSameOriginAction(head, publicUrl)) return refuseOtherSite(context, head);
    const fields = await readFields(head, readBody);
    const target = readTarget(context, fields);
    const everywhere = single(fields, 'everywhere') === '1';
    if (everywhere && sessions.directory.abilities === 'none') return refuseEverywhere(context, head);
    const authentication = await sessions.authenticate(head, justLook);
    if (authentication.kind !== 'session') {
      const location = target ?? ownUrl(context, context.config.paths.signedOut);
      return leave(head, location, { setCookies: sessions.clearCookies(), session: null });
    }
    if (everywhere) await endOthers(context, authentication.session);
    return endSession(context, { head, session: authentication.session, target });
  };
}

/** The own one comes last: when the store fails in between, the person is still there to try again. */
async function endOthers({ sessions }: EndpointContext, session: Session): Promise<void> {
  await sessions.directory.end(ownSessions(session), { reason: 'person', except: sessionId(session) });
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
  if (provider !== undefined) revokeTokens(provider, session.tokens);

  // What a script reads holds no token; then the provider asks the person, as it may (section 2 of the specification).
  const withHint = !isScript(head);
  const atProvider = await findGoodbye(context, { session, target, withHint });
  if (atProvider === null) {
    const location = target ?? `${ownUrl(context, context.config.paths.signedOut)}?local=1`;
    return leave(head, location, { setCookies: cleared, session });
  }
  const options = { setCookies: [...cleared, atProvider.setCookie], session };
  return withHint && atProvider.form !== null && isPage(head)
    ? postOnwards(context, atProvider.form, options)
    : leave(head, atProvider.url, options);
}

interface LeaveOptions {
  readonly setCookies: SetCookies;
  readonly session: Session | null;
}

function postOnwards(
  context: EndpointContext,
  form: NonNullable<AtProvider['form']>,
  options: LeaveOptions,
): Respond {
  return pageAnswer(goodbyePage(form), {
    ...options,
    status: 200,
    reason: 'logged-out',
    formAction: onwards(context),
    scriptSource: goodbyeScriptHash,
  });
}

/** Whether a browser shows the answer as a page of its own, for certain: a page with a token in it is for no script. */
function isPage(head: RequestHead): boolean {
  return requestHeader(head, 'sec-fetch-dest') === 'document';
}

/** Whether a script waits for the answer, and may read it: it says so, or the browser does. */
function isScript(head: RequestHead): boolean {
  const mode = requestHeader(head, 'sec-fetch-mode');
  return accepts(head, 'application/json') || (mode !== null && mode !== 'navigate');
}

/** A script gets the address to go to: it could not follow a redirect to another origin (RD-027). */
function leave(head: RequestHead, location: string, options: LeaveOptions): Respond {
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

/** Said before anything is done: who asked for everywhere must not believe that one session was all. */
function refuseEverywhere(context: EndpointContext, head: RequestHead): Respond {
  return renderRefusal(
    head,
    {
      status: 501,
      title: 'You are still signed in',
      text: 'Sessions in other browsers cannot be ended from here, so nothing was done. Sign out in each of them.',
      reason: 'everywhere-unsupported',
    },
    { home: context.home },
  );
}
