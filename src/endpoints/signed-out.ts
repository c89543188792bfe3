/** `GET signed-out`: where a logout ends, here or back from the provider. Public; changes no session (LO-044). */
import type { SessionAuthentication } from '../core/authentication.ts';
import type { Respond } from '../core/decision.ts';
import { type RequestHead, requestHeader } from '../core/request-head.ts';
import { signedOutPage, stillSignedInPage } from '../pages/signed-out-page.ts';
import { pageAnswer, redirectAnswer } from './answers.ts';
import { type EndpointContext, justLook, loginUrl, ownUrl } from './context.ts';
import type { Endpoint } from './endpoint.ts';
import { readQuery, single } from './form.ts';

/**
 * The browser drops the pages that it keeps for its Back button, so that the next person at it sees none of them
 * (LO-051, https://www.w3.org/TR/clear-site-data/): applications rarely say `no-store` themselves. It is said here and
 * not in the answer to the logout, because a page is kept only once the browser has left it.
 */
const forgetPages = ['clear-site-data', '"cache"'];

/**
 * Leads on to what the logout asked for, if this browser comes back from it; otherwise a page. `state` is nothing but
 * the proof of that (LO-045), and `local=1` chooses a sentence: the provider was not told (LO-041). Fails with
 * `ERR_STORE_UNAVAILABLE` when it cannot tell whether the session that the browser shows has ended.
 */
export function createSignedOut(context: EndpointContext): Endpoint {
  const { sessions, afterLogout, returnTo } = context;
  return async (head) => {
    const authentication = await sessions.authenticate(head, justLook);
    if (authentication.kind === 'session') return stillSignedIn(context, authentication);
    const remembered = afterLogout.recall(head);
    const forget = remembered === null ? [] : [afterLogout.clear()];
    const setCookies =
      authentication.kind === 'rejected' ? [...authentication.setCookies, ...forget] : forget;
    const returns = remembered !== null && remembered.state === single(readQuery(head), 'state');
    const headers = returns || isOwnNavigation(head) ? forgetPages : [];
    const options = { reason: 'signed-out', setCookies, headers };
    const target = returns ? returnTo.accept(remembered.target) : null;
    return target === null
      ? pageAnswer(signedOut(context, head), { ...options, status: 200 })
      : redirectAnswer(target, options);
  };
}

/** Whether a page of our own led here: what another site opens or embeds must not empty anybody's cache. */
function isOwnNavigation(head: RequestHead): boolean {
  return (
    requestHeader(head, 'sec-fetch-site') === 'same-origin' &&
    requestHeader(head, 'sec-fetch-dest') === 'document'
  );
}

function signedOut(context: EndpointContext, head: RequestHead) {
  const providerSessionMayLive = single(readQuery(head), 'local') === '1';
  return signedOutPage({ loginUrl: loginUrl(context, null), providerSessionMayLive });
}

function stillSignedIn(
  context: EndpointContext,
  { session, setCookies }: Extract<SessionAuthentication, { kind: 'session' }>,
): Respond {
  const logoutUrl = ownUrl(context, context.config.paths.logout);
  const page = stillSignedInPage({ logoutUrl, homeUrl: context.home });
  return pageAnswer(page, { status: 200, reason: 'still-signed-in', setCookies, session });
}
