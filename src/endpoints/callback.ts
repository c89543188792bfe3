/**
 * `GET|POST callback`: the answer of the provider comes back. It is redeemed once, by the browser that asked, and
 * becomes a session; everything else ends on a page with a fresh start one click away and never in a redirect.
 */
import type { Respond, SetCookies } from '../core/decision.ts';
import { SallyportError, toSallyportError } from '../core/errors.ts';
import type { ReadBody, RequestHead } from '../core/request-head.ts';
import type { Session } from '../core/session.ts';
import type { Provider, SignedIn } from '../oidc/provider.ts';
import { continuePage } from '../pages/continue-page.ts';
import type { LoginTransaction } from '../sessions/sessions.ts';
import { pageAnswer, redirectAnswer } from './answers.ts';
import { answerDefect, readState } from './callback-answer.ts';
import { type EndpointContext, justLook, loginUrl } from './context.ts';
import type { Endpoint } from './endpoint.ts';
import { failurePage } from './failure.ts';
import { readForm, readQuery } from './form.ts';
import { revokeTokens } from './leave-provider.ts';
import { endReplaced } from './replaced-session.ts';
import { refuseUnlessTopLevel } from './top-level.ts';

export function createCallback(context: EndpointContext): Endpoint {
  return async (head, readBody) => {
    const refusal = refuseUnlessTopLevel(head);
    if (refusal !== null) return refusal;
    const answer = await readAnswer(head, readBody);
    const state = await readState(answer, context.provider);
    if (state === null) return expiredPage(context, head, []);
    const { transaction, setCookies } = await context.transactions.take(head, state);
    if (transaction === null) return expiredPage(context, head, setCookies);
    return finish(context, { head, answer, transaction, setCookies });
  };
}

const readAnswer = async (head: RequestHead, readBody: ReadBody) =>
  head.method === 'POST' ? readForm(head, readBody) : readQuery(head);

interface Answered {
  readonly head: RequestHead;
  readonly answer: URLSearchParams;
  readonly transaction: LoginTransaction;
  /** Clears the login cookie, whatever comes of it. */
  readonly setCookies: SetCookies;
}

interface Begun {
  readonly session: Session;
  readonly setCookies: SetCookies;
}

async function finish(context: EndpointContext, answered: Answered): Promise<Respond> {
  const { head, answer, transaction } = answered;
  try {
    // The transaction names the provider: an answer is never redeemed at another one (RP-066).
    const provider = context.providers.get(transaction.provider);
    if (provider === undefined)
      throw new SallyportError('ERR_LOGIN_EXPIRED', 'the provider is no longer configured');
    // The shape of a signed answer is the provider's own to check: there is nothing to see before it is opened.
    const defect = provider.readSignedState === null ? answerDefect(answer) : null;
    if (defect !== null) throw new SallyportError('ERR_LOGIN_FAILED', 'callback refused', { detail: defect });
    const signedIn = await provider.redeem(answer, transaction);
    const begun = await beginSession(context, answered, { provider, signedIn });
    endReplaced(context, transaction, begun.session);
    const bounce = context.bounces.count(head, provider.responseMode === 'form_post' ? 'none' : 'lax');
    return arrive(context, answered, { ...begun, setCookies: [...begun.setCookies, bounce] });
  } catch (error) {
    return failed(context, answered, error);
  }
}

async function beginSession(
  { sessions }: EndpointContext,
  { head, transaction }: Answered,
  { provider, signedIn }: { readonly provider: Provider; readonly signedIn: SignedIn },
): Promise<Begun> {
  try {
    // A logout that the provider has told of since then must not be undone by an answer that was on its way (LO-024).
    return await sessions.begin(head, provider.name, signedIn, transaction.startedAt);
  } catch (error) {
    // Nobody will ever use these tokens (FL-003). `revoke` never fails, and nobody waits for it.
    revokeTokens(provider, signedIn.tokens);
    throw error;
  }
}

function arrive(
  context: EndpointContext,
  { head, transaction, setCookies }: Answered,
  begun: Begun,
): Respond {
  const { session } = begun;
  context.emit('login.succeeded', {
    requestId: head.id,
    provider: transaction.provider,
    subject: session.identity.subject,
    session: session.logId,
    client: head.client.address,
  });
  // Judged again: the configuration may have changed since it was stored (RD-021).
  const url = context.returnTo.resolve(transaction.returnTo);
  const options = { reason: 'login-succeeded', setCookies: [...setCookies, ...begun.setCookies], session };
  if (context.sessionSameSite === 'strict') {
    return pageAnswer(continuePage({ url }), { ...options, status: 200 });
  }
  return redirectAnswer(url, options);
}

/** An operational failure becomes a page that clears the login cookie; a bug is audited and goes on to the pipeline. */
function failed(context: EndpointContext, answered: Answered, thrown: unknown): Respond {
  const { head, transaction, setCookies } = answered;
  const error = toSallyportError(thrown);
  emitFailure(context, head, { error, provider: transaction.provider });
  if (error.code === 'ERR_INTERNAL') throw thrown;
  const again = loginUrl(context, context.returnTo.resolve(transaction.returnTo));
  const text = error.detail === 'logged-out' ? { text: loggedOutMeanwhile } : {};
  return failurePage(head, error, { links: [{ href: again, text: 'Sign in again' }], ...text, setCookies });
}

const loggedOutMeanwhile =
  'You were signed out while this sign-in was on its way, so it no longer counts. If you want to sign in, just start again.';

/**
 * No transaction: used already, too old, or begun in another browser. A session that this browser has is left alone,
 * and then the way on leads to the application: the person is where they wanted to be (RP-052).
 */
async function expiredPage(
  context: EndpointContext,
  head: RequestHead,
  setCookies: SetCookies,
): Promise<Respond> {
  const error = new SallyportError('ERR_LOGIN_EXPIRED', 'no transaction belongs to this callback');
  emitFailure(context, head, { error, provider: null });
  const again = { href: loginUrl(context, null), text: 'Sign in again' };
  const live = await liveSession(context, head);
  if (live === null) return failurePage(head, error, { links: [again], setCookies });
  const onwards = { href: context.home, text: 'Continue to the application' };
  const page = failurePage(head, error, {
    links: [onwards, again],
    text: alreadySignedIn,
    setCookies: [...setCookies, ...live.setCookies],
  });
  return { ...page, session: live.session };
}

const alreadySignedIn = 'You are signed in already, so there is nothing left to do here.';

/** A store or provider that fails must not hide the page: then it simply does not know of a session. */
async function liveSession({ sessions }: EndpointContext, head: RequestHead): Promise<Begun | null> {
  try {
    const authentication = await sessions.authenticate(head, justLook);
    return authentication.kind === 'session' ? authentication : null;
  } catch {
    return null;
  }
}

function emitFailure(
  { emit }: EndpointContext,
  head: RequestHead,
  { error, provider }: { readonly error: SallyportError; readonly provider: string | null },
): void {
  const { code, detail } = error;
  emit('login.failed', { requestId: head.id, provider, code, detail, client: head.client.address });
}
