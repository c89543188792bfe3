/** Which settings of an API fit together: what no field can tell alone. */
import type { Secret } from '../core/secret.ts';

/** The least bytes of a secret: those of the hash (RFC 7518 section 3.2). */
const secretLengths = { HS256: 32, HS384: 48, HS512: 64 } as const;

type SecretAlgorithm = keyof typeof secretLengths;

export const secretAlgorithms = Object.keys(secretLengths) as readonly SecretAlgorithm[];

function isSecretAlgorithm(algorithm: string): algorithm is SecretAlgorithm {
  return Object.hasOwn(secretLengths, algorithm);
}

export interface FieldProblem {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

export function apiProblems(api: IssuerFields & AudienceFields & SecretFields): readonly FieldProblem[] {
  return [...issuerProblems(api), ...audienceProblems(api), ...secretProblems(api)];
}

interface IssuerFields {
  readonly issuers: readonly (string | { readonly issuer: string; readonly clientId?: string | undefined })[];
  readonly introspection?: { readonly when: 'opaque' | 'always' } | undefined;
}

/** Whether every token has one issuer here, and those that must be asked can be. */
function issuerProblems({ issuers, introspection }: IssuerFields): FieldProblem[] {
  const names = issuers.map((issuer) => (typeof issuer === 'string' ? issuer : issuer.issuer));
  const twice = names.flatMap((name, index) =>
    names.indexOf(name) === index ? [] : [{ path: ['issuers', index], message: 'is there twice' }],
  );
  const silent = issuers.flatMap((issuer, index) =>
    typeof issuer === 'string' || issuer.clientId !== undefined ? [] : [index],
  );
  if (introspection === undefined || (introspection.when === 'opaque' && silent.length < issuers.length)) {
    return twice;
  }
  const message = 'cannot be asked about tokens without `clientId`, and `introspection` says so';
  return [...twice, ...silent.map((index) => ({ path: ['issuers', index], message }))];
}

interface AudienceFields {
  readonly audience: readonly string[];
  readonly dangerouslyAllowAnyAudience: boolean;
}

function audienceProblems({ audience, dangerouslyAllowAnyAudience }: AudienceFields): FieldProblem[] {
  if (audience.length > 0) {
    const message = 'stands beside `audience`, which it would make void';
    return dangerouslyAllowAnyAudience ? [{ path: ['dangerouslyAllowAnyAudience'], message }] : [];
  }
  if (dangerouslyAllowAnyAudience) return [];
  const message =
    'is missing: without it a token for any application would be taken. Write what `aud` of your tokens holds';
  return [{ path: ['audience'], message }];
}

interface SecretFields {
  readonly issuers: readonly unknown[];
  readonly algorithms: readonly string[];
  readonly hmacSecret?: Secret | undefined;
}

/** Whether there is a secret just where signatures need one, and a good one. */
function secretProblems({ issuers, algorithms, hmacSecret }: SecretFields): FieldProblem[] {
  const symmetric = algorithms.filter(isSecretAlgorithm);
  if (hmacSecret === undefined) {
    if (symmetric.length === 0) return [];
    return [{ path: ['hmacSecret'], message: `is missing: ${symmetric.join(', ')} needs it` }];
  }
  const problem = (message: string) => [{ path: ['hmacSecret'], message }];
  if (symmetric.length === 0) return problem('is there, but `algorithms` names none of HS256, HS384, HS512');
  if (issuers.length > 1) return problem('needs a single issuer: with it, one could sign for the others');
  const length = Buffer.byteLength(hmacSecret.reveal());
  const least = Math.max(...symmetric.map((algorithm) => secretLengths[algorithm]));
  return length < least ? problem(`is too short: ${length} bytes where ${least} are needed`) : [];
}
