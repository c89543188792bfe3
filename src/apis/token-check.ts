/** Looks at a token that is not remembered: as a JWT, by asking its issuer, or both. */
import type { Clock } from '../core/clock.ts';
import type { Emit } from '../core/events.ts';
import { Refusal } from '../oidc/refusal.ts';
import type { TokenIssuer } from '../oidc/token-issuer.ts';
import { createAccessTokens, type VerifiedClaims } from './access-token.ts';
import { confirmToken, judgeAnswer, judgeClaims } from './access-token-rules.ts';
import type { ApiConfig } from './api-config.ts';
import { tokenProblem } from './authorization-header.ts';
import { createIntrospection } from './introspection.ts';
import type { CheckedToken } from './verified-tokens.ts';

export interface TokenCheckDeps {
  /** Name of the API. */
  readonly name: string;
  readonly issuers: readonly TokenIssuer[];
  readonly clock: Clock;
  readonly emit: Emit;
}

/**
 * Milliseconds for which a token is remembered at least, also when its issuer cannot be asked for newer keys: otherwise
 * every request would cost a signature while an issuer is down.
 */
const shortest = 5_000;

/** Fails with a `Refusal` that names the check, or with `ERR_PROVIDER_*` when it cannot tell. */
export function createTokenCheck(
  config: ApiConfig,
  { name, issuers, clock, emit }: TokenCheckDeps,
): (token: string, client: string) => Promise<CheckedToken> {
  const byIssuer = new Map(issuers.map((issuer) => [issuer.issuer, issuer]));
  const open = createAccessTokens(config, byIssuer);
  const introspect = createIntrospection(clock);
  const { introspection } = config;

  const checkJwt = (token: string, { claims, issuer, trustedUntil }: VerifiedClaims): CheckedToken => {
    const now = clock.now();
    const good = judgeClaims(claims, { token, issuer, now }, config);
    emit('token.verified', { api: name, how: 'signature' });
    return { good, rememberFor: Math.max(trustedUntil - now, shortest) };
  };

  const checkOpaque = async (token: string, client: string): Promise<CheckedToken> => {
    if (introspection === undefined) throw new Refusal('opaque');
    const { answer, issuer } = await introspect(token, issuers, client);
    const good = judgeAnswer(answer, { token, issuer, now: clock.now() }, config);
    emit('token.verified', { api: name, how: 'introspection' });
    return { good, rememberFor: introspection.cache };
  };

  /** A JWT that its issuer has to confirm, as it may have been revoked. It is remembered no longer than without that. */
  const confirm = async (
    checked: CheckedToken,
    issuer: TokenIssuer,
    client: string,
  ): Promise<CheckedToken> => {
    const { token } = checked.good.caller;
    const { answer } = await introspect(token ?? '', [issuer], client);
    const good = confirmToken(answer, checked.good, { ...config, now: clock.now() });
    emit('token.verified', { api: name, how: 'introspection' });
    return { good, rememberFor: Math.min(checked.rememberFor, introspection?.cache ?? 0) };
  };

  return async (token, client) => {
    const problem = tokenProblem(token);
    if (problem !== null) throw new Refusal(problem);
    const opened = await open(token);
    if (opened === null) return checkOpaque(token, client);
    const checked = checkJwt(token, opened);
    return introspection?.when === 'always' ? confirm(checked, opened.issuer, client) : checked;
  };
}
