/** One API over fake issuers and a clock that stands still, and heads that bring it tokens. */
import assert from 'node:assert/strict';
import type { Api } from '../../src/apis/api.ts';
import { type ApiConfig, apiSchema } from '../../src/apis/api-config.ts';
import { createApis } from '../../src/apis/create-apis.ts';
import type { ApiCaller } from '../../src/core/api-caller.ts';
import type { Authentication } from '../../src/core/authentication.ts';
import type { CredentialRefusal } from '../../src/core/credential-refusal.ts';
import type { EventName, Events } from '../../src/core/events.ts';
import type { RequestHead } from '../../src/core/request-head.ts';
import type { TokenIssuer } from '../../src/oidc/token-issuer.ts';
import { createMemoryStore } from '../../src/stores/memory-store.ts';
import { createFakeClock, type FakeClock } from './fake-clock.ts';
import { createFakeTokenIssuer, type FakeTokenIssuer } from './fake-token-issuer.ts';
import { createHead } from './heads.ts';

export interface ApiFixture<Issuer extends TokenIssuer = FakeTokenIssuer> {
  readonly api: Api;
  readonly config: ApiConfig;
  readonly clock: FakeClock;
  readonly issuers: readonly Issuer[];
  /** Everything that was emitted. */
  readonly events: readonly { readonly name: EventName; readonly event: Events[EventName] }[];
  /** What comes of this `Authorization`. */
  ask(authorization: string, parts?: HeadParts): Promise<Authentication>;
  /** Claims that are good now, with changes. */
  claims(changes?: Readonly<Record<string, unknown>>): Record<string, unknown>;
}

export interface HeadParts {
  readonly thumbprint?: string;
  readonly address?: string;
  readonly target?: string;
}

export const audience = 'https://api.test';

export function createApiFixture(
  settings: Readonly<Record<string, unknown>> = {},
  issuers: readonly FakeTokenIssuer[] = [createFakeTokenIssuer()],
): ApiFixture {
  return createApiOver(settings, issuers, createFakeClock());
}

/** The same over any issuers and with a clock of choice. */
export function createApiOver<Issuer extends TokenIssuer>(
  settings: Readonly<Record<string, unknown>>,
  issuers: readonly Issuer[],
  clock: FakeClock,
): ApiFixture<Issuer> {
  const names = issuers.map(({ name }) => name);
  const config = apiSchema.parse({ issuers: names, audience: [audience], ...settings });
  const events: { name: EventName; event: Events[EventName] }[] = [];
  const apis = createApis(
    { main: config },
    {
      issuers: new Map(issuers.map((issuer) => [issuer.name, issuer])),
      makeIssuer: () => {
        throw new Error('not needed');
      },
      publicUrl: new URL('https://app.test'),
      store: createMemoryStore({ clock }),
      sealing: { seal: (plain) => plain, open: (sealed) => sealed },
      takesCertificates: false,
      anyHost: false,
      clock,
      emit: (name, event) => {
        events.push({ name, event });
      },
    },
  );
  const api = apis.get('main') as Api;
  return {
    api,
    config,
    clock,
    issuers,
    events,
    ask: async (authorization, parts = {}) => api.authenticate(headWith(authorization, parts)),
    claims: (changes = {}) => {
      const now = clock.now() / 1000;
      return {
        iss: issuers[0]?.issuer,
        aud: audience,
        sub: 'alice',
        client_id: 'cli',
        jti: 'token-1',
        iat: now,
        exp: now + 300,
        scope: 'orders.read orders.write',
        ...changes,
      };
    },
  };
}

export function headWith(authorization: string, parts: HeadParts = {}): RequestHead {
  const head = createHead({ headers: { authorization }, ...(parts.target ? { target: parts.target } : {}) });
  const { thumbprint = null, address = '127.0.0.1' } = parts;
  return { ...head, client: { address, scheme: 'https', certificateThumbprint: thumbprint } };
}

export function callerOf(authentication: Authentication): ApiCaller {
  assert.equal(authentication.kind, 'caller', JSON.stringify(authentication));
  return (authentication as Extract<Authentication, { kind: 'caller' }>).caller;
}

export function refusalOf(authentication: Authentication): CredentialRefusal {
  assert.equal(authentication.kind, 'refused');
  return (authentication as Extract<Authentication, { kind: 'refused' }>).refusal;
}

/** How often any of the issuers was asked for anything. */
export function askedOf({ issuers }: ApiFixture): number {
  return issuers.reduce((sum, { asked }) => sum + asked.open + asked.introspect, 0);
}

/** U401: `invalid_token` and nothing but what RFC 6750 says. */
export function assertRefused(authentication: Authentication, detail: string | RegExp): void {
  const refusal = refusalOf(authentication);
  assert.equal(refusal.status, 401);
  assert.equal(refusal.error, 'invalid_token');
  assert.deepEqual(refusal.headers, ['www-authenticate', 'Bearer realm="main", error="invalid_token"']);
  assert.match(refusal.detail, typeof detail === 'string' ? new RegExp(`^${detail}$`) : detail);
}
