/** A scripted provider: every refresh is answered by the next step of a script, and every call is written down. */
import type { Clock } from '../../src/core/clock.ts';
import type { Claims, TokenSet } from '../../src/core/identity.ts';
import type { Provider, RefreshOutcome, SignedIn } from '../../src/oidc/provider.ts';
import { createFakeTokenIssuer } from './fake-token-issuer.ts';

export interface RefreshCall {
  readonly subject: string;
  readonly tokens: TokenSet;
}

/** What one refresh does: answers, throws, or answers later. */
export type RefreshStep = (call: RefreshCall) => RefreshOutcome | Promise<RefreshOutcome>;

export interface FakeProvider extends Provider {
  readonly refreshes: readonly RefreshCall[];
  readonly revoked: readonly string[];
  /** What the refreshes from now on do, in turn; the last step answers all that follow. */
  script(...steps: readonly RefreshStep[]): void;
  /** New tokens, numbered. */
  issue(options?: { readonly lifetime?: number; readonly refreshToken?: string | null }): TokenSet;
  signIn(
    subject?: string,
    options?: { readonly lifetime?: number; readonly refreshToken?: string | null; readonly claims?: Claims },
  ): SignedIn;
  /** The outcome of a refresh that worked. */
  renewed(options?: {
    readonly lifetime?: number;
    readonly refreshToken?: string | null;
    readonly claims?: Claims;
  }): RefreshOutcome;
}

const unused = () => Promise.reject(new Error('not part of this test'));

export function createFakeProvider(deps: { readonly clock: Clock; readonly name?: string }): FakeProvider {
  const name = deps.name ?? 'main';
  const refreshes: RefreshCall[] = [];
  const revoked: string[] = [];
  let steps: readonly RefreshStep[] = [];
  let issued = 0;

  const issue: FakeProvider['issue'] = (options = {}) => {
    issued += 1;
    return {
      accessToken: `access-${issued}`,
      accessTokenExpiresAt: deps.clock.now() + (options.lifetime ?? 3_600_000),
      refreshToken: options.refreshToken === undefined ? `refresh-${issued}` : options.refreshToken,
      idToken: `id-${issued}`,
      scope: 'openid',
    };
  };
  const renewed: FakeProvider['renewed'] = (options = {}) => ({
    kind: 'refreshed',
    tokens: issue(options),
    claims: options.claims ?? { sub: 'alice' },
  });

  return {
    name,
    issuer: `https://${name}.test`,
    responseMode: 'query',
    tokenIssuer: createFakeTokenIssuer({ name, issuer: `https://${name}.test` }),
    readSignedState: null,
    refreshes,
    revoked,
    issue,
    renewed,
    script(...next) {
      steps = next;
    },
    signIn: (subject = 'alice', options = {}) => ({
      subject,
      claims: { sub: subject, ...options.claims },
      tokens: issue(options),
    }),
    async refresh(subject, _claims, tokens) {
      const call = { subject, tokens };
      refreshes.push(call);
      const [step, ...rest] = steps;
      if (rest.length > 0) steps = rest;
      return step === undefined ? renewed() : step(call);
    },
    async revoke(refreshToken) {
      revoked.push(refreshToken);
    },
    authorizationUrl: unused,
    redeem: unused,
    goodbye: async () => null,
    verifyLogoutToken: unused,
    grants: { clientToken: unused, exchange: unused, onBehalfOf: unused, prove: null },
    pageOrigins: () => [],
    isReady: () => true,
    close: async () => {},
  };
}
