/**
 * `POST backchannel-logout`: the provider says that somebody has signed out (OpenID Connect Back-Channel Logout 1.0).
 * There is no browser here, so no cookie, no origin and no redirect: the signature of the token decides everything. The
 * answer is the same whether there was a session or not (LO-012).
 */
import type { Respond } from '../core/decision.ts';
import { SallyportError, toSallyportError } from '../core/errors.ts';
import type { ReadBody, RequestHead } from '../core/request-head.ts';
import { mayComeFrom } from '../oidc/claimed-issuer.ts';
import type { LogoutToken, Provider } from '../oidc/provider.ts';
import { createAddressCounter } from './address-counter.ts';
import { emptyAnswer, jsonAnswer } from './answers.ts';
import type { EndpointContext } from './context.ts';
import type { Endpoint } from './endpoint.ts';
import { readForm, readQuery } from './form.ts';
import { tryOnce } from './one-time-tries.ts';

const bodyLimit = 64 * 1024;

/**
 * Good ones are never counted, and a good one passes however many bad ones came from its address: behind a balancer all
 * the world may have that address. What is bounded is the noise: refusals in the log and their answers.
 */
const refusalLimit = { count: 20, window: 10_000 };

interface Verified {
  readonly provider: Provider;
  readonly token: LogoutToken;
}

/** Fails with `ERR_BODY_*` or `ERR_BAD_REQUEST` for what is no form; everything else is an answer of its own. */
export function createBackchannelLogout(context: EndpointContext): Endpoint {
  const { sessions, clock } = context;
  const refusals = createAddressCounter(refusalLimit, clock);

  return async (head, readBody) => {
    if (sessions.directory.abilities === 'none') return unsupported();
    let provider: string | null = null;
    try {
      const verified = await verify(context, await readToken(head, readBody));
      provider = verified.provider.name;
      if (!(await endSessions(context, verified))) throw refused('logout-token-replayed');
      report(context, head, { provider, outcome: 'accepted', detail: null });
      return emptyAnswer({ reason: 'logout-received' });
    } catch (thrown) {
      const error = toSallyportError(thrown);
      if (error.code === 'ERR_INTERNAL') throw thrown;
      const detail = error.detail ?? error.code;
      if (error.status >= 500) {
        report(context, head, { provider, outcome: 'failed', detail });
        return tryAgain(error);
      }
      if (refusals.isOneTooMany(head.client.address)) return tooMany();
      report(context, head, { provider, outcome: 'refused', detail });
      if (error.code !== 'ERR_LOGOUT_TOKEN') throw error;
      return refusal(error);
    }
  };
}

function refused(detail: string): SallyportError {
  return new SallyportError('ERR_LOGOUT_TOKEN', `the logout was refused: ${detail}`, { detail });
}

/** Exactly one, in the body: what stands in an address ends up in logs (section 2.5). */
async function readToken(head: RequestHead, readBody: ReadBody): Promise<string> {
  const form = await readForm(head, readBody, bodyLimit);
  if (readQuery(head).has('logout_token')) throw refused('logout-token-in-query');
  const tokens = form.getAll('logout_token');
  if (tokens.length > 1) throw refused('logout-token-repeated');
  const [token = ''] = tokens;
  if (token === '') throw refused('logout-token-missing');
  return token;
}

/** Two providers of the configuration may be two clients at one issuer: then the audience decides between them. */
async function verify({ providers }: EndpointContext, token: string): Promise<Verified> {
  let failure = refused('issuer-unknown');
  for (const provider of providers.values()) {
    if (!mayComeFrom(token, provider.issuer)) continue;
    try {
      return { provider, token: await provider.verifyLogoutToken(token) };
    } catch (error) {
      if (!(error instanceof SallyportError)) throw error;
      // That keys are not to be had outweighs a refusal: the provider shall come again.
      if (failure.status < 500) failure = error;
    }
  }
  throw failure;
}

/** Milliseconds by which the clocks of nodes may differ: what one still accepts, no other has forgotten (FL-051). */
const clockTolerance = 60_000;

/** False when this very logout has been carried out before. */
function endSessions(
  { sessions: { directory } }: EndpointContext,
  { provider, token }: Verified,
): Promise<boolean> {
  const { subject, sid, issuedAt } = token;
  return tryOnce(
    directory,
    { provider: provider.name, tokenId: token.tokenId, until: token.expiresAt * 1000 + clockTolerance },
    () => directory.endByProvider({ provider: provider.name, subject, sid, issuedAt }, 'backchannel-logout'),
  );
}

interface Outcome {
  readonly provider: string | null;
  readonly outcome: 'accepted' | 'refused' | 'failed';
  readonly detail: string | null;
}

function report({ emit }: EndpointContext, head: RequestHead, outcome: Outcome): void {
  emit('logout.received', { channel: 'back', ...outcome, client: head.client.address });
}

/** Section 2.8. The word says which check it was, which the provider may know: it made the token. */
function refusal(error: SallyportError): Respond {
  const value = { error: 'invalid_request', error_description: error.detail };
  return jsonAnswer(value, { status: 400, reason: error.code });
}

function tryAgain(error: SallyportError): Respond {
  const headers = ['retry-after', String(Math.ceil(error.retryAfter ?? 5))];
  const value = { error: 'temporarily_unavailable', error_description: 'try again' };
  return jsonAnswer(value, { status: 503, reason: error.code, headers });
}

function tooMany(): Respond {
  const headers = ['retry-after', String(refusalLimit.window / 1000)];
  const value = { error: 'invalid_request', error_description: 'too many refused logouts' };
  return jsonAnswer(value, { status: 429, reason: 'too-many-refused', headers });
}

/** Sessions that live in cookies alone can be ended by nobody but their browsers (LO-027). */
function unsupported(): Respond {
  const value = {
    error: 'unsupported',
    error_description:
      'sessions are kept in cookies here and there is no deny-list, so they cannot be ended from outside',
  };
  return jsonAnswer(value, { status: 501, reason: 'logout-unsupported' });
}
