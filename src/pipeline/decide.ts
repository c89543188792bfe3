/**
 * Who may pass. Read this file first: a request head goes through these steps in this order, and whatever no step
 * lets through is refused.
 *
 *   own path?  →  endpoint
 *   match      →  which route, or 404 / 405 / 400
 *   public?    →  forward
 *   authenticate → the session, or the challenge
 *   authorize  →  sent by our own pages, with a token that still lives
 *   forward
 */
import type { Authentication } from '../core/authentication.ts';
import type { Clock } from '../core/clock.ts';
import { type Decision, type Forward, noCookies } from '../core/decision.ts';
import type { MaybePromise } from '../core/maybe-promise.ts';
import type { ReadBody, RequestHead } from '../core/request-head.ts';
import type { RouteMatch } from '../core/route.ts';
import type { Session } from '../core/session.ts';
import type { EndpointTable } from '../endpoints/endpoint.ts';
import type { Sessions } from '../sessions/sessions.ts';
import { checkCsrf } from './csrf.ts';
import type { Answers } from './respond.ts';
import type { RouteTable } from './route-table.ts';

export type Decide = (head: RequestHead, readBody: ReadBody) => MaybePromise<Decision>;

export interface DecideDeps {
  readonly endpoints: EndpointTable;
  /** `/.auth`: everything below it is the gate's own and never forwarded. */
  readonly endpointPrefix: string;
  readonly routes: RouteTable;
  readonly sessions: Pick<Sessions, 'authenticate'>;
  readonly answers: Answers;
  readonly publicUrl: URL;
  readonly clock: Clock;
}

/** The answer is synchronous whenever nothing has to be waited for. Throws `SallyportError` when it cannot tell. */
export function createDecide(deps: DecideDeps): Decide {
  const { endpoints, endpointPrefix, routes, sessions, answers } = deps;
  const ownPaths = `${endpointPrefix}/`;

  const decideOwn = (head: RequestHead, readBody: ReadBody): MaybePromise<Decision> => {
    const methods = endpoints.get(head.url.path);
    if (methods === undefined || head.upgrade !== null) return answers.notFound(head);
    const endpoint = methods.get(head.method === 'HEAD' ? 'GET' : head.method);
    return endpoint === undefined
      ? answers.methodNotAllowed(head, [...methods.keys()])
      : endpoint(head, readBody);
  };

  const decideAs = (head: RequestHead, match: RouteMatch, authentication: Authentication): Decision => {
    if (authentication.kind !== 'session') {
      const setCookies = authentication.kind === 'rejected' ? authentication.setCookies : noCookies;
      return answers.challenge(head, match.route, setCookies);
    }
    const { session, setCookies } = authentication;
    const csrf = checkCsrf(head, match.route, deps.publicUrl);
    if (csrf !== null) return answers.forbidden(head, match.route, { rule: csrf, session, setCookies });
    if (needsNewSignIn(session, match, deps.clock)) return answers.challenge(head, match.route, setCookies);
    return forward(match, session, setCookies);
  };

  return (head, readBody) => {
    const { path } = head.url;
    if (path.startsWith(ownPaths) || path === endpointPrefix || endpoints.has(path))
      return decideOwn(head, readBody);
    const found = routes.find(path, head.method);
    if (found.kind === 'none') return answers.notFound(head);
    if (found.kind === 'ambiguous') return answers.ambiguousPath(head);
    if (found.kind === 'method-not-allowed') return answers.methodNotAllowed(head, found.allow);
    const { match } = found;
    // The store is not asked on a public route, so that it is served whatever happens to the store (FL-002).
    if (match.route.access === 'public') return forward(match, null, noCookies);
    const authentication = sessions.authenticate(head);
    return authentication instanceof Promise
      ? authentication.then((known) => decideAs(head, match, known))
      : decideAs(head, match, authentication);
  };
}

/** A token that expired and could not be renewed is of no use to the application: the person signs in again. */
function needsNewSignIn(session: Session, match: RouteMatch, clock: Clock): boolean {
  if (match.route.upstreamToken !== 'access') return false;
  const { tokens } = session;
  return tokens.refreshToken === null && tokens.accessTokenExpiresAt <= clock.now();
}

function forward(match: RouteMatch, session: Session | null, setCookies: readonly string[]): Forward {
  return { kind: 'forward', route: match.route, params: match.params, session, setCookies };
}
