import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ApiKeys } from '../../../src/api-keys/api-keys.ts';
import type { Api } from '../../../src/apis/api.ts';
import type { ApiCaller } from '../../../src/core/api-caller.ts';
import type { CredentialRefusal } from '../../../src/core/credential-refusal.ts';
import type { Decision } from '../../../src/core/decision.ts';
import { SallyportError } from '../../../src/core/errors.ts';
import { headerValue, headerValues } from '../../../src/core/headers.ts';
import type { Route } from '../../../src/core/route.ts';
import type { Session } from '../../../src/core/session.ts';
import type { UpstreamToken } from '../../../src/core/upstream-token.ts';
import { createAuthenticate } from '../../../src/pipeline/authenticate.ts';
import { createCallerRules } from '../../../src/pipeline/authorize.ts';
import { createDecide } from '../../../src/pipeline/decide.ts';
import { createAnswers } from '../../../src/pipeline/respond.ts';
import { createRouteTable } from '../../../src/pipeline/route-table.ts';
import type { UpstreamTokens } from '../../../src/upstream-tokens/upstream-tokens.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { createHead, createRoute } from '../../support/heads.ts';

const publicUrl = new URL('https://app.test');
const clock = createFakeClock();

const session: Session = {
  key: 's:key',
  logId: 'abcd',
  identity: { provider: 'main', issuer: 'https://op.test', subject: 'alice', claims: { sub: 'alice' } },
  tokens: {
    accessToken: 'access',
    accessTokenExpiresAt: clock.now() + 60_000,
    refreshToken: null,
    idToken: 'id',
    scope: 'openid read:all',
  },
  createdAt: clock.now(),
  lastSeenAt: clock.now(),
  expiresAt: clock.now() + 60_000,
  absoluteExpiresAt: clock.now() + 600_000,
};

function callerOf(kind: ApiCaller['kind'], scopes: readonly string[] = []): ApiCaller {
  return {
    kind,
    name: kind === 'bearer' ? 'batch-client' : 'nightly',
    identity: { provider: 'main', issuer: 'https://op.test', subject: 'svc', claims: { sub: 'svc' } },
    scopes: new Set(scopes),
    audiences: [],
    token: kind === 'bearer' ? 'token' : null,
    scheme: kind === 'bearer' ? 'Bearer' : null,
    expiresAt: clock.now() + 60_000,
  };
}

const refusal = (
  status: CredentialRefusal['status'],
  error: CredentialRefusal['error'],
): CredentialRefusal => ({
  status,
  error,
  headers: [
    'www-authenticate',
    error === null ? 'Bearer realm="main"' : `Bearer realm="main", error="${error}"`,
  ],
  detail: 'test',
});

/** An api for which `good` is a good token with the scope `read`, and everything else is none. */
const api: Api = {
  name: 'main',
  authenticate(head) {
    const value = headerValue(head.headers, 'authorization');
    if (value === null) return { kind: 'none' };
    if (value === 'Bearer good') return { kind: 'caller', caller: callerOf('bearer', ['read']) };
    return { kind: 'refused', refusal: refusal(401, 'invalid_token') };
  },
  authorize: (caller, { scopes }) =>
    scopes.every((scope) => caller.scopes.has(scope)) ? null : refusal(403, 'insufficient_scope'),
  challenge: () => refusal(401, null),
  metadata: null,
};

const apiKeys: ApiKeys = {
  header: 'x-api-key',
  authenticate: (head) =>
    headerValue(head.headers, 'x-api-key') === null
      ? { kind: 'none' }
      : { kind: 'caller', caller: callerOf('api-key', ['read']) },
  challenge: { ...refusal(401, null), headers: ['www-authenticate', 'ApiKey realm="sallyport"'] },
};

interface Options {
  readonly signedIn?: boolean;
  readonly obtain?: UpstreamTokens['obtain'];
}

function createGate(route: Partial<Route>, { signedIn = false, obtain }: Options = {}) {
  const callerRules = createCallerRules(new Map([['main', api]]), apiKeys);
  let sessionsAsked = 0;
  const decide = createDecide({
    endpoints: new Map(),
    endpointPrefix: '/.auth',
    routes: createRouteTable([createRoute({ path: '/**', ...route })]),
    authenticate: createAuthenticate({
      sessions: {
        authenticate() {
          sessionsAsked += 1;
          return signedIn ? { kind: 'session', session, setCookies: [] } : { kind: 'none' };
        },
      },
      hasSessionCookie: (head) => headerValue(head.headers, 'cookie') !== null,
      apis: new Map([['main', api]]),
      apiKeys,
    }),
    callerRules,
    upstreamTokens: { obtain: obtain ?? (() => null) },
    answers: createAnswers({ callerRules, publicUrl, loginPath: '/.auth/login' }),
    publicUrl,
    clock,
  });
  return {
    ask: async (headers: Readonly<Record<string, string>>, method = 'GET'): Promise<Decision> =>
      decide(createHead({ headers, method }), async () => ''),
    sessionsAsked: () => sessionsAsked,
  };
}

const bearer = { authenticate: ['bearer'], api: 'main' } as const;
const either = { authenticate: ['session', 'bearer'], api: 'main' } as const;

function statusOf(decision: Decision): number | 'forward' {
  return decision.kind === 'respond' ? decision.status : 'forward';
}

function challenges(decision: Decision): readonly string[] {
  return decision.kind === 'respond' ? headerValues(decision.headers, 'www-authenticate') : [];
}

describe('a route for bearer tokens', () => {
  test('RS-001: nothing brought is 401 with a challenge without error, and never a redirect', async () => {
    const gate = createGate(bearer);
    for (const headers of [
      {},
      { accept: 'application/json' },
      { accept: 'text/html', 'sec-fetch-mode': 'navigate' },
    ]) {
      const answer = await gate.ask(headers);
      assert.equal(statusOf(answer), 401);
      assert.deepEqual(challenges(answer), ['Bearer realm="main"']);
      assert.equal(answer.kind === 'respond' && headerValue(answer.headers, 'cache-control'), 'no-store');
    }
  });

  test('RS-008: a session cookie opens nothing there, and sessions are not even asked', async () => {
    const gate = createGate(bearer, { signedIn: true });
    assert.equal(statusOf(await gate.ask({ cookie: '__Host-sallyport=x' })), 401);
    assert.equal(gate.sessionsAsked(), 0);
  });

  test('RS-007: a token counts there whatever cookie comes along, and the identity is that of the token', async () => {
    const decision = await createGate(bearer, { signedIn: true }).ask({
      cookie: '__Host-sallyport=x',
      authorization: 'Bearer good',
    });
    assert.equal(decision.kind, 'forward');
    assert.equal(decision.kind === 'forward' && decision.session, null);
    assert.equal(decision.kind === 'forward' && decision.caller?.name, 'batch-client');
  });

  test('a token that is not good is answered as problem+json with its error code', async () => {
    const answer = await createGate(bearer).ask({ authorization: 'Bearer bad' });
    assert.ok(answer.kind === 'respond');
    assert.equal(answer.status, 401);
    assert.deepEqual(challenges(answer), ['Bearer realm="main", error="invalid_token"']);
    assert.equal(headerValue(answer.headers, 'content-type'), 'application/problem+json');
    assert.equal(JSON.parse(answer.body).code, 'invalid_token');
    assert.ok(!answer.body.includes('bad'));
  });

  test('RS-013: a scope that was not granted is 403, and the log knows who asked', async () => {
    const answer = await createGate({ ...bearer, scopes: ['write'] }).ask({ authorization: 'Bearer good' });
    assert.ok(answer.kind === 'respond');
    assert.equal(answer.status, 403);
    assert.equal(answer.caller?.name, 'batch-client');
  });

  test('an unsafe request needs no CSRF protection: nothing ambient came along', async () => {
    const headers = {
      authorization: 'Bearer good',
      'sec-fetch-site': 'cross-site',
      origin: 'https://spa.test',
    };
    assert.equal(statusOf(await createGate(bearer).ask(headers, 'POST')), 'forward');
  });

  test('a technical failure is no refusal', async () => {
    const failing: UpstreamTokens['obtain'] = () => {
      throw new SallyportError('ERR_PROVIDER_UNAVAILABLE', 'down');
    };
    const gate = createGate({ ...bearer, upstreamToken: 'pass' }, { obtain: failing });
    await assert.rejects(gate.ask({ authorization: 'Bearer good' }), { code: 'ERR_PROVIDER_UNAVAILABLE' });
  });
});

describe('a route for sessions and bearer tokens', () => {
  test('RS-007: both on one request are 400, whoever they speak for', async () => {
    const gate = createGate(either, { signedIn: true });
    const answer = await gate.ask({ cookie: '__Host-sallyport=x', authorization: 'Bearer good' });
    assert.equal(statusOf(answer), 400);
    assert.equal(gate.sessionsAsked(), 0);
    assert.ok(answer.kind === 'respond');
    assert.deepEqual(challenges(answer), ['Bearer realm="sallyport", error="invalid_request"']);
  });

  test('RS-007: where no token is taken, two credentials are 400 without a word of tokens', async () => {
    const route = { authenticate: ['session', 'api-key'] } as const;
    const answer = await createGate(route, { signedIn: true }).ask({
      cookie: '__Host-sallyport=x',
      'x-api-key': 'good',
    });
    assert.ok(answer.kind === 'respond');
    assert.equal(answer.status, 400);
    assert.deepEqual(challenges(answer), []);
  });

  const rows: readonly (readonly [string, Readonly<Record<string, string>>, number | 'forward'])[] = [
    ['a cookie alone', { cookie: '__Host-sallyport=x' }, 'forward'],
    ['a token alone', { authorization: 'Bearer good' }, 'forward'],
    ['a bad token alone', { authorization: 'Bearer bad' }, 401],
  ];
  for (const [what, headers, expected] of rows) {
    test(`${what} is ${expected}`, async () => {
      assert.equal(statusOf(await createGate(either, { signedIn: true }).ask(headers)), expected);
    });
  }

  test('nothing: a navigation is sent to sign in, a program learns of both ways', async () => {
    const gate = createGate(either);
    const navigation = { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document', accept: 'text/html' };
    assert.equal(statusOf(await gate.ask(navigation)), 302);
    const answer = await gate.ask({ accept: 'application/json' });
    assert.equal(statusOf(answer), 401);
    assert.deepEqual(challenges(answer), ['Cookie realm="sallyport"', 'Bearer realm="main"']);
  });

  test('a session is still held to CSRF rules', async () => {
    const headers = { cookie: '__Host-sallyport=x', 'sec-fetch-site': 'cross-site' };
    assert.equal(statusOf(await createGate(either, { signedIn: true }).ask(headers, 'POST')), 403);
  });
});

describe('a route for API keys', () => {
  const keys = { authenticate: ['api-key'] } as const;
  test('a key passes, and nothing is 401', async () => {
    assert.equal(statusOf(await createGate(keys).ask({ 'x-api-key': 'k' })), 'forward');
    assert.deepEqual(challenges(await createGate(keys).ask({})), ['ApiKey realm="sallyport"']);
  });
  test('a key without the scope of the route is 403', async () => {
    assert.equal(statusOf(await createGate({ ...keys, scopes: ['write'] }).ask({ 'x-api-key': 'k' })), 403);
  });
  test('who may bring a token or a key is told of both', async () => {
    const route = { authenticate: ['api-key', 'bearer'], api: 'main' } as const;
    const told = challenges(await createGate(route).ask({}));
    assert.deepEqual(told, ['Bearer realm="main"', 'ApiKey realm="sallyport"']);
  });
  test('a key and a token on one request are 400', async () => {
    const route = { authenticate: ['api-key', 'bearer'], api: 'main' } as const;
    assert.equal(
      statusOf(await createGate(route).ask({ 'x-api-key': 'k', authorization: 'Bearer good' })),
      400,
    );
  });
});

test('RS-033: the scopes of a session are compared whole', async () => {
  const may = (scopes: readonly string[]) => createGate({ scopes }, { signedIn: true }).ask({});
  assert.equal(statusOf(await may(['read:all'])), 'forward');
  assert.equal(statusOf(await may(['read'])), 403);
  assert.equal(statusOf(await may(['openid', 'read:all'])), 'forward');
});

describe('the token for the application', () => {
  const token: UpstreamToken = { header: 'authorization', value: 'Bearer t', prove: null, renew: null };
  test('travels with the decision, obtained now or later', async () => {
    for (const obtain of [() => token, async () => token]) {
      const decision = await createGate({ ...bearer, upstreamToken: 'pass' }, { obtain }).ask({
        authorization: 'Bearer good',
      });
      assert.equal(decision.kind === 'forward' && decision.upstreamToken, token);
    }
  });
  test('is not asked for where the route wants none, or where nobody passes', async () => {
    const obtain = () => assert.fail('asked');
    assert.equal(
      statusOf(await createGate(bearer, { obtain }).ask({ authorization: 'Bearer good' })),
      'forward',
    );
    assert.equal(statusOf(await createGate({ ...bearer, upstreamToken: 'pass' }, { obtain }).ask({})), 401);
  });
  test('is obtained on a public route too, for nobody', async () => {
    const asked: unknown[] = [];
    const obtain: UpstreamTokens['obtain'] = (_head, _route, { session, caller }) => {
      asked.push({ session, caller });
      return token;
    };
    const route = {
      access: 'public',
      authenticate: [],
      upstreamToken: { kind: 'client', target: {} },
    } as never;
    assert.equal(statusOf(await createGate(route, { obtain }).ask({})), 'forward');
    assert.deepEqual(asked, [{ session: null, caller: null }]);
  });
});

describe('a preflight', () => {
  const preflight = { origin: 'https://spa.test', 'access-control-request-method': 'PUT' };
  test('RS-016: is answered without a credential and without the application', async () => {
    const gate = createGate({ ...bearer, corsOrigins: ['https://spa.test'] });
    const answer = await gate.ask(
      { ...preflight, 'access-control-request-headers': 'authorization' },
      'OPTIONS',
    );
    assert.ok(answer.kind === 'respond');
    assert.equal(answer.status, 204);
    assert.equal(headerValue(answer.headers, 'access-control-allow-origin'), 'https://spa.test');
    assert.equal(headerValue(answer.headers, 'access-control-allow-methods'), 'PUT');
    assert.equal(headerValue(answer.headers, 'access-control-allow-headers'), 'authorization');
    assert.equal(headerValue(answer.headers, 'access-control-allow-credentials'), null);
  });
  test('RS-016: of an origin that is not listed allows nothing', async () => {
    const gate = createGate({ ...bearer, corsOrigins: ['https://other.test'] });
    const answer = await gate.ask(preflight, 'OPTIONS');
    assert.ok(answer.kind === 'respond');
    assert.equal(answer.status, 204);
    assert.equal(headerValue(answer.headers, 'access-control-allow-origin'), null);
  });
  test('a page of an allowed origin can read why its call was refused', async () => {
    const gate = createGate({ ...bearer, corsOrigins: ['https://spa.test'] });
    const answer = await gate.ask({ origin: 'https://spa.test' });
    assert.ok(answer.kind === 'respond');
    assert.equal(headerValue(answer.headers, 'access-control-allow-origin'), 'https://spa.test');
  });
  test('a plain OPTIONS is a request like any other', async () => {
    assert.equal(statusOf(await createGate(bearer).ask({}, 'OPTIONS')), 401);
  });
});
