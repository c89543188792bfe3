/** `WWW-Authenticate` of an API to the letter (RFC 6750 section 3, RFC 9449 section 7.1, RFC 9470 section 3, RFC 9728 section 5.1). */
import type { CredentialError, CredentialRefusal } from '../core/credential-refusal.ts';
import type { Demand } from './api.ts';
import type { TokenScheme } from './authorization-header.ts';

export interface ChallengeConfig {
  /** Name of the API: letters, digits, `_` and `-`. */
  readonly realm: string;
  /** URL of the protected resource metadata, or null. */
  readonly metadataUrl: string | null;
  /** Which schemes a client is told of; the first is the one that is recommended. */
  readonly schemes: readonly TokenScheme[];
  /** Signature algorithms of DPoP proofs. */
  readonly proofAlgorithms: readonly string[];
}

export interface Failure {
  readonly error: CredentialError;
  /** Stable word for the log. */
  readonly detail: string;
  /** How the token came: the error is told in the challenge of that scheme. */
  readonly scheme: TokenScheme;
  /** Parameters that belong to the error, beside it. */
  readonly parameters?: readonly string[];
  /** Header lines beside the challenge, names in lower case: `DPoP-Nonce`. */
  readonly headers?: readonly string[];
}

export interface Challenges {
  /** Nothing was brought, or nothing that is understood: no error code is told. */
  nothing(demand: Demand | null, detail: string): CredentialRefusal;
  failure(failure: Failure): CredentialRefusal;
  insufficientScope(demand: Demand, scheme: TokenScheme): CredentialRefusal;
  insufficientAuthentication(demand: Demand, scheme: TokenScheme, detail: string): CredentialRefusal;
}

const statuses: Readonly<Record<CredentialError, CredentialRefusal['status']>> = {
  invalid_request: 400,
  invalid_token: 401,
  invalid_dpop_proof: 401,
  use_dpop_nonce: 401,
  insufficient_user_authentication: 401,
  insufficient_scope: 403,
};

export function createChallenges(config: ChallengeConfig): Challenges {
  const always = config.metadataUrl === null ? [] : [quoted('resource_metadata', config.metadataUrl)];
  const algorithms = quoted('algs', config.proofAlgorithms.join(' '));

  const line = (scheme: TokenScheme, parameters: readonly string[]) => {
    const all = [quoted('realm', config.realm), ...parameters, ...always];
    if (scheme === 'DPoP') all.push(algorithms);
    return `${scheme} ${all.join(', ')}`;
  };

  /** One line for each scheme, the error in that of the scheme that was used. */
  const lines = (used: TokenScheme | null, parameters: readonly string[]): string[] => {
    const schemes =
      used === null || config.schemes.includes(used) ? config.schemes : [used, ...config.schemes];
    return schemes.flatMap((scheme) => [
      'www-authenticate',
      line(scheme, used === null || scheme === used ? parameters : []),
    ]);
  };

  const failure = ({ error, detail, scheme, parameters = [], headers = [] }: Failure): CredentialRefusal => ({
    status: statuses[error],
    error,
    headers: [...lines(scheme, [quoted('error', error), ...parameters]), ...headers],
    detail,
  });

  return {
    nothing: (demand, detail) => ({
      status: 401,
      error: null,
      headers: lines(null, demand === null ? [] : scopeOf(demand)),
      detail,
    }),
    failure,
    insufficientScope: (demand, scheme) =>
      failure({ error: 'insufficient_scope', detail: 'scope', scheme, parameters: scopeOf(demand) }),
    insufficientAuthentication: (demand, scheme, detail) =>
      failure({
        error: 'insufficient_user_authentication',
        detail,
        scheme,
        parameters: authenticationOf(demand),
      }),
  };
}

function scopeOf({ scopes }: Demand): readonly string[] {
  return scopes.length === 0 ? [] : [quoted('scope', scopes.join(' '))];
}

function authenticationOf({ acrValues, maxAge }: Demand): readonly string[] {
  return [
    ...(acrValues.length === 0 ? [] : [quoted('acr_values', acrValues.join(' '))]),
    ...(maxAge === null ? [] : [quoted('max_age', String(Math.floor(maxAge / 1000)))]),
  ];
}

/** All values come from the configuration, whose schemas let neither quotes nor backslashes through; none from a request. */
function quoted(name: string, value: string): string {
  return `${name}="${value}"`;
}
