/**
 * Tokens that were exchanged for that of a session or a caller. In this process they hang on the very object that holds
 * the token they were exchanged for: with it they go, at logout and at a refresh, and nobody else can reach them (RS-071).
 */
import type { ApiCaller } from '../core/api-caller.ts';
import { SallyportError } from '../core/errors.ts';
import type { MaybePromise } from '../core/maybe-promise.ts';
import type { Session } from '../core/session.ts';
import type { Provider, Providers } from '../oidc/provider.ts';
import type { HeldToken } from './held-token.ts';
import { createKeptToken, type KeptToken, type KeptTokenDeps } from './kept-token.ts';
import type { KnownTargets } from './known-targets.ts';
import { type ExchangeRule, sealedPlace } from './sealed-token.ts';
import type { SharedExchange } from './shared-exchange.ts';

export interface ExchangedTokens {
  /**
   * As `KeptToken.obtain`. Throws `ERR_UPSTREAM_TOKEN_DENIED` when there is nothing to exchange (an API key), and
   * `ERR_UPSTREAM_TOKEN` when the token is none of a provider's: the application never gets another one instead (RS-070).
   */
  obtain(rule: ExchangeRule, by: Session | ApiCaller): MaybePromise<HeldToken>;
}

export interface ExchangedTokensDeps extends KeptTokenDeps {
  readonly providers: Providers;
  readonly exchange: SharedExchange;
  readonly targets: KnownTargets;
}

/** What is exchanged, and until when what comes of it may be used: no longer than itself (RS-073). */
interface Subject {
  readonly provider: Provider;
  readonly session: string | null;
  readonly token: string;
  /** Unix time in milliseconds. */
  readonly endsAt: number;
}

export function createExchangedTokens(deps: ExchangedTokensDeps): ExchangedTokens {
  const kept = new WeakMap<object, Map<string, KeptToken>>();

  const keep = (subject: Subject, rule: ExchangeRule): KeptToken => {
    const { provider, token, endsAt } = subject;
    const { grants } = provider;
    const exchange = () =>
      rule.grant === 'on-behalf-of'
        ? grants.onBehalfOf(token, rule.target)
        : grants.exchange(token, rule.target);
    const place = sealedPlace({ ...subject, provider: provider.name }, rule);
    const fetch = (replaced: string | null) => deps.exchange({ place, endsAt, replaced, exchange });
    return createKeptToken({ fetch, endsAt, prove: grants.prove }, deps);
  };

  return {
    obtain(rule, by) {
      const owner = 'tokens' in by ? by.tokens : by;
      const { id } = deps.targets(rule);
      const known = kept.get(owner)?.get(id);
      if (known !== undefined) return known.obtain();
      const ofOwner = kept.get(owner) ?? new Map<string, KeptToken>();
      const made = keep(subjectOf(by, deps.providers), rule);
      kept.set(owner, ofOwner.set(id, made));
      return made.obtain();
    },
  };
}

function subjectOf(by: Session | ApiCaller, providers: Providers): Subject {
  const provider = providers.get(by.identity.provider);
  const token = 'tokens' in by ? by.tokens.accessToken : by.token;
  if (token === null) throw nothingToExchange();
  if (provider === undefined) throw notOfAProvider();
  if (!('tokens' in by)) return { provider, session: null, token, endsAt: by.expiresAt };
  const endsAt = Math.min(by.tokens.accessTokenExpiresAt, by.absoluteExpiresAt);
  return { provider, session: by.key, token, endsAt };
}

function nothingToExchange(): SallyportError {
  return new SallyportError('ERR_UPSTREAM_TOKEN_DENIED', 'an API key is no token that could be exchanged', {
    detail: 'nothing-to-exchange',
  });
}

function notOfAProvider(): SallyportError {
  return new SallyportError('ERR_UPSTREAM_TOKEN', 'the issuer of the token is no provider of the gate', {
    detail: 'issuer-not-a-provider',
  });
}
