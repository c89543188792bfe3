/** Which settings of a route fit the credentials that it takes. */
import type { CredentialKind } from '../core/route.ts';
import type { UpstreamTokenConfig } from './upstream-token-config.ts';

export interface CredentialFields {
  readonly access?: 'public' | 'signed-in' | undefined;
  readonly authenticate?: readonly CredentialKind[] | undefined;
  readonly api?: string | undefined;
  readonly apiKeys?: readonly string[] | undefined;
  readonly scopes: readonly string[];
  readonly acrValues: readonly string[];
  readonly maxAge?: number | undefined;
  readonly upstreamToken: UpstreamTokenConfig;
  readonly passAuthorization: boolean;
  readonly retryUnauthorized: boolean;
}

export interface FieldProblem {
  readonly path: readonly string[];
  readonly message: string;
}

export function credentialProblems(route: CredentialFields): readonly FieldProblem[] {
  if (route.access === undefined && route.authenticate === undefined) {
    return [
      { path: ['access'], message: 'is missing: say who may pass, `public`, `signed-in`, or `authenticate`' },
    ];
  }
  return [...accessProblems(route), ...bearerProblems(route), ...tokenProblems(route)];
}

function accessProblems(route: CredentialFields): FieldProblem[] {
  const found: FieldProblem[] = [];
  const { access, authenticate, apiKeys, scopes } = route;
  if (access === 'public' && authenticate !== undefined) {
    found.push({ path: ['authenticate'], message: 'asks for credentials on a route that is `public`' });
  }
  if (access === 'public' && scopes.length > 0) {
    found.push({ path: ['scopes'], message: 'are demanded of nobody on a route that is `public`' });
  }
  if (apiKeys !== undefined && !authenticate?.includes('api-key')) {
    found.push({ path: ['apiKeys'], message: 'needs `api-key` in `authenticate`' });
  }
  return found;
}

function bearerProblems({ authenticate, api, acrValues, maxAge }: CredentialFields): FieldProblem[] {
  if (authenticate?.includes('bearer')) {
    return api === undefined
      ? [{ path: ['api'], message: 'is missing: it names the one of `apis` that checks bearer tokens' }]
      : [];
  }
  const fields = [
    ['api', api !== undefined],
    ['acrValues', acrValues.length > 0],
    ['maxAge', maxAge !== undefined],
  ] as const;
  return fields
    .filter(([, isSet]) => isSet)
    .map(([name]) => ({ path: [name], message: 'is about bearer tokens: add `bearer` to `authenticate`' }));
}

function tokenProblems(route: CredentialFields): FieldProblem[] {
  const { access, authenticate = ['session'], upstreamToken, passAuthorization, retryUnauthorized } = route;
  const found: FieldProblem[] = [];
  const wrong = (message: string) => found.push({ path: ['upstreamToken'], message });
  const takes = (kind: CredentialKind) => access !== 'public' && authenticate.includes(kind);
  if (passAuthorization && upstreamToken !== 'none') {
    found.push({
      path: ['passAuthorization'],
      message: 'cannot be on together with `upstreamToken`: both write `Authorization`',
    });
  }
  if (passAuthorization && takes('bearer')) {
    found.push({
      path: ['passAuthorization'],
      message: 'cannot be on where bearer tokens are checked: write `upstreamToken: pass`',
    });
  }
  if (retryUnauthorized && !isRenewable(upstreamToken)) {
    found.push({ path: ['retryUnauthorized'], message: 'needs an `upstreamToken` that the gate can renew' });
  }
  if (upstreamToken === 'pass' && !takes('bearer')) wrong('is `pass` where no bearer token is taken');
  if ((upstreamToken === 'access' || upstreamToken === 'id') && access !== 'public' && !takes('session')) {
    wrong(`is \`${upstreamToken}\`, a token of the session, where no session is taken`);
  }
  const isExchange = typeof upstreamToken === 'object' && 'exchange' in upstreamToken;
  if (isExchange && !takes('session') && !takes('bearer'))
    wrong('has nothing to exchange: no token is taken here');
  return found;
}

/** An ID token is renewed with its session alone, and an assertion is new in any case. */
function isRenewable(token: UpstreamTokenConfig): boolean {
  if (typeof token === 'object') return 'client' in token || 'exchange' in token;
  return token === 'access' || token === 'client';
}
