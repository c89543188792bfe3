/** Obtains the token that the application of a route gets: see `upstream-tokens.ts` for what it promises. */
import type { ApiCaller } from '../core/api-caller.ts';
import type { Clock, RandomBytes } from '../core/clock.ts';
import { SallyportError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import type { MaybePromise } from '../core/maybe-promise.ts';
import type { RequestHead } from '../core/request-head.ts';
import type { Route } from '../core/route.ts';
import type { Session } from '../core/session.ts';
import type { UpstreamToken } from '../core/upstream-token.ts';
import type { KeyRing } from '../keys/key-ring.ts';
import type { Provider, Providers } from '../oidc/provider.ts';
import type { Sessions } from '../sessions/sessions.ts';
import { createLocks } from '../stores/locks.ts';
import type { Store } from '../stores/store.ts';
import type { AssertionRule, Assertions } from './assertion.ts';
import { audiencesOfToken, isMeantFor } from './audiences.ts';
import { type ClientRule, createClientTokens } from './client-tokens.ts';
import { createExchangedTokens } from './exchanged-tokens.ts';
import { createKnownTargets } from './known-targets.ts';
import type { ExchangeRule } from './sealed-token.ts';
import { createSessionTokens } from './session-tokens.ts';
import { createSharedExchange } from './shared-exchange.ts';
import { type SentToken, tokenOf } from './token-value.ts';
import type { UpstreamTokens } from './upstream-tokens.ts';

export interface UpstreamTokensDeps {
  /** The first is asked for tokens of the gate itself when the caller comes from none of them. */
  readonly providers: Providers;
  readonly sessions: Pick<Sessions, 'renew'>;
  readonly store: Store;
  /** Of tokens at rest: `KeyRings.tokens`. */
  readonly keyRing: KeyRing;
  /** Null when no route sends assertions. */
  readonly assertions: Assertions | null;
  /** `clusters.*.audiences`: what a cluster's application goes by; empty: it may get every token. */
  readonly audiencesOf: (cluster: string) => readonly string[];
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly emit: Emit;
}

const unasked: readonly string[] = [];

const orElse = (own: readonly string[], asked: readonly string[]) => (own.length === 0 ? asked : own);

interface By {
  readonly session: Session | null;
  readonly caller: ApiCaller | null;
}

export function createUpstreamTokens(deps: UpstreamTokensDeps): UpstreamTokens {
  const { providers, assertions, audiencesOf, emit } = deps;
  const locks = createLocks(deps);
  const targets = createKnownTargets();
  const sessionTokens = createSessionTokens(deps);
  const clientTokens = createClientTokens(targets, deps);
  const exchangedTokens = createExchangedTokens({
    ...deps,
    targets,
    exchange: createSharedExchange({ ...deps, locks }),
  });

  const withhold = (head: RequestHead, route: Route): null => {
    emit('token.withheld', { requestId: head.id, route: route.name, cluster: route.cluster });
    return null;
  };

  /** The token itself says for whom it is (RT-075); where it does not, `asked` is for whom it was asked. */
  const send = (
    head: RequestHead,
    route: Route,
    token: SentToken,
    asked: readonly string[] = unasked,
  ): UpstreamToken | null => {
    const expected = audiencesOf(route.cluster);
    if (expected.length === 0) return route.retryUnauthorized ? token.renewable : token.plain;
    if (!isMeantFor(expected, orElse(token.audiences(), asked))) return withhold(head, route);
    const { renew } = token.renewable;
    if (!route.retryUnauthorized || renew === null) return token.plain;
    return {
      ...token.renewable,
      // Another token may be for others.
      async renew() {
        const next = await renew();
        if (next === null) return null;
        const own = audiencesOfToken(tokenOf(next));
        return isMeantFor(expected, orElse(own, asked)) ? next : withhold(head, route);
      },
    };
  };

  const grant = (
    rule: ClientRule | ExchangeRule,
    who: Session | ApiCaller | null,
  ): MaybePromise<SentToken> | null => {
    if (rule.kind === 'client') return clientTokens.obtain(providerFor(who, providers), rule);
    return who === null ? null : exchangedTokens.obtain(rule, who);
  };

  const sendCallers = (head: RequestHead, route: Route, caller: ApiCaller): UpstreamToken | null => {
    if (caller.token === null) return null;
    const token = sessionTokens.own(caller);
    return token === null ? withhold(head, route) : send(head, route, token);
  };

  const sendNamed = (head: RequestHead, route: Route, { session, caller }: By): UpstreamToken | null => {
    switch (route.upstreamToken) {
      case 'access':
        if (session !== null) return send(head, route, sessionTokens.access(session));
        return caller === null ? null : sendCallers(head, route, caller);
      case 'id':
        return session === null ? null : send(head, route, sessionTokens.id(session));
      case 'pass':
        return caller === null ? null : sendCallers(head, route, caller);
      default:
        return null;
    }
  };

  const sign = (head: RequestHead, route: Route, by: Session | ApiCaller): UpstreamToken | null => {
    const rule = route.upstreamToken as AssertionRule;
    if (!isMeantFor(audiencesOf(route.cluster), [rule.audience])) return withhold(head, route);
    if (assertions === null) throw new Error('a route sends assertions, and there is nothing to sign them');
    return assertions.sign(rule, by);
  };

  return {
    obtain(head, route, by) {
      const rule = route.upstreamToken;
      if (typeof rule === 'string') return sendNamed(head, route, by);
      const who = by.session ?? by.caller;
      if (rule.kind === 'assertion') return who === null ? null : sign(head, route, who);
      const { audiences } = targets(rule);
      const isMisdirected = audiences.length > 0 && !isMeantFor(audiencesOf(route.cluster), audiences);
      if (isMisdirected) return withhold(head, route);
      const token = grant(rule, who);
      if (token === null) return null;
      return token instanceof Promise
        ? token.then((held) => send(head, route, held, audiences))
        : send(head, route, token, audiences);
    },
    async close() {
      locks.close();
    },
  };
}

/** Its own provider, or the first: an API key comes from none, nor does the token of an issuer that only issues. */
function providerFor(who: Session | ApiCaller | null, providers: Providers): Provider {
  const own = who === null ? undefined : providers.get(who.identity.provider);
  const [first] = providers.values();
  const provider = own ?? first;
  if (provider !== undefined) return provider;
  throw new SallyportError('ERR_UPSTREAM_TOKEN', 'there is no provider to ask for a token', {
    detail: 'no-provider',
  });
}
