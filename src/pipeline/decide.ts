/**
 * Who may pass. Read this file first: a request head goes through these steps in this order, and whatever no step
 * lets through is refused.
 *
 *   own path?  →  endpoint
 *   match      →  which route, or 404 / 405 / 400
 *   public?    →  forward
 *   authenticate → the session or the caller, or the challenge
 *   authorize  →  a session: sent by our own pages; everybody: the scopes that the route demands
 *   obtain     →  the token that the application gets
 *   forward
 */
import type { ApiCaller } from '../core/api-caller.ts';
import type { Authentication, SessionAuthentication } from '../core/authentication.ts';
import type { Clock } from '../core/clock.ts';
import { type Decision, type Forward, noCookies, type SetCookies } from '../core/decision.ts';
import type { MaybePromise } from '../core/maybe-promise.ts';
import type { ReadBody, RequestHead } from '../core/request-head.ts';
import type { RouteMatch } from '../core/route.ts';
import type { Session } from '../core/session.ts';
import type { UpstreamToken } from '../core/upstream-token.ts';
import type { EndpointTable } from '../endpoints/endpoint.ts';
import type { UpstreamTokens } from '../upstream-tokens/upstream-tokens.ts';
import type { Authenticate } from './authenticate.ts';
import { type CallerRules, hasScopes } from './authorize.ts';
import { preflightMethod } from './cors.ts';
import { checkCsrf } from './csrf.ts';
import type { Answers } from './respond.ts';
import type { RouteTable } from './route-table.ts';

export type Decide = (head: RequestHead, readBody: ReadBody) => MaybePromise<Decision>;

export interface DecideDeps {
  readonly endpoints: EndpointTable;
  /** `/.auth`: everything below it is the gate's own and never forwarded. */
  readonly endpointPrefix: string;
  readonly routes: RouteTable;
  readonly authenticate: Authenticate;
  readonly callerRules: CallerRules;
  readonly upstreamTokens: Pick<UpstreamTokens, 'obtain'>;
  readonly answers: Answers;
  readonly publicUrl: URL;
  readonly clock: Clock;
}

/** The answer is synchronous whenever nothing has to be waited for. Throws `SallyportError` when it cannot tell. */
export function createDecide(deps: DecideDeps): Decide {
  const { endpoints, endpointPrefix, routes, authenticate, callerRules, answers } = deps;
  const ownPaths = `${endpointPrefix}/`;

  const decideOwn = (head: RequestHead, readBody: ReadBody): MaybePromise<Decision> => {
    const methods = endpoints.get(head.url.path);
    if (methods === undefined || head.upgrade !== null) return answers.notFound(head);
    const endpoint = methods.get(head.method === 'HEAD' ? 'GET' : head.method);
    return endpoint === undefined
      ? answers.methodNotAllowed(head, [...methods.keys()])
      : endpoint(head, readBody);
  };

  /** The application of a route that wants a token gets the request with it, or not at all (RS-070). */
  const pass = (head: RequestHead, match: RouteMatch, known: Known): MaybePromise<Decision> => {
    if (match.route.upstreamToken === 'none') return forward(match, known, null);
    const token = deps.upstreamTokens.obtain(head, match.route, known);
    return token instanceof Promise
      ? token.then((obtained) => passAfterWait(head, match, known, obtained))
      : forward(match, known, token);
  };

  /** It took a while: a session that was ended meanwhile gets nothing for it (LO-025). */
  const passAfterWait = async (
    head: RequestHead,
    match: RouteMatch,
    known: Known,
    token: UpstreamToken | null,
  ): Promise<Decision> => {
    if (known.session === null) return forward(match, known, token);
    const again = await authenticate(head, match.route);
    return again.kind === 'session' ? forward(match, known, token) : decideAs(head, match, again);
  };

  const decideSession = (
    head: RequestHead,
    match: RouteMatch,
    { session, setCookies }: Extract<SessionAuthentication, { kind: 'session' }>,
  ): MaybePromise<Decision> => {
    const { route } = match;
    const rule =
      checkCsrf(head, route, deps.publicUrl) ?? (hasScopes(session, route.scopes) ? null : 'scope');
    if (rule !== null) return answers.forbidden(head, route, { rule, session, setCookies });
    if (needsNewSignIn(session, match, deps.clock)) return answers.challenge(head, route, setCookies);
    return pass(head, match, { session, caller: null, setCookies });
  };

  const decideAs = (
    head: RequestHead,
    match: RouteMatch,
    authentication: Authentication,
  ): MaybePromise<Decision> => {
    switch (authentication.kind) {
      case 'session':
        return decideSession(head, match, authentication);
      case 'caller': {
        const { caller } = authentication;
        const refusal = callerRules.authorize(caller, match.route);
        if (refusal !== null) return answers.refuseCredential(head, match.route, { refusal, caller });
        return pass(head, match, { session: null, caller, setCookies: noCookies });
      }
      case 'refused':
        return answers.refuseCredential(head, match.route, { refusal: authentication.refusal, caller: null });
      case 'rejected':
        return answers.challenge(head, match.route, authentication.setCookies);
      case 'none':
        return answers.challenge(head, match.route, noCookies);
    }
  };

  /** A browser asks before it sends a token from another origin: answered here, so that nobody has to be let in (RS-016). */
  const decidePreflight = (head: RequestHead, method: string): Decision | null => {
    const found = routes.find(head.url.path, method);
    if (found.kind !== 'match' || found.match.route.api === null) return null;
    return answers.preflight(head, found.match.route, method);
  };

  return (head, readBody) => {
    const { path } = head.url;
    if (path.startsWith(ownPaths) || path === endpointPrefix || endpoints.has(path))
      return decideOwn(head, readBody);
    const asked = head.method === 'OPTIONS' ? preflightMethod(head) : null;
    const preflight = asked === null ? null : decidePreflight(head, asked);
    if (preflight !== null) return preflight;
    const found = routes.find(path, head.method);
    if (found.kind === 'none') return answers.notFound(head);
    if (found.kind === 'ambiguous') return answers.ambiguousPath(head);
    if (found.kind === 'method-not-allowed') return answers.methodNotAllowed(head, found.allow);
    const { match } = found;
    // The store is not asked on a public route, so that it is served whatever happens to the store (FL-002).
    if (match.route.access === 'public') return pass(head, match, nobody);
    const authentication = authenticate(head, match.route);
    return authentication instanceof Promise
      ? authentication.then((known) => decideAs(head, match, known))
      : decideAs(head, match, authentication);
  };
}

interface Known {
  readonly session: Session | null;
  readonly caller: ApiCaller | null;
  readonly setCookies: SetCookies;
}

const nobody: Known = { session: null, caller: null, setCookies: noCookies };

/** A token that expired and could not be renewed is of no use to the application: the person signs in again. */
function needsNewSignIn(session: Session, match: RouteMatch, clock: Clock): boolean {
  const { upstreamToken } = match.route;
  const isNeeded =
    upstreamToken === 'access' || (typeof upstreamToken === 'object' && upstreamToken.kind === 'exchange');
  if (!isNeeded) return false;
  const { tokens } = session;
  return tokens.refreshToken === null && tokens.accessTokenExpiresAt <= clock.now();
}

function forward(
  { route, params }: RouteMatch,
  { session, caller, setCookies }: Known,
  upstreamToken: UpstreamToken | null,
): Forward {
  return { kind: 'forward', route, params, session, caller, upstreamToken, setCookies };
}
