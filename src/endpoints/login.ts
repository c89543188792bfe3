/** `GET login`: begins a login transaction and sends the browser to the provider. */
import type { Respond } from '../core/decision.ts';
import { SallyportError } from '../core/errors.ts';
import type { RequestHead } from '../core/request-head.ts';
import type { LoginSecrets } from '../oidc/provider.ts';
import { redirectAnswer } from './answers.ts';
import { type EndpointContext, justLook, loginUrl } from './context.ts';
import type { Endpoint } from './endpoint.ts';
import { failurePage } from './failure.ts';
import { readQuery, single } from './form.ts';
import { readLoginParameters } from './login-parameters.ts';
import { findReplaced } from './replaced-session.ts';
import { refuseUnlessTopLevel } from './top-level.ts';

/**
 * A person who is signed in may sign in again, as somebody else or with fresh authentication. Fails with
 * `ERR_PROVIDER_*` when the provider cannot be asked.
 */
export function createLogin(context: EndpointContext): Endpoint {
  const { provider, returnTo, bounces, transactions, clock, emit } = context;

  return async (head) => {
    const refusal = refuseUnlessTopLevel(head);
    if (refusal !== null) return refusal;
    const query = readQuery(head);
    const target = returnTo.resolve(single(query, 'returnTo'));
    if (bounces.isLooping(head) && !(await hasLiveSession(context, head)))
      return loopPage(context, head, target);

    const secrets = createSecrets(context);
    const location = await provider.authorizationUrl(secrets, readLoginParameters(query));
    const replaces = await findReplaced(context, head);
    const transaction = {
      ...secrets,
      provider: provider.name,
      returnTo: target,
      startedAt: clock.now(),
      ...(replaces === null ? {} : { replaces }),
    };
    const sameSite = provider.responseMode === 'form_post' ? 'none' : 'lax';
    const setCookies = transactions.begin(head, transaction, sameSite);
    emit('login.started', { requestId: head.id, provider: provider.name });
    return redirectAnswer(location, { reason: 'login-started', setCookies });
  };
}

/** 256 bits each (RFC 9700 section 2.1, RFC 7636 section 4.1). */
function createSecrets({ random }: EndpointContext): LoginSecrets {
  const secret = () => random(32).toString('base64url');
  return { state: secret(), nonce: secret(), codeVerifier: secret() };
}

/** One whose token was dead on arrival and cannot be renewed does not count: its routes would send it back here. */
async function hasLiveSession({ sessions, clock }: EndpointContext, head: RequestHead): Promise<boolean> {
  const authentication = await sessions.authenticate(head, justLook);
  if (authentication.kind !== 'session') return false;
  const { refreshToken, accessTokenExpiresAt } = authentication.session.tokens;
  return refreshToken !== null || accessTokenExpiresAt > clock.now();
}

/** Ends the loop where a person can see it. The counter is cleared, so the link starts afresh. */
function loopPage(context: EndpointContext, head: RequestHead, target: string): Respond {
  const error = new SallyportError('ERR_LOGIN_LOOP', 'three sign-ins in a row did not lead to a session');
  context.emit('login.failed', {
    requestId: head.id,
    provider: context.provider.name,
    code: error.code,
    detail: null,
    client: head.client.address,
  });
  const links = [{ href: loginUrl(context, target), text: 'Try again' }];
  return failurePage(head, error, { links, setCookies: [context.bounces.clear()] });
}
