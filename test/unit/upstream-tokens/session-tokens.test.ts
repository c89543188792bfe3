import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Session } from '../../../src/core/session.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { createFleet, createSessionFixture } from '../../support/session-fixture.ts';
import {
  createCaller,
  createScriptedGrants,
  createSession,
  createTokenNode,
  routeWith,
} from '../../support/upstream-token-fixture.ts';

const access = routeWith('access');
const renewing = routeWith('access', { retryUnauthorized: true });

describe('the token of a session or a caller', () => {
  test('is written once for a token set: the same object with every request', () => {
    const { clock, obtain } = createTokenNode();
    const session = createSession(clock);
    const token = obtain(access, session);
    assert.ok(!(token instanceof Promise));
    assert.equal(token?.value, 'Bearer access-of-s:alice');
    assert.equal(obtain(access, { ...session, lastSeenAt: clock.now() + 1 }), token);
    const refreshed = { ...session, tokens: { ...session.tokens, accessToken: 'next' } };
    assert.equal((obtain(access, refreshed) as { value: string }).value, 'Bearer next');
  });

  test('a session sends its ID token, a caller has none', async () => {
    const { clock, sent } = createTokenNode();
    assert.equal(await sent(routeWith('id'), createSession(clock)), 'Bearer id-token');
    assert.equal(await sent(routeWith('id'), createCaller(clock)), null);
  });

  test("where sessions and bearer tokens are taken, a caller's own token takes the place of a session's", async () => {
    const { clock, sent } = createTokenNode();
    assert.equal(await sent(access, createCaller(clock)), 'Bearer token-of-bob');
    assert.equal(await sent(routeWith('pass'), createCaller(clock)), 'Bearer token-of-bob');
    assert.equal(await sent(routeWith('pass'), createSession(clock)), null);
  });

  test('an API key and nobody have none', async () => {
    const { clock, sent, events } = createTokenNode();
    const key = createCaller(clock, { kind: 'api-key', token: null, scheme: null });
    for (const rule of ['access', 'id', 'pass', 'none'] as const) {
      assert.equal(await sent(routeWith(rule), key), null);
      assert.equal(await sent(routeWith(rule), null), null);
    }
    assert.deepEqual(events, []);
  });

  test("a token that is bound to a key of the caller's is withheld: sent as bearer it would be stolen", async () => {
    const { clock, sent, named } = createTokenNode();
    const caller = createCaller(clock, { scheme: 'DPoP' });
    assert.equal(await sent(routeWith('pass'), caller), null);
    assert.equal(await sent(access, caller), null);
    assert.equal(named('token.withheld').length, 2);
  });

  test('that of a provider whose tokens are bound goes with a proof for each request', async () => {
    const clock = createFakeClock();
    const grants = createScriptedGrants(clock, { isBound: true });
    const { obtain } = createTokenNode({ clock, grants });
    const token = await obtain(access, createSession(clock));
    assert.equal(token?.value, 'DPoP access-of-s:alice');
    assert.equal(
      token?.prove?.({ method: 'PUT', url: 'https://a.test/', nonce: 'n' }),
      'proof PUT https://a.test/ access-of-s:alice',
    );
    assert.equal((await obtain(routeWith('id'), createSession(clock)))?.value, 'Bearer id-token');
  });
});

describe('after a 401 of the application', () => {
  const withOtherTokens = (session: Session, accessToken: string): Session => ({
    ...session,
    tokens: { ...session.tokens, accessToken },
  });

  test('many requests renew the session once', async () => {
    const clock = createFakeClock();
    const session = createSession(clock);
    const next = withOtherTokens(session, 'next');
    let renewals = 0;
    const { obtain } = createTokenNode({
      clock,
      async renew() {
        renewals += 1;
        await new Promise((resolve) => setImmediate(resolve));
        return next;
      },
    });
    const tokens = await Promise.all(Array.from({ length: 50 }, () => obtain(renewing, session)));
    const renewed = await Promise.all(tokens.map((token) => token?.renew?.()));
    assert.deepEqual(new Set(renewed.map((token) => token?.value)), new Set(['Bearer next']));
    assert.equal(renewals, 1);
  });

  test('null when there is none, the same again, or the store cannot tell', async () => {
    const clock = createFakeClock();
    const session = createSession(clock);
    const outcomes: readonly (() => Promise<Session | null>)[] = [
      async () => null,
      async () => session,
      async () => Promise.reject(new Error('down')),
    ];
    for (const renew of outcomes) {
      const { obtain } = createTokenNode({ clock, renew });
      assert.equal(await (await obtain(renewing, session))?.renew?.(), null);
    }
  });

  test('a route that does not ask for it, an ID token and a caller renew nothing', async () => {
    const { clock, obtain } = createTokenNode();
    assert.equal((await obtain(access, createSession(clock)))?.renew, null);
    const id = routeWith('id', { retryUnauthorized: true });
    assert.equal((await obtain(id, createSession(clock)))?.renew, null);
    assert.equal((await obtain(renewing, createCaller(clock)))?.renew, null);
  });
});

describe('Sessions.renew', () => {
  test('renews a token that is still good, once for all who ask, and answers the new snapshot', async () => {
    const { sessions, provider, signIn, sessionOf } = createSessionFixture();
    const { session, cookie } = await signIn();
    const renewed = await Promise.all([sessions.renew(session), sessions.renew(session)]);
    assert.equal(provider.refreshes.length, 1);
    assert.equal(renewed[0]?.tokens.accessToken, 'access-2');
    assert.equal(renewed[1]?.tokens.accessToken, 'access-2');
    assert.equal((await sessionOf(cookie))?.tokens.accessToken, 'access-2');
    await sessions.close();
  });

  test('a snapshot whose tokens are old already gets those that are there, without a refresh', async () => {
    const { sessions, provider, signIn } = createSessionFixture();
    const { session } = await signIn();
    await sessions.renew(session);
    assert.equal((await sessions.renew(session))?.tokens.accessToken, 'access-2');
    assert.equal(provider.refreshes.length, 1);
    await sessions.close();
  });

  test('tokens that were renewed rest for half a minute; those of the sign-in need not', async () => {
    const { sessions, provider, clock, signIn } = createSessionFixture();
    const { session } = await signIn();
    const renewed = await sessions.renew(session);
    assert.ok(renewed);
    clock.advance(29_000);
    assert.equal(await sessions.renew(renewed), null);
    assert.equal(provider.refreshes.length, 1);
    clock.advance(1001);
    assert.equal((await sessions.renew(renewed))?.tokens.accessToken, 'access-3');
    await sessions.close();
  });

  test('is null without a refresh token, after a refusal, for a session that is over, and soon after a failure', async () => {
    const { sessions, provider, signIn } = createSessionFixture();
    const without = await signIn('alice', { refreshToken: null });
    assert.equal(await sessions.renew(without.session), null);
    const failing = await signIn('bob');
    provider.script(() => Promise.reject(new Error('down')));
    assert.equal(await sessions.renew(failing.session), null);
    assert.equal(await sessions.renew(failing.session), null);
    assert.equal(provider.refreshes.length, 1);
    const refused = await signIn('carol');
    provider.script(() => ({ kind: 'rejected', reason: 'invalid-grant' }));
    assert.equal(await sessions.renew(refused.session), null);
    const ended = await signIn('dave');
    await sessions.end(ended.session, 'logout');
    assert.equal(await sessions.renew(ended.session), null);
    assert.equal(provider.refreshes.length, 2);
    await sessions.close();
  });

  test('nodes that renew one session at once refresh it once', async () => {
    const fleet = createFleet(2, { isAsync: true });
    const [one, two] = fleet.nodes;
    assert.ok(one && two);
    const { session, cookie } = await one.signIn();
    const known = await two.sessionOf(cookie);
    assert.ok(known);
    const renewed = await Promise.all([one.sessions.renew(session), two.sessions.renew(known)]);
    assert.deepEqual(
      renewed.map((found) => found?.tokens.accessToken),
      ['access-2', 'access-2'],
    );
    assert.equal(fleet.provider.refreshes.length, 1);
    await fleet.close();
  });
});
