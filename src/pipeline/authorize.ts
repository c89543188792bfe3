/** Whether whoever was authenticated may pass this route: what the route demands beyond being somebody. */
import type { ApiKeys } from '../api-keys/api-keys.ts';
import type { Api, Apis } from '../apis/api.ts';
import type { ApiCaller } from '../core/api-caller.ts';
import type { CredentialRefusal } from '../core/credential-refusal.ts';
import type { Route } from '../core/route.ts';
import type { Session } from '../core/session.ts';

export interface CallerRules {
  /** Null when the caller may pass. */
  authorize(caller: ApiCaller, route: Route): CredentialRefusal | null;
  /** For a request that brought nothing to a route that takes tokens or keys; null on a route for sessions alone. */
  challenge(route: Route): CredentialRefusal | null;
}

const keyWithoutScope: CredentialRefusal = {
  status: 403,
  error: 'insufficient_scope',
  headers: [],
  detail: 'scope',
};

export function createCallerRules(apis: Apis, apiKeys: ApiKeys): CallerRules {
  const apiOf = ({ api }: Route): Api => {
    const found = apis.get(api ?? '');
    // The configuration was validated: a route that takes bearer tokens and names no api is a bug.
    if (found === undefined) throw new Error('a route names an api that does not exist');
    return found;
  };
  return {
    authorize(caller, route) {
      if (caller.kind === 'bearer') return apiOf(route).authorize(caller, route);
      return route.scopes.every((scope) => caller.scopes.has(scope)) ? null : keyWithoutScope;
    },
    challenge(route) {
      const byKey = route.authenticate.includes('api-key') ? apiKeys.challenge : null;
      if (!route.authenticate.includes('bearer')) return byKey;
      const byToken = apiOf(route).challenge(route);
      return byKey === null ? byToken : { ...byToken, headers: [...byToken.headers, ...byKey.headers] };
    },
  };
}

/** The granted scope of a session, compared whole: `read` is not `read:all`. */
export function hasScopes({ tokens }: Session, scopes: readonly string[]): boolean {
  if (scopes.length === 0) return true;
  const granted = tokens.scope.split(' ');
  return scopes.every((scope) => granted.includes(scope));
}
