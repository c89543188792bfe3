/** The answers that `decide` gives itself: each says in plain words what happened, as a page or as problem+json. */
import type { ApiCaller } from '../core/api-caller.ts';
import type { CredentialRefusal } from '../core/credential-refusal.ts';
import { noCookies, type Respond, type SetCookies } from '../core/decision.ts';
import type { SallyportError } from '../core/errors.ts';
import { type RequestHead, requestHeader } from '../core/request-head.ts';
import type { OnAnonymous, Route } from '../core/route.ts';
import type { Session } from '../core/session.ts';
import { emptyAnswer, redirectAnswer } from '../endpoints/answers.ts';
import { type Refusal, renderFailure, renderRefusal } from '../endpoints/failure.ts';
import { isNavigation, isSpeculative, prefersHtml } from '../endpoints/navigation.ts';
import { sessionChallenge } from '../endpoints/problem.ts';
import type { CallerRules } from './authorize.ts';
import { corsHeaders, preflightHeaders } from './cors.ts';
import type { CsrfVerdict } from './csrf.ts';

export interface ForbiddenContext {
  readonly rule: NonNullable<CsrfVerdict> | 'scope';
  readonly session: Session;
  readonly setCookies: SetCookies;
}

export interface Answers {
  notFound(head: RequestHead): Respond;
  ambiguousPath(head: RequestHead): Respond;
  methodNotAllowed(head: RequestHead, allow: readonly string[]): Respond;
  /** For a request to a protected route that speaks for nobody. */
  challenge(head: RequestHead, route: Route, setCookies: SetCookies): Respond;
  /** For a token or a key that is not good, or not good enough; `caller` when it is known whose it is. */
  refuseCredential(head: RequestHead, route: Route, refused: RefusedCredential): Respond;
  /** For a browser that asks whether a page may call this route. */
  preflight(head: RequestHead, route: Route, method: string): Respond;
  forbidden(head: RequestHead, route: Route, context: ForbiddenContext): Respond;
  /** For an operational failure, also of a request that was too broken to have a head. */
  failure(head: RequestHead | null, error: SallyportError): Respond;
}

export interface RefusedCredential {
  readonly refusal: CredentialRefusal;
  readonly caller: ApiCaller | null;
}

export interface AnswersConfig {
  readonly callerRules: Pick<CallerRules, 'challenge'>;
  readonly publicUrl: URL;
  /** Absolute path of the login endpoint. */
  readonly loginPath: string;
}

const notFound: Refusal = {
  status: 404,
  title: 'There is nothing here',
  text: 'No page is known under this address.',
  reason: 'not-found',
};

const ambiguousPath: Refusal = {
  status: 400,
  title: 'The address is ambiguous',
  text: 'It can be read as another address that has other rules. Use its exact spelling.',
  reason: 'ambiguous-path',
};

const unauthorized: Refusal = {
  status: 401,
  title: 'Please sign in',
  text: 'This needs a sign-in, and you are not signed in (any more).',
  reason: 'login-required',
  headers: sessionChallenge,
};

const anonymousForbidden: Refusal = {
  status: 403,
  title: 'You may not see this',
  text: 'This is not open to everybody.',
  reason: 'anonymous-forbidden',
};

const rules: Readonly<Record<ForbiddenContext['rule'], string>> = {
  scope: 'Your sign-in does not include what this address asks for.',
  'cross-site':
    'The request was sent by another site, or does not say who sent it, so it was not carried out.',
  'csrf-header-missing': 'The request lacks the header `X-CSRF: 1` that this address asks for.',
};

export function createAnswers(config: AnswersConfig): Answers {
  const loginEndpoint = config.publicUrl.origin + config.loginPath;
  const links = { home: `${config.publicUrl.origin}/` };
  const loginLink = { login: loginEndpoint };

  const refuse = (
    head: RequestHead,
    refusal: Refusal,
    route: Route | null,
    setCookies = noCookies,
  ): Respond => {
    const withLogin = refusal === unauthorized;
    const answer = renderRefusal(head, { ...refusal, setCookies }, withLogin ? loginLink : links);
    return { ...answer, route };
  };

  const refuseCredential = (
    head: RequestHead,
    route: Route,
    { refusal, caller }: RefusedCredential,
  ): Respond => {
    const { status, error, detail } = refusal;
    const headers = [...refusal.headers, ...corsHeaders(head, route)];
    const reason = error ?? 'credential-required';
    const answer = refuse(head, { ...credentialTexts[status], status, reason, headers }, route);
    return { ...answer, caller, reason: error === null ? reason : `${error}:${detail}` };
  };

  const redirect = (head: RequestHead, route: Route, setCookies: SetCookies): Respond => {
    const location = `${loginEndpoint}?returnTo=${encodeURIComponent(head.url.path + head.url.search)}`;
    const answer = redirectAnswer(location, { reason: 'login-redirect', setCookies });
    // After a form was posted, 303 makes the browser go on with GET (RFC 9110 section 15.4.4).
    const isGet = head.method === 'GET' || head.method === 'HEAD';
    return { ...answer, status: isGet ? 302 : 303, route };
  };

  return {
    notFound: (head) => refuse(head, notFound, null),
    ambiguousPath: (head) => refuse(head, ambiguousPath, null),
    methodNotAllowed: (head, allow) => refuse(head, methodNotAllowed(allow), null),
    challenge(head, route, setCookies) {
      const refusal = config.callerRules.challenge(route);
      if (!route.authenticate.includes('session') && refusal !== null) {
        return refuseCredential(head, route, { refusal, caller: null });
      }
      if (route.onAnonymous === 'login' && mayRedirect(head)) return redirect(head, route, setCookies);
      const answer = refuse(head, anonymousAnswers[route.onAnonymous], route, setCookies);
      const isUnauthorized = answer.status === 401 && refusal !== null;
      return isUnauthorized ? withHeaders(answer, [...refusal.headers, ...corsHeaders(head, route)]) : answer;
    },
    refuseCredential,
    preflight(head, route, method) {
      const headers = ['cache-control', 'no-store', ...preflightHeaders(head, route, method)];
      return { ...emptyAnswer({ reason: 'preflight' }), status: 204, headers, route };
    },
    forbidden(head, route, { rule, session, setCookies }) {
      const refusal = { status: 403, title: 'This was refused', text: rules[rule], reason: rule };
      return { ...refuse(head, refusal, route, setCookies), session };
    },
    failure: (head, error) => renderFailure(head, error, links),
  };
}

const credentialTexts: Readonly<Record<CredentialRefusal['status'], Pick<Refusal, 'title' | 'text'>>> = {
  400: {
    title: 'The credential cannot be read',
    text: 'The request brings a credential in a form that is not understood, or several that contradict each other.',
  },
  401: {
    title: 'A credential is needed',
    text: 'This address asks for a credential that the request does not bring.',
  },
  403: { title: 'This was refused', text: 'The credential does not include what this address asks for.' },
};

function withHeaders(answer: Respond, headers: readonly string[]): Respond {
  return { ...answer, headers: [...answer.headers, ...headers] };
}

const anonymousAnswers: Readonly<Record<OnAnonymous, Refusal>> = {
  login: unauthorized,
  unauthorized,
  forbidden: anonymousForbidden,
  'not-found': notFound,
};

/** A form that is posted as a document is a navigation as well; what a browser fetches ahead must not start a login. */
function mayRedirect(head: RequestHead): boolean {
  if (isSpeculative(head)) return false;
  if (isNavigation(head)) return true;
  const isForm = head.method === 'POST' && requestsDocument(head);
  return isForm && prefersHtml(head);
}

function requestsDocument(head: RequestHead): boolean {
  const destination = requestHeader(head, 'sec-fetch-dest');
  return destination === null || destination === 'document';
}

function methodNotAllowed(allow: readonly string[]): Refusal {
  return {
    status: 405,
    title: 'This cannot be done here',
    text: 'The address exists, but does not take this kind of request.',
    reason: 'method-not-allowed',
    headers: ['allow', [...allow].join(', ')],
  };
}
