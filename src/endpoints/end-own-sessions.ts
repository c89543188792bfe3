/** `POST sessions`: ends one of a person's own sessions (`session=<id>`), or all but the current one (`all=others`). */
import type { Respond, SetCookies } from '../core/decision.ts';
import { SallyportError } from '../core/errors.ts';
import type { RequestHead } from '../core/request-head.ts';
import type { Session } from '../core/session.ts';
import { jsonAnswer, redirectAnswer } from './answers.ts';
import { type EndpointContext, justLook, ownUrl } from './context.ts';
import type { Endpoint } from './endpoint.ts';
import { renderRefusal } from './failure.ts';
import { readForm, single } from './form.ts';
import { revokeTokens } from './leave-provider.ts';
import { prefersHtml } from './navigation.ts';
import { ownSessions, sessionId } from './own-sessions.ts';
import { cannotList, nobodySignedIn } from './own-sessions-list.ts';
import { isSameOriginAction } from './same-origin.ts';

/** What ids look like: anything else is not even looked for. */
const idPattern = /^[A-Za-z0-9_-]{43}$/;

/** Fails with `ERR_BAD_REQUEST` for a form that asks for neither or for both, and with `ERR_STORE_UNAVAILABLE`. */
export function createEndOwnSessions(context: EndpointContext): Endpoint {
  const { sessions, publicUrl } = context;
  return async (head, readBody) => {
    if (!isSameOriginAction(head, publicUrl)) return refuseOtherSite(context, head);
    if (sessions.directory.abilities !== 'all') return cannotList(context, head);
    const wish = readWish(await readForm(head, readBody));
    const authentication = await sessions.authenticate(head, justLook);
    if (authentication.kind !== 'session') {
      const setCookies = authentication.kind === 'rejected' ? authentication.setCookies : [];
      return nobodySignedIn(context, head, setCookies);
    }
    const { session, setCookies } = authentication;
    if (wish === sessionId(session)) return endCurrent(context, head, session);
    return endOthers(context, head, { wish, session, setCookies });
  };
}

/** The id of one session, or null for all others. */
function readWish(form: URLSearchParams): string | null {
  const id = single(form, 'session');
  const others = single(form, 'all') === 'others';
  if (others && !form.has('session')) return null;
  if (id === null || form.has('all') || !idPattern.test(id)) {
    throw new SallyportError('ERR_BAD_REQUEST', 'the form names no session to end');
  }
  return id;
}

interface Others {
  readonly wish: string | null;
  readonly session: Session;
  readonly setCookies: SetCookies;
}

/** The filter holds person and provider besides the id, so that a foreign id fits nothing. */
async function endOthers(
  { sessions, config, publicUrl }: EndpointContext,
  head: RequestHead,
  { wish, session, setCookies }: Others,
): Promise<Respond> {
  const filter = wish === null ? ownSessions(session) : { ...ownSessions(session), id: wish };
  const ended = await sessions.directory.end(filter, { reason: 'person', except: sessionId(session) });
  const options = { reason: 'sessions-ended', setCookies, session };
  return prefersHtml(head)
    ? redirectAnswer(publicUrl.origin + config.paths.sessions, options)
    : jsonAnswer({ ended }, { ...options, status: 200 });
}

/** A sign-out here; the provider is left alone, as the person is about to look at other sessions. */
async function endCurrent(context: EndpointContext, head: RequestHead, session: Session): Promise<Respond> {
  const setCookies = [...(await context.sessions.end(session, 'logout')), context.bounces.clear()];
  const provider = context.providers.get(session.identity.provider);
  if (provider !== undefined) revokeTokens(provider, session.tokens);
  const options = { reason: 'logged-out', setCookies, session };
  const location = `${ownUrl(context, context.config.paths.signedOut)}?local=1`;
  return prefersHtml(head)
    ? redirectAnswer(location, options)
    : jsonAnswer({ ended: 1, location }, { ...options, status: 200 });
}

function refuseOtherSite(context: EndpointContext, head: RequestHead): Respond {
  return renderRefusal(
    head,
    {
      status: 403,
      title: 'Nothing was ended',
      text: 'Another site asked to end a session of yours, so nothing was done.',
      reason: 'cross-site',
    },
    { home: context.home },
  );
}
