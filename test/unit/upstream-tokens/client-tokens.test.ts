import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SallyportError } from '../../../src/core/errors.ts';
import type { Provider } from '../../../src/oidc/provider.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { createFakeProvider } from '../../support/fake-provider.ts';
import {
  clientRule,
  createCaller,
  createScriptedGrants,
  createSession,
  createTokenNode,
  routeWith,
} from '../../support/upstream-token-fixture.ts';

const route = routeWith(clientRule({ audience: 'orders' }));
const fails = (error: SallyportError) => () => Promise.reject(error);
/** Lets what runs in the background come to its end. */
const settle = async () => {
  for (let round = 0; round < 5; round += 1) await new Promise((resolve) => setImmediate(resolve));
};

describe('a token of the gate itself', () => {
  test('500 requests at once make one call, and all that follow none', async () => {
    const { grants, obtain, sent } = createTokenNode();
    const values = await Promise.all(Array.from({ length: 500 }, () => sent(route, null)));
    assert.deepEqual(new Set(values), new Set(['Bearer own-1']));
    assert.equal(grants.calls.length, 1);
    const again = obtain(route, null);
    assert.ok(!(again instanceof Promise));
    assert.equal(again, obtain(route, null), 'the same object: nothing is made for a request');
    assert.equal(grants.calls.length, 1);
  });

  test('routes with the same target share one, other targets have their own', async () => {
    const { grants, sent } = createTokenNode();
    await sent(route, null);
    assert.equal(await sent(routeWith(clientRule({ audience: 'orders' })), null), 'Bearer own-1');
    assert.equal(await sent(routeWith(clientRule({ resource: 'orders' })), null), 'Bearer own-2');
    assert.equal(await sent(routeWith(clientRule({ audience: 'orders', scope: 'a' })), null), 'Bearer own-3');
    assert.deepEqual(
      grants.calls.map(({ target }) => target),
      [
        { audience: 'orders', scope: null, resource: null },
        { audience: null, scope: null, resource: 'orders' },
        { audience: 'orders', scope: 'a', resource: null },
      ],
    );
  });

  test('it comes from the provider of who calls, and from the first for everybody else', async () => {
    const clock = createFakeClock();
    const [first, second] = [createScriptedGrants(clock), createScriptedGrants(clock)];
    second.script(() => second.issue({ accessToken: 'of-second' }));
    const providers = new Map<string, Provider>([
      ['main', { ...createFakeProvider({ clock }), grants: first }],
      ['other', { ...createFakeProvider({ clock, name: 'other' }), grants: second }],
    ]);
    const { sent } = createTokenNode({ clock, providers });
    const identity = { provider: 'other', issuer: 'https://other.test', subject: 'eve', claims: {} };
    assert.equal(await sent(route, createSession(clock, { identity })), 'Bearer of-second');
    const key = createCaller(clock, {
      kind: 'api-key',
      token: null,
      scheme: null,
      identity: { ...identity, provider: 'api-keys' },
    });
    assert.equal(await sent(route, key), 'Bearer own-1');
  });

  test('without any provider it fails with ERR_UPSTREAM_TOKEN', () => {
    const { obtain } = createTokenNode({ providers: new Map() });
    assert.throws(() => obtain(route, null), { code: 'ERR_UPSTREAM_TOKEN', detail: 'no-provider' });
  });

  test('it is renewed in the background while the old one is good, and never sent at its end', async () => {
    const { clock, grants, obtain, sent } = createTokenNode();
    grants.script(
      () => grants.issue({ lifetime: 600_000 }),
      () => grants.issue({ lifetime: 600_000 }),
    );
    await sent(route, null);
    clock.advance(580_000);
    const old = obtain(route, null);
    assert.ok(!(old instanceof Promise) && old?.value === 'Bearer own-1');
    await settle();
    assert.equal(await sent(route, null), 'Bearer own-2');
    assert.equal(grants.calls.length, 2);
    clock.advance(596_000);
    assert.equal(await sent(route, null), 'Bearer own-3', 'too near its end: it is waited for');
  });

  test('while a renewal fails the old one is used, and the provider is left alone for some seconds', async () => {
    const { clock, grants, sent } = createTokenNode();
    await sent(route, null);
    grants.script(fails(new SallyportError('ERR_PROVIDER_UNAVAILABLE', 'down')));
    clock.advance(580_000);
    for (let request = 0; request < 20; request += 1) {
      assert.equal(await sent(route, null), 'Bearer own-1');
      await settle();
    }
    assert.equal(grants.calls.length, 2);
    clock.advance(7000);
    assert.equal(await sent(route, null), 'Bearer own-1');
    await settle();
    assert.equal(grants.calls.length, 3);
  });

  test('a failure is told to everybody for a second, and then tried again', async () => {
    const { clock, grants, obtain, sent } = createTokenNode();
    grants.script(fails(new SallyportError('ERR_PROVIDER_CLIENT', 'no')), () => grants.issue());
    const all = await Promise.allSettled(Array.from({ length: 500 }, () => sent(route, null)));
    assert.ok(all.every(({ status }) => status === 'rejected'));
    assert.throws(() => obtain(route, null), { code: 'ERR_PROVIDER_CLIENT' });
    assert.equal(grants.calls.length, 1);
    clock.advance(1001);
    assert.equal(await sent(route, null), 'Bearer own-1');
  });

  test('FL-050: a token from the future, after the clock went back, is not trusted to be good for ever', async () => {
    const { clock, grants, sent } = createTokenNode();
    await sent(route, null);
    clock.jumpTo(clock.now() - 3_600_000);
    assert.equal(await sent(route, null), 'Bearer own-2');
    assert.equal(grants.calls.length, 2);
  });

  test('one that is bound to a key goes with a proof for each request', async () => {
    const clock = createFakeClock();
    const grants = createScriptedGrants(clock, { isBound: true });
    grants.script(() => grants.issue({ scheme: 'DPoP' }));
    const token = await createTokenNode({ clock, grants }).obtain(route, null);
    assert.equal(token?.value, 'DPoP own-1');
    const proof = token?.prove?.({ method: 'GET', url: 'https://a.test/x', nonce: null });
    assert.equal(proof, 'proof GET https://a.test/x own-1');
  });

  test('a bound one that the gate has no key for is not sent at all', async () => {
    const { grants, sent } = createTokenNode();
    grants.script(() => grants.issue({ scheme: 'DPoP' }));
    await assert.rejects(sent(route, null), { code: 'ERR_UPSTREAM_TOKEN', detail: 'dpop-unexpected' });
  });
});

describe('after a 401 of the application', () => {
  const renewing = routeWith(clientRule({ audience: 'orders' }), { retryUnauthorized: true });

  test('many requests renew a token once, and who comes later gets the one that is new already', async () => {
    const { grants, obtain } = createTokenNode();
    const tokens = await Promise.all(Array.from({ length: 50 }, () => obtain(renewing, null)));
    const late = tokens[0];
    const renewed = await Promise.all(tokens.map((token) => token?.renew?.()));
    assert.deepEqual(new Set(renewed.map((token) => token?.value)), new Set(['Bearer own-2']));
    assert.equal((await late?.renew?.())?.value, 'Bearer own-2');
    assert.equal(grants.calls.length, 2);
  });

  test('requests that meet a renewal under way, which fails, get the token of the one that follows', async () => {
    const { clock, grants, obtain } = createTokenNode();
    await obtain(renewing, null);
    clock.advance(580_000);
    grants.script(fails(new SallyportError('ERR_PROVIDER_UNAVAILABLE', 'down')), () => grants.issue());
    const tokens = await Promise.all(Array.from({ length: 50 }, () => obtain(renewing, null)));
    const renewed = await Promise.all(tokens.map((token) => token?.renew?.()));
    assert.deepEqual(new Set(renewed.map((token) => token?.value)), new Set(['Bearer own-2']));
    assert.equal(grants.calls.length, 3);
  });

  test('an application that takes no token at all renews once in half a minute', async () => {
    const { clock, grants, obtain } = createTokenNode();
    for (let request = 0; request < 10; request += 1) {
      const token = await obtain(renewing, null);
      await token?.renew?.();
    }
    assert.equal(grants.calls.length, 2);
    clock.advance(30_001);
    assert.equal((await (await obtain(renewing, null))?.renew?.())?.value, 'Bearer own-3');
  });

  test('null when the provider gives none, or the same again', async () => {
    const { clock, grants, obtain } = createTokenNode();
    grants.script(
      () => grants.issue({ accessToken: 'same' }),
      fails(new SallyportError('ERR_PROVIDER_UNAVAILABLE', 'down')),
      () => grants.issue({ accessToken: 'same' }),
    );
    assert.equal(await (await obtain(renewing, null))?.renew?.(), null);
    clock.advance(30_001);
    assert.equal(await (await obtain(renewing, null))?.renew?.(), null);
    assert.equal(grants.calls.length, 3);
  });

  test('nothing is renewed on a route that does not ask for it', async () => {
    const { obtain } = createTokenNode();
    assert.equal((await obtain(route, null))?.renew, null);
  });
});
