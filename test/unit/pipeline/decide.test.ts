import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import type { SessionAuthentication } from '../../../src/core/authentication.ts';
import type { Decision, Respond } from '../../../src/core/decision.ts';
import { SallyportError } from '../../../src/core/errors.ts';
import { headerValue } from '../../../src/core/headers.ts';
import type { ReadBody, RequestHead } from '../../../src/core/request-head.ts';
import type { Route } from '../../../src/core/route.ts';
import type { Session } from '../../../src/core/session.ts';
import { redirectAnswer } from '../../../src/endpoints/answers.ts';
import { createKeyRing } from '../../../src/keys/create-key-ring.ts';
import type { CallerRules } from '../../../src/pipeline/authorize.ts';
import { createDecide } from '../../../src/pipeline/decide.ts';
import { createAnswers } from '../../../src/pipeline/respond.ts';
import { createRouteTable } from '../../../src/pipeline/route-table.ts';
import { createMemoryStore } from '../../../src/stores/memory-store.ts';
import { createUpstreamTokens } from '../../../src/upstream-tokens/create-upstream-tokens.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { createHead, createRoute } from '../../support/heads.ts';

const publicUrl = new URL('https://app.test');
const clock = createFakeClock();
const callerRules: CallerRules = { authorize: () => null, challenge: () => null };
const readBody: ReadBody = async () => '';
const upstreamTokens = createUpstreamTokens({
  providers: new Map(),
  sessions: { renew: async () => null },
  store: createMemoryStore({ clock }),
  keyRing: createKeyRing([randomBytes(32)]),
  assertions: null,
  audiencesOf: () => [],
  clock,
  random: randomBytes,
  emit: () => {},
});

const session: Session = {
  key: 's:key',
  logId: 'abcd',
  identity: { provider: 'main', issuer: 'https://op.test', subject: 'alice', claims: { sub: 'alice' } },
  tokens: {
    accessToken: 'access',
    accessTokenExpiresAt: clock.now() + 60_000,
    refreshToken: null,
    idToken: 'id',
    scope: 'openid',
  },
  createdAt: clock.now(),
  lastSeenAt: clock.now(),
  expiresAt: clock.now() + 60_000,
  absoluteExpiresAt: clock.now() + 600_000,
};

const signedIn: SessionAuthentication = { kind: 'session', session, setCookies: [] };
const nobody: SessionAuthentication = { kind: 'none' };

const routes: readonly Route[] = [
  createRoute({ path: '/public/**', access: 'public' }),
  createRoute({ path: '/**' }),
  createRoute({ path: '/api/**', onAnonymous: 'unauthorized', upstreamToken: 'access' }),
  createRoute({ path: '/hidden/**', onAnonymous: 'not-found' }),
  createRoute({ path: '/closed/**', onAnonymous: 'forbidden' }),
  createRoute({ path: '/read', methods: new Set(['GET']) }),
];

function createGate(
  authenticate: (head: RequestHead) => SessionAuthentication | Promise<SessionAuthentication>,
) {
  const endpoint = async () => redirectAnswer('https://op.test/', { reason: 'login-started' });
  return createDecide({
    endpoints: new Map([['/.auth/login', new Map([['GET', endpoint]])]]),
    endpointPrefix: '/.auth',
    routes: createRouteTable(routes),
    authenticate,
    callerRules,
    upstreamTokens,
    answers: createAnswers({ callerRules, publicUrl, loginPath: '/.auth/login' }),
    publicUrl,
    clock,
  });
}

async function respondTo(head: RequestHead, authentication = nobody): Promise<Respond> {
  const decision: Decision = await createGate(() => authentication)(head, readBody);
  assert.ok(decision.kind === 'respond', 'expected an answer, not a forward');
  return decision;
}

const navigation = { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document', accept: 'text/html' };

describe('decide', () => {
  test('a known session is forwarded synchronously, with the very snapshot that was judged (RT-070)', () => {
    const decision = createGate(() => signedIn)(createHead({ target: '/x?y=1' }), readBody);
    assert.ok(!(decision instanceof Promise) && decision.kind === 'forward');
    assert.equal(decision.session, session);
    assert.equal(decision.route.path, '/**');
  });

  test('cookies travel with a forward and with a refusal', async () => {
    const withCookie: SessionAuthentication = { kind: 'session', session, setCookies: ['a=b'] };
    const forward = await createGate(() => withCookie)(createHead(), readBody);
    assert.deepEqual(forward.setCookies, ['a=b']);
    const cleared: SessionAuthentication = {
      kind: 'rejected',
      reason: 'expired',
      setCookies: ['a=; Max-Age=0'],
    };
    assert.deepEqual((await respondTo(createHead(), cleared)).setCookies, ['a=; Max-Age=0']);
  });

  test('FL-002: a public route never asks for the session', async () => {
    const decide = createGate(() => {
      throw new SallyportError('ERR_STORE_UNAVAILABLE', 'down');
    });
    const decision = await decide(createHead({ target: '/public/x' }), readBody);
    assert.equal(decision.kind, 'forward');
  });

  test('FL-001: a store that cannot tell is a failure and never anonymous', () => {
    const decide = createGate(() => {
      throw new SallyportError('ERR_STORE_UNAVAILABLE', 'down');
    });
    assert.throws(() => decide(createHead(), readBody), { code: 'ERR_STORE_UNAVAILABLE' });
    const rejecting = createGate(() => Promise.reject(new SallyportError('ERR_STORE_UNAVAILABLE', 'down')));
    return assert.rejects(async () => rejecting(createHead(), readBody), { code: 'ERR_STORE_UNAVAILABLE' });
  });

  test('a path below the prefix never reaches an application, whatever the routes say', async () => {
    for (const target of ['/.auth', '/.auth/', '/.auth/unknown', '/.auth/login/x']) {
      assert.equal((await respondTo(createHead({ target }), signedIn)).status, 404, target);
    }
  });

  test('an endpoint answers its own methods; others are told which', async () => {
    const answer = await respondTo(createHead({ target: '/.auth/login' }));
    assert.equal(answer.reason, 'login-started');
    const refused = await respondTo(createHead({ target: '/.auth/login', method: 'DELETE' }));
    assert.equal(refused.status, 405);
    assert.equal(headerValue(refused.headers, 'allow'), 'GET');
  });

  test('an upgrade on an endpoint is refused', async () => {
    const answer = await respondTo(createHead({ target: '/.auth/login', upgrade: 'websocket' }));
    assert.equal(answer.status, 404);
  });

  test('an unknown path is 404 and a method that is not listed 405', async () => {
    const decide = createDecide({
      endpoints: new Map(),
      endpointPrefix: '/.auth',
      routes: createRouteTable([createRoute({ path: '/a', methods: new Set(['GET']) })]),
      authenticate: () => signedIn,
      callerRules,
      upstreamTokens,
      answers: createAnswers({ callerRules, publicUrl, loginPath: '/.auth/login' }),
      publicUrl,
      clock,
    });
    const status = async (parts: Parameters<typeof createHead>[0]) => {
      const decision = await decide(createHead(parts), readBody);
      return decision.kind === 'respond' ? decision.status : 0;
    };
    assert.equal(await status({ target: '/b' }), 404);
    assert.equal(await status({ target: '/a', method: 'POST' }), 405);
  });
});

describe('a session that ends while its token is being obtained', () => {
  const token = { header: 'authorization', value: 'Bearer x', prove: null, renew: null };
  const decideWith = (after: SessionAuthentication) => {
    const { promise, resolve } = Promise.withResolvers<typeof token>();
    let asked = 0;
    const decide = createDecide({
      endpoints: new Map(),
      endpointPrefix: '/.auth',
      routes: createRouteTable([createRoute({ path: '/**', upstreamToken: 'access' })]),
      authenticate() {
        asked += 1;
        return asked === 1 ? signedIn : after;
      },
      callerRules,
      upstreamTokens: { obtain: () => promise },
      answers: createAnswers({ callerRules, publicUrl, loginPath: '/.auth/login' }),
      publicUrl,
      clock,
    });
    const decision = decide(createHead(), readBody);
    resolve(token);
    return decision;
  };

  test('LO-025: is not sent with it', async () => {
    const decision = await decideWith({ kind: 'rejected', reason: 'logout', setCookies: [] });
    assert.ok(decision.kind === 'respond');
    assert.equal(decision.status, 401);
  });

  test('one that lives on is sent, with the very snapshot that was judged (RT-070)', async () => {
    const later = { ...session, lastSeenAt: session.lastSeenAt + 1 };
    const decision = await decideWith({ kind: 'session', session: later, setCookies: [] });
    assert.ok(decision.kind === 'forward');
    assert.equal(decision.session, session);
    assert.equal(decision.upstreamToken, token);
  });
});

describe('an anonymous request to a protected route', () => {
  test('RD-027: a navigation is sent to login, with path and query to come back to', async () => {
    const answer = await respondTo(createHead({ target: '/x/y?a=b&c=%2F', headers: navigation }));
    assert.equal(answer.status, 302);
    const location = new URL(headerValue(answer.headers, 'location') as string);
    assert.equal(location.origin + location.pathname, 'https://app.test/.auth/login');
    assert.equal(location.searchParams.get('returnTo'), '/x/y?a=b&c=%2F');
  });

  const programs: readonly (readonly [string, Readonly<Record<string, string>>, string | null])[] = [
    ['fetch', { 'sec-fetch-mode': 'cors', accept: 'text/html' }, null],
    ['XMLHttpRequest of an old browser', { 'x-requested-with': 'XMLHttpRequest', accept: 'text/html' }, null],
    ['a client that asks for JSON', { accept: 'application/json' }, null],
    ['an event stream', { 'sec-fetch-mode': 'cors', accept: 'text/event-stream' }, null],
    ['a picture', { 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' }, null],
    ['a frame', { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' }, null],
    ['a WebSocket', { 'sec-fetch-mode': 'websocket' }, 'websocket'],
    ['SC-054: a prefetch', { ...navigation, 'sec-purpose': 'prefetch;prerender' }, null],
  ];
  for (const [who, headers, upgrade] of programs) {
    test(`RD-027: ${who} gets 401 and no redirect`, async () => {
      const answer = await respondTo(createHead({ headers, upgrade }));
      assert.equal(answer.status, 401);
      assert.equal(headerValue(answer.headers, 'location'), null);
      assert.equal(headerValue(answer.headers, 'cache-control'), 'no-store');
    });
  }

  test('the 401 for a program is problem+json with the login URL', async () => {
    const answer = await respondTo(createHead({ target: '/api/x', headers: { accept: 'application/json' } }));
    assert.equal(headerValue(answer.headers, 'content-type'), 'application/problem+json');
    const problem = JSON.parse(answer.body);
    assert.equal(problem.status, 401);
    assert.equal(problem.loginUrl, 'https://app.test/.auth/login');
  });

  test('`onAnonymous` decides: 401, 403 or 404, for navigations too', async () => {
    const status = async (target: string) =>
      (await respondTo(createHead({ target, headers: navigation }))).status;
    assert.equal(await status('/api/x'), 401);
    assert.equal(await status('/closed/x'), 403);
    assert.equal(await status('/hidden/x'), 404);
  });

  test('RD-025, RD-026: a posted form goes to login with 303, its body is not kept', async () => {
    const answer = await respondTo(createHead({ method: 'POST', target: '/form', headers: navigation }));
    assert.equal(answer.status, 303);
  });

  test('RT-058: an unknown file below a protected path is judged before anything is served', async () => {
    assert.equal((await respondTo(createHead({ target: '/api/missing.js' }))).status, 401);
  });

  test('RT-041: the query has no part in matching', async () => {
    assert.equal((await respondTo(createHead({ target: '/api?x=/public/' }))).status, 401);
  });
});

describe('a signed-in request', () => {
  test('RD-040: an unsafe one from another site is refused and says why', async () => {
    const head = createHead({ method: 'POST', headers: { 'sec-fetch-site': 'cross-site' } });
    const answer = await respondTo(head, signedIn);
    assert.equal(answer.status, 403);
    assert.equal(answer.reason, 'cross-site');
    assert.equal(answer.session, session);
  });

  test('RD-060: a preflight from another origin gets no permission', async () => {
    const headers = { origin: 'https://evil.test', 'access-control-request-method': 'POST' };
    const answer = await respondTo(createHead({ method: 'OPTIONS', headers }));
    assert.equal(headerValue(answer.headers, 'access-control-allow-origin'), null);
  });

  test('an access token that expired and cannot be renewed means signing in again, where the token is needed', async () => {
    const stale = { ...session, tokens: { ...session.tokens, accessTokenExpiresAt: clock.now() - 1 } };
    const authentication: SessionAuthentication = { kind: 'session', session: stale, setCookies: [] };
    assert.equal((await respondTo(createHead({ target: '/api/x' }), authentication)).status, 401);
    const other = await createGate(() => authentication)(createHead({ target: '/page' }), readBody);
    assert.equal(other.kind, 'forward');
  });
});
