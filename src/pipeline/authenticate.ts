/** Who a request speaks for, by whichever of the credentials that its route takes. */
import type { ApiKeys } from '../api-keys/api-keys.ts';
import type { Apis } from '../apis/api.ts';
import type { Authentication } from '../core/authentication.ts';
import type { CredentialRefusal } from '../core/credential-refusal.ts';
import type { MaybePromise } from '../core/maybe-promise.ts';
import { type RequestHead, requestHeader } from '../core/request-head.ts';
import type { CredentialKind, Route } from '../core/route.ts';
import type { Sessions } from '../sessions/sessions.ts';

export interface Authenticators {
  readonly sessions: Pick<Sessions, 'authenticate'>;
  /** Whether the request brings a session cookie, good or not. */
  readonly hasSessionCookie: (head: RequestHead) => boolean;
  readonly apis: Apis;
  readonly apiKeys: ApiKeys;
}

export type Authenticate = (head: RequestHead, route: Route) => MaybePromise<Authentication>;

const none: Authentication = { kind: 'none' };

/** Nobody can tell for which of them the request is meant, so it is for neither (RS-007). */
const several: CredentialRefusal = {
  status: 400,
  error: 'invalid_request',
  headers: [],
  detail: 'several-credentials',
};

/** The same where tokens are taken (RFC 6750 section 3.1). */
const severalWithTokens: CredentialRefusal = {
  ...several,
  headers: ['www-authenticate', 'Bearer realm="sallyport", error="invalid_request"'],
};

export function createAuthenticate(deps: Authenticators): Authenticate {
  const { sessions, apis, apiKeys } = deps;

  const brings: Readonly<Record<CredentialKind, (head: RequestHead) => boolean>> = {
    session: deps.hasSessionCookie,
    bearer: (head) => requestHeader(head, 'authorization') !== null,
    'api-key': (head) => requestHeader(head, apiKeys.header) !== null,
  };

  const authenticateBy = (kind: CredentialKind, head: RequestHead, route: Route) => {
    if (kind === 'session') return sessions.authenticate(head);
    if (kind === 'api-key') return apiKeys.authenticate(head, route);
    const api = apis.get(route.api ?? '');
    // The configuration was validated: a route that takes bearer tokens and names no api is a bug.
    if (api === undefined) throw new Error('a route names an api that does not exist');
    return api.authenticate(head);
  };

  return (head, route) => {
    const { authenticate } = route;
    const [first] = authenticate;
    if (first === undefined) return none;
    if (authenticate.length === 1) return authenticateBy(first, head, route);
    const brought = authenticate.filter((kind) => brings[kind](head));
    if (brought.length > 1) {
      return { kind: 'refused', refusal: authenticate.includes('bearer') ? severalWithTokens : several };
    }
    return brought[0] === undefined ? none : authenticateBy(brought[0], head, route);
  };
}
