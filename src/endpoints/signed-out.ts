/** `GET signed-out`: where a logout ends, here or back from the provider. Public; changes no session (LO-044). */
import { signedOutPage } from '../pages/signed-out-page.ts';
import { pageAnswer, redirectAnswer } from './answers.ts';
import { type EndpointContext, loginUrl } from './context.ts';
import type { Endpoint } from './endpoint.ts';
import { readQuery, single } from './form.ts';

/**
 * Leads on to what the logout asked for, if this browser remembers something; otherwise a page. Nothing is taken from
 * the query but `local=1`, which chooses a sentence: the provider was not told (LO-041). `state` is not ours (LO-045).
 */
export function createSignedOut(context: EndpointContext): Endpoint {
  return async (head) => {
    const remembered = context.afterLogout.recall(head);
    const target = remembered === null ? null : context.returnTo.accept(remembered);
    const setCookies = remembered === null ? [] : [context.afterLogout.clear()];
    if (target !== null) return redirectAnswer(target, { reason: 'signed-out', setCookies });
    const providerSessionMayLive = single(readQuery(head), 'local') === '1';
    const page = signedOutPage({ loginUrl: loginUrl(context, null), providerSessionMayLive });
    return pageAnswer(page, { status: 200, reason: 'signed-out', setCookies });
  };
}
