/** Upstream tokens of one or several nodes over one store, with a provider whose grants are scripted and counted. */
import { randomBytes } from 'node:crypto';
import type { ApiCaller } from '../../src/core/api-caller.ts';
import type { EventName, Events } from '../../src/core/events.ts';
import type { Route, TokenTarget, UpstreamTokenRule } from '../../src/core/route.ts';
import type { Session } from '../../src/core/session.ts';
import { createKeyRing } from '../../src/keys/create-key-ring.ts';
import type { KeyRing } from '../../src/keys/key-ring.ts';
import type { OwnGrants, OwnToken } from '../../src/oidc/own-grants.ts';
import type { Providers } from '../../src/oidc/provider.ts';
import type { Store } from '../../src/stores/store.ts';
import type { Assertions } from '../../src/upstream-tokens/assertion.ts';
import { createUpstreamTokens } from '../../src/upstream-tokens/create-upstream-tokens.ts';
import { createFakeClock, type FakeClock } from './fake-clock.ts';
import { createFakeProvider } from './fake-provider.ts';
import { createHead, createRoute } from './heads.ts';
import { createSharedStore, type SharedStore } from './shared-store.ts';

export interface GrantCall {
  readonly grant: 'client' | 'exchange' | 'on-behalf-of';
  /** Null for a token of the gate itself. */
  readonly subject: string | null;
  readonly target: TokenTarget;
}

export interface ScriptedGrants extends OwnGrants {
  readonly calls: readonly GrantCall[];
  /** What the next calls do; the last one answers all that follow. */
  script(...steps: readonly (() => OwnToken | Promise<OwnToken>)[]): void;
  /** A new token, numbered. */
  issue(options?: Partial<OwnToken> & { readonly lifetime?: number }): OwnToken;
}

export function createScriptedGrants(
  clock: FakeClock,
  { isBound = false }: { readonly isBound?: boolean } = {},
): ScriptedGrants {
  const calls: GrantCall[] = [];
  let steps: readonly (() => OwnToken | Promise<OwnToken>)[] = [];
  let issued = 0;
  const issue: ScriptedGrants['issue'] = ({ lifetime = 600_000, ...parts } = {}) => {
    issued += 1;
    return {
      accessToken: `own-${issued}`,
      scheme: 'Bearer',
      expiresAt: clock.now() + lifetime,
      scope: null,
      ...parts,
    };
  };
  const answer = async (call: GrantCall): Promise<OwnToken> => {
    calls.push(call);
    const [step, ...rest] = steps;
    if (rest.length > 0) steps = rest;
    await new Promise((resolve) => setImmediate(resolve));
    return step === undefined ? issue() : step();
  };
  return {
    calls,
    issue,
    script(...next) {
      steps = next;
    },
    clientToken: (target) => answer({ grant: 'client', subject: null, target }),
    exchange: (subject, target) => answer({ grant: 'exchange', subject, target }),
    onBehalfOf: (subject, target) => answer({ grant: 'on-behalf-of', subject, target }),
    prove: isBound ? ({ method, url, accessToken }) => `proof ${method} ${url} ${accessToken}` : null,
  };
}

export interface TokenNodeOptions {
  readonly clock?: FakeClock;
  readonly grants?: ScriptedGrants;
  readonly shared?: SharedStore;
  readonly store?: Store;
  readonly keyRing?: KeyRing;
  readonly renew?: (session: Session) => Promise<Session | null>;
  readonly audiences?: readonly string[];
  readonly assertions?: Assertions;
  readonly providers?: Providers;
}

export type TokenNode = ReturnType<typeof createTokenNode>;

export function createTokenNode(options: TokenNodeOptions = {}) {
  const clock = options.clock ?? createFakeClock();
  const grants = options.grants ?? createScriptedGrants(clock);
  const shared = options.shared ?? createSharedStore({ clock });
  const store = options.store ?? shared.node();
  const keyRing = options.keyRing ?? createKeyRing([randomBytes(32)]);
  const events: { readonly name: EventName; readonly event: Events[EventName] }[] = [];
  const tokens = createUpstreamTokens({
    providers: options.providers ?? new Map([['main', { ...createFakeProvider({ clock }), grants }]]),
    sessions: { renew: options.renew ?? (async () => null) },
    store,
    keyRing,
    assertions: options.assertions ?? null,
    audiencesOf: () => options.audiences ?? [],
    clock,
    random: randomBytes,
    emit: (name, event) => events.push({ name, event }),
  });
  const obtain = (route: Route, by: Session | ApiCaller | null) =>
    tokens.obtain(createHead(), route, {
      session: by !== null && 'tokens' in by ? by : null,
      caller: by !== null && !('tokens' in by) ? by : null,
    });
  /** What the application would get, and null for nothing. */
  const sent = async (route: Route, by: Session | ApiCaller | null): Promise<string | null> =>
    (await obtain(route, by))?.value ?? null;
  const named = (name: EventName) => events.filter((entry) => entry.name === name);
  return { clock, grants, shared, store, keyRing, events, named, tokens, obtain, sent };
}

export function routeWith(upstreamToken: UpstreamTokenRule, parts: Partial<Route> = {}): Route {
  return createRoute({ path: '/app/**', upstreamToken, ...parts });
}

const anywhere: TokenTarget = { audience: null, scope: null, resource: null };

export const clientRule = (target: Partial<TokenTarget> = {}): UpstreamTokenRule => ({
  kind: 'client',
  target: { ...anywhere, ...target },
});

export const exchangeRule = (
  target: Partial<TokenTarget> = {},
  grant: 'token-exchange' | 'on-behalf-of' = 'token-exchange',
): UpstreamTokenRule => ({ kind: 'exchange', grant, target: { ...anywhere, audience: 'orders', ...target } });

export function createSession(
  clock: FakeClock,
  parts: { readonly key?: string; readonly accessToken?: string; readonly lifetime?: number } & Partial<
    Omit<Session, 'key'>
  > = {},
): Session {
  const { key = 's:alice', accessToken = `access-of-${key}`, lifetime = 3_600_000, ...others } = parts;
  return {
    key,
    logId: 'abcd',
    identity: { provider: 'main', issuer: 'https://op.test', subject: 'alice', claims: { sub: 'alice' } },
    tokens: {
      accessToken,
      accessTokenExpiresAt: clock.now() + lifetime,
      refreshToken: 'refresh',
      idToken: 'id-token',
      scope: 'openid',
    },
    createdAt: clock.now(),
    lastSeenAt: clock.now(),
    expiresAt: clock.now() + 1_800_000,
    absoluteExpiresAt: clock.now() + 43_200_000,
    ...others,
  };
}

export function createCaller(clock: FakeClock, parts: Partial<ApiCaller> = {}): ApiCaller {
  return Object.freeze({
    kind: 'bearer',
    name: 'machine',
    identity: { provider: 'main', issuer: 'https://op.test', subject: 'bob', claims: { sub: 'bob' } },
    scopes: new Set<string>(),
    audiences: ['https://gate.test'],
    token: 'token-of-bob',
    scheme: 'Bearer',
    expiresAt: clock.now() + 600_000,
    ...parts,
  });
}

/** A JWT as nobody would sign it. */
export function unsignedJwt(claims: object): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'ES256' })}.${part(claims)}.c2ln`;
}
