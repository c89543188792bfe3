/** RT-075: a token goes only to applications that are among its audiences. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, test } from 'node:test';
import type { UpstreamTokenRule } from '../../src/core/route.ts';
import type { Session } from '../../src/core/session.ts';
import { createAssertions } from '../../src/upstream-tokens/assertion.ts';
import { parseAssertionKey } from '../../src/upstream-tokens/assertion-key.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import {
  clientRule,
  createCaller,
  createScriptedGrants,
  createSession,
  createTokenNode,
  exchangeRule,
  routeWith,
  unsignedJwt,
} from '../support/upstream-token-fixture.ts';

const clock = createFakeClock();
const audiences = ['https://orders.test', 'orders'];
const jwtFor = (aud: unknown) => unsignedJwt({ iss: 'https://op.test', aud });

function setUp(own: string, expected = audiences) {
  const grants = createScriptedGrants(clock);
  grants.script(() => grants.issue({ accessToken: own }));
  const pem = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
    type: 'pkcs8',
    format: 'pem',
  });
  const read = parseAssertionKey(pem as string);
  assert.ok(read.ok);
  const assertions = createAssertions({
    issuer: 'https://app.test',
    keys: [read.value],
    clock,
    random: (count) => Buffer.alloc(count, 1),
  });
  return createTokenNode({ clock, grants, audiences: expected, assertions });
}

const assertion = (audience: string): UpstreamTokenRule => ({
  kind: 'assertion',
  audience,
  claims: [],
  header: 'authorization',
  lifetime: 60_000,
});
const session = (accessToken: string, idToken = 'id') => {
  const made = createSession(clock, { accessToken });
  return { ...made, tokens: { ...made.tokens, idToken } };
};
const caller = (...list: readonly string[]) => createCaller(clock, { audiences: list });

const sent = [
  ['the access token of a session, by its aud', 'access', session(jwtFor('orders'))],
  ['one with several audiences', 'access', session(jwtFor(['a', 'https://orders.test']))],
  ['an ID token', 'id', session('opaque', jwtFor('orders'))],
  ["a caller's own token, by what its issuer said", 'pass', caller('x', 'orders')],
  ['the same in the place of that of a session', 'access', caller('orders')],
  ['a token of the gate itself', clientRule({ audience: 'orders' }), null],
  ['a token of the gate itself, by resource', clientRule({ resource: 'https://orders.test' }), null],
  ['an exchanged token', exchangeRule({ audience: 'orders' }), session('subject')],
  ['an assertion', assertion('orders'), session('opaque')],
] as const;

const withheld = [
  ['an access token for somebody else', 'access', session(jwtFor('billing'))],
  ['an access token whose audience only begins like it', 'access', session(jwtFor('orders.evil'))],
  ['an access token without audience', 'access', session(unsignedJwt({ sub: 'a' }))],
  ['an access token with an audience that is no text', 'access', session(jwtFor([{ orders: 1 }, 7, null]))],
  ['an opaque access token', 'access', session('opaque')],
  ['one that only looks like a JWT', 'access', session('a.!!!.c')],
  ['an ID token for the gate', 'id', session('opaque', jwtFor('gate'))],
  ["a caller's token for the gate alone", 'pass', caller('https://gate.test')],
  ["a caller's token without audience", 'pass', caller()],
  ['the same in the place of that of a session', 'access', caller('https://gate.test')],
  ['a token of the gate itself for somebody else', clientRule({ audience: 'billing' }), null],
  ['an exchanged token for somebody else', exchangeRule({ audience: 'billing' }), session('subject')],
  ['an assertion for somebody else', assertion('billing'), session('opaque')],
] as const;

describe('RT-075: an application that goes by audiences', () => {
  for (const [what, rule, who] of sent) {
    test(`RT-075: gets ${what}`, async () => {
      const node = setUp('opaque');
      assert.notEqual(await node.sent(routeWith(rule), who), null);
      assert.deepEqual(node.events, []);
    });
  }

  for (const [what, rule, who] of withheld) {
    test(`RT-075: does not get ${what}, and the operator is told`, async () => {
      const node = setUp('opaque');
      assert.equal(await node.sent(routeWith(rule, { name: 'r', cluster: 'c' }), who), null);
      assert.deepEqual(node.events, [
        { name: 'token.withheld', event: { requestId: 'test-request', route: 'r', cluster: 'c' } },
      ]);
      assert.deepEqual(node.grants.calls, [], 'nothing is asked for that could not be sent');
    });
  }

  test('RT-075: where only a scope names the application, the token itself has to say it', async () => {
    const rules = [
      clientRule({ scope: 'orders/.default' }),
      exchangeRule({ audience: null, scope: 'orders/.default' }, 'on-behalf-of'),
    ];
    for (const rule of rules) {
      const route = routeWith(rule);
      assert.notEqual(await setUp(jwtFor('orders')).sent(route, session('subject')), null);
      assert.equal(await setUp(jwtFor('billing')).sent(route, session('subject')), null);
      assert.equal(await setUp('opaque').sent(route, session('subject')), null);
    }
  });

  test('RT-075: a provider that gives a token for somebody else than was asked for is not believed', async () => {
    const rules = [clientRule({ audience: 'orders' }), exchangeRule({ resource: 'https://orders.test' })];
    for (const rule of rules) {
      const node = setUp(jwtFor(['billing', 'account']));
      assert.equal(await node.sent(routeWith(rule), session('subject')), null);
      assert.equal(node.named('token.withheld').length, 1);
      assert.notEqual(await setUp(jwtFor(['account', 'orders'])).sent(routeWith(rule), session('s')), null);
    }
  });

  const renewed = [
    ['an access token of a session', 'access', session(jwtFor('orders'))],
    ['a token of the gate itself', clientRule({ audience: 'orders' }), null],
    ['an exchanged token', exchangeRule({ audience: null, scope: 'orders' }), session('subject')],
  ] as const;
  for (const [what, rule, who] of renewed) {
    test(`RT-075: after a 401, ${what} that is now for somebody else is not sent either`, async () => {
      const route = routeWith(rule, { retryUnauthorized: true });
      for (const [next, isSent] of [
        [jwtFor('billing'), false],
        [jwtFor(['orders', 'new']), true],
      ] as const) {
        const grants = createScriptedGrants(clock);
        const issue = (accessToken: string) => () => grants.issue({ accessToken });
        grants.script(issue(jwtFor('orders')), issue(next));
        const renew = async (old: Session) => ({ ...old, tokens: { ...old.tokens, accessToken: next } });
        const node = createTokenNode({ clock, grants, audiences, renew });
        const token = await (await node.obtain(route, who))?.renew?.();
        assert.equal(token?.value ?? null, isSent ? `Bearer ${next}` : null);
        assert.equal(node.named('token.withheld').length, isSent ? 0 : 1);
      }
    });
  }

  test('one that goes by none gets whatever its route says', async () => {
    for (const [, rule, who] of withheld) {
      const node = setUp('opaque', []);
      assert.notEqual(await node.sent(routeWith(rule), who), null);
      assert.deepEqual(node.events, []);
    }
  });
});
