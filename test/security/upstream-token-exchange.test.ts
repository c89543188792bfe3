/** Section 2 of the catalogue, exchanged tokens: never another's, never longer than the one they were exchanged for. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { afterEach, describe, test } from 'node:test';
import { SallyportError } from '../../src/core/errors.ts';
import type { Session } from '../../src/core/session.ts';
import { createKeyRing } from '../../src/keys/create-key-ring.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createSessionFixture, until } from '../support/session-fixture.ts';
import { createSharedStore } from '../support/shared-store.ts';
import {
  createCaller,
  createScriptedGrants,
  createSession,
  createTokenNode,
  exchangeRule,
  routeWith,
  type TokenNode,
  type TokenNodeOptions,
} from '../support/upstream-token-fixture.ts';

const route = routeWith(exchangeRule());
const open = new Set<TokenNode>();

function node(options: TokenNodeOptions = {}): TokenNode {
  const made = createTokenNode(options);
  open.add(made);
  return made;
}

/** Two nodes of one fleet: one store, one ring, one provider. */
function fleet() {
  const clock = createFakeClock();
  const grants = createScriptedGrants(clock);
  const shared = createSharedStore({ clock });
  const keyRing = createKeyRing([randomBytes(32)]);
  const make = () => node({ clock, grants, shared, keyRing, store: shared.node({ isAsync: true }) });
  return { clock, grants, shared, keyRing, nodes: [make(), make()] as const };
}

/** As the same session is on another node: equal, and no object of it the same. */
const elsewhere = (session: Session): Session => structuredClone(session);

const recordsOf = async (shared: ReturnType<typeof createSharedStore>) =>
  (await shared.memory.list('u:', null, 100)).records;

afterEach(async () => {
  for (const { tokens } of open) await tokens.close();
  open.clear();
});

describe('RS-070: when there is no exchanged token', () => {
  const failures = [
    ['the provider refuses', new SallyportError('ERR_UPSTREAM_TOKEN_DENIED', 'invalid_target')],
    ['the answer is of no use', new SallyportError('ERR_UPSTREAM_TOKEN', 'no issued_token_type')],
    ['the provider is down', new SallyportError('ERR_PROVIDER_UNAVAILABLE', 'down')],
    ['something unexpected is thrown', new TypeError('a bug')],
  ] as const;
  for (const [what, error] of failures) {
    test(`RS-070: ${what}: the request fails, and the original token is not sent instead`, async () => {
      const { clock, grants, sent } = node();
      grants.script(() => Promise.reject(error));
      for (const who of [createSession(clock), createCaller(clock)]) {
        await assert.rejects(sent(route, who), error);
      }
    });
  }

  test('RS-070: a crowd is told of the failure, and is no crowd at the provider', async () => {
    const { clock, grants, obtain, sent } = node();
    const session = createSession(clock);
    grants.script(
      () => Promise.reject(new SallyportError('ERR_UPSTREAM_TOKEN_DENIED', 'no')),
      () => grants.issue(),
    );
    const all = await Promise.allSettled(Array.from({ length: 500 }, () => sent(route, session)));
    assert.ok(all.every(({ status }) => status === 'rejected'));
    assert.throws(() => obtain(route, session), { code: 'ERR_UPSTREAM_TOKEN_DENIED' });
    assert.equal(grants.calls.length, 1);
    clock.advance(1001);
    assert.equal(await sent(route, session), 'Bearer own-1');
  });

  test('RS-070: other nodes are told of the failure as well, by its code alone', async () => {
    const { clock, grants, nodes } = fleet();
    const session = createSession(clock);
    grants.script(() => Promise.reject(new SallyportError('ERR_UPSTREAM_TOKEN_DENIED', 'no')));
    await assert.rejects(nodes[0].sent(route, session), { code: 'ERR_UPSTREAM_TOKEN_DENIED', detail: null });
    await assert.rejects(nodes[1].sent(route, elsewhere(session)), {
      code: 'ERR_UPSTREAM_TOKEN_DENIED',
      detail: 'exchange-elsewhere',
    });
    assert.equal(grants.calls.length, 1);
  });

  test('RS-070: an API key has nothing to exchange, nor has the token of an issuer that is no provider', () => {
    const { clock, grants, obtain } = node();
    const key = createCaller(clock, { kind: 'api-key', token: null, scheme: null });
    assert.throws(() => obtain(route, key), { code: 'ERR_UPSTREAM_TOKEN_DENIED' });
    const identity = { provider: 'elsewhere', issuer: 'https://x.test', subject: 'x', claims: {} };
    assert.throws(() => obtain(route, createCaller(clock, { identity })), {
      code: 'ERR_UPSTREAM_TOKEN',
      detail: 'issuer-not-a-provider',
    });
    assert.deepEqual(grants.calls, []);
  });
});

describe('RS-071: an exchanged token is kept', () => {
  test('RS-071: 500 requests of one session at once make one exchange; those that follow wait for nothing', async () => {
    const { clock, grants, obtain, sent } = node();
    const session = createSession(clock);
    const values = await Promise.all(Array.from({ length: 500 }, () => sent(route, session)));
    assert.deepEqual(new Set(values), new Set(['Bearer own-1']));
    assert.deepEqual(grants.calls, [
      {
        grant: 'exchange',
        subject: 'access-of-s:alice',
        target: { audience: 'orders', scope: null, resource: null },
      },
    ]);
    assert.ok(!(obtain(route, session) instanceof Promise));
    assert.equal(obtain(route, session), obtain(route, { ...session, lastSeenAt: 1 }));
  });

  test('RS-071: 500 requests on each of two nodes at once make one exchange', async () => {
    const { clock, grants, nodes } = fleet();
    const session = createSession(clock);
    const other = elsewhere(session);
    const values = await Promise.all(
      Array.from({ length: 500 }).flatMap(() => [nodes[0].sent(route, session), nodes[1].sent(route, other)]),
    );
    assert.deepEqual(new Set(values), new Set(['Bearer own-1']));
    assert.equal(grants.calls.length, 1);
  });

  test('RS-071: never for another session, another caller, another token or another target', async () => {
    const { clock, grants, nodes, keyRing } = fleet();
    const session = createSession(clock);
    await nodes[0].sent(route, session);
    const others = [
      [route, createSession(clock, { key: 's:mallory' })],
      // Even with the very same token: whose session it is counts as well.
      [route, createSession(clock, { key: 's:mallory', accessToken: session.tokens.accessToken })],
      [route, createSession(clock, { accessToken: 'after-a-refresh' })],
      [route, createCaller(clock, { token: session.tokens.accessToken })],
      [route, createCaller(clock)],
      [route, createCaller(clock, { token: 'token-of-eve' })],
      [routeWith(exchangeRule({ audience: 'billing' })), session],
      [routeWith(exchangeRule({ scope: 'orders' })), session],
      [routeWith(exchangeRule({ resource: 'https://orders.test' })), session],
      [routeWith(exchangeRule({ audience: null, scope: 'orders' }, 'on-behalf-of')), session],
    ] as const;
    for (const [index, [otherRoute, who]] of others.entries()) {
      assert.equal(await nodes[0].sent(otherRoute, who), `Bearer own-${index + 2}`);
    }
    assert.equal(grants.calls.length, others.length + 1);
    assert.equal(grants.calls.at(-1)?.grant, 'on-behalf-of');
    assert.equal(keyRing.ids.length, 1);
  });

  test('RS-071: a refresh, or a new sign-in, drops it', async () => {
    const { clock, grants, nodes } = fleet();
    const session = createSession(clock);
    await nodes[0].sent(route, session);
    const refreshed = { ...session, tokens: { ...session.tokens, accessToken: 'after-a-refresh' } };
    assert.equal(await nodes[0].sent(route, refreshed), 'Bearer own-2');
    assert.equal(grants.calls[1]?.subject, 'after-a-refresh');
  });

  test('RS-071: it follows the session: another one after a refresh, none after a logout, another one after the next sign-in', async () => {
    const gate = createSessionFixture();
    const { grants, sent } = node({ clock: gate.clock });
    const { session, cookie } = await gate.signIn();
    assert.equal(await sent(route, session), 'Bearer own-1');
    const same = await gate.sessionOf(cookie);
    assert.equal(await sent(route, same), 'Bearer own-1');
    const renewed = await gate.sessions.renew(session);
    assert.equal(await sent(route, renewed), 'Bearer own-2');
    await gate.sessions.end(session, 'logout');
    assert.equal(await gate.sessionOf(cookie), null);
    const next = await gate.signIn();
    assert.equal(await sent(route, next.session), 'Bearer own-3');
    assert.deepEqual(
      grants.calls.map(({ subject }) => subject),
      ['access-1', 'access-2', 'access-3'],
    );
    await gate.sessions.close();
  });

  test('RS-071: neither the store nor the keys open it without the token that was exchanged', async () => {
    const { clock, shared, keyRing, nodes } = fleet();
    const session = createSession(clock);
    await nodes[0].sent(route, session);
    const [record] = await recordsOf(shared);
    assert.ok(record);
    const stored = await shared.memory.get(record.key);
    const value = Buffer.from(stored?.value ?? []);
    for (const word of ['own-1', 'orders', session.key, session.tokens.accessToken]) {
      assert.equal(value.includes(word), false);
      assert.equal(record.key.includes(word), false);
    }
    assert.equal(keyRing.knows(value), true);
    assert.equal(keyRing.open('upstream-token', value), null);
  });

  test('RS-071: a record that was moved, changed or sealed elsewhere is no token', async () => {
    const { clock, grants, shared, nodes } = fleet();
    const [alice, bob] = [createSession(clock), createSession(clock, { key: 's:bob' })];
    await nodes[0].sent(route, alice);
    const [first] = await recordsOf(shared);
    await nodes[0].sent(route, bob);
    const second = (await recordsOf(shared)).find(({ key }) => key !== first?.key);
    const bobs = await shared.memory.get(second?.key ?? '');
    for (const value of [bobs?.value ?? Buffer.alloc(0), Buffer.alloc(0), Buffer.from('garbage')]) {
      await shared.memory.set(first?.key ?? '', { value, expiresAt: clock.now() + 600_000 });
      const answer = await nodes[1].sent(route, elsewhere(alice));
      assert.match(answer ?? '', /^Bearer own-[3-9]$/);
    }
    assert.equal(grants.calls.length, 5, 'each of them was exchanged anew');
  });
});

describe('RS-073: an exchanged token ends', () => {
  const minute = 60_000;
  const ends = [
    ['with the token of the session', createSession, { lifetime: 5 * minute }],
    ['with the session', createSession, { absoluteExpiresAt: createFakeClock().now() + 5 * minute }],
    ['with the token of the caller', createCaller, { expiresAt: createFakeClock().now() + 5 * minute }],
  ] as const;
  for (const [what, create, parts] of ends) {
    test(`RS-073: ${what}, however long the provider says that it lives`, async () => {
      const { clock, grants, shared, nodes } = fleet();
      grants.script(() => grants.issue({ lifetime: 24 * 60 * minute }));
      const who = create(clock, parts);
      assert.equal(await nodes[0].sent(route, who), 'Bearer own-1');
      const [record] = await recordsOf(shared);
      assert.equal(record?.expiresAt, clock.now() + 5 * minute);
      clock.advance(4 * minute);
      assert.equal(await nodes[0].sent(route, who), 'Bearer own-1');
      clock.advance(minute);
      assert.equal(await nodes[0].sent(route, who), 'Bearer own-2', 'not the old one');
    });
  }

  test('RS-073: one without an end of its own ends with the session, in the store as well', async () => {
    const { clock, grants, shared, nodes } = fleet();
    grants.script(() => grants.issue({ expiresAt: Number.POSITIVE_INFINITY }));
    const session = createSession(clock, { lifetime: 5 * minute });
    await nodes[0].sent(route, session);
    assert.equal((await recordsOf(shared))[0]?.expiresAt, clock.now() + 5 * minute);
    assert.equal(await nodes[1].sent(route, elsewhere(session)), 'Bearer own-1');
    clock.advance(5 * minute);
    assert.equal(await nodes[1].sent(route, elsewhere(session)), 'Bearer own-2');
  });

  test('RS-073: one that ends sooner is renewed before, in the background', async () => {
    const { clock, grants, shared, keyRing, sent } = node();
    grants.script(
      () => grants.issue({ lifetime: 5 * minute }),
      () => grants.issue({ lifetime: 5 * minute }),
    );
    const session = createSession(clock);
    await sent(route, session);
    clock.advance(4 * minute + 40_000);
    assert.equal(await sent(route, session), 'Bearer own-1');
    await until(() => grants.calls.length === 2);
    const next = await node({ clock, grants, shared, keyRing }).sent(route, elsewhere(session));
    assert.equal(next, 'Bearer own-2', 'on every node');
    assert.equal(await sent(route, session), 'Bearer own-2');
    assert.equal(grants.calls.length, 2);
  });
});

describe('when another node has the lock', () => {
  const lockOf = async (shared: ReturnType<typeof createSharedStore>) => {
    const [lock] = (await shared.memory.list('l:u:', null, 1)).records;
    assert.ok(lock);
    return lock;
  };

  test('a node that died while it exchanged keeps nobody waiting for longer than its lock', async () => {
    const { clock, grants, shared, nodes } = fleet();
    const session = createSession(clock);
    grants.script(
      () => new Promise(() => {}),
      () => grants.issue(),
    );
    void nodes[0].sent(route, session);
    await until(() => grants.calls.length === 1);
    await nodes[0].tokens.close();
    const waiting = nodes[1].sent(route, elsewhere(session));
    const lock = await lockOf(shared);
    clock.advance(lock.expiresAt - clock.now());
    assert.equal(await waiting, 'Bearer own-1');
  });

  test('one that has just finished is believed: what it got counts', async () => {
    const { clock, grants, shared, keyRing, nodes } = fleet();
    const session = createSession(clock);
    const store = shared.node();
    const { promise: finished, resolve: finish } = Promise.withResolvers<void>();
    let asked = false;
    const late = node({
      clock,
      grants,
      shared,
      keyRing,
      store: {
        ...store,
        async addIfAbsent(key, entry) {
          asked = true;
          await finished;
          return store.addIfAbsent(key, entry);
        },
      },
    });
    const waiting = late.sent(route, elsewhere(session));
    await until(() => asked);
    assert.equal(await nodes[0].sent(route, session), 'Bearer own-1');
    finish();
    assert.equal(await waiting, 'Bearer own-1');
    assert.equal(grants.calls.length, 1);
  });

  test('one that is at it for too long makes the others fail, and not ask as well', async () => {
    const { clock, grants, shared, nodes } = fleet();
    const session = createSession(clock);
    grants.script(() => new Promise(() => {}));
    void nodes[0].sent(route, session);
    await until(() => grants.calls.length === 1);
    const failed = assert.rejects(nodes[1].sent(route, elsewhere(session)), {
      code: 'ERR_PROVIDER_UNAVAILABLE',
      detail: 'exchange-elsewhere',
    });
    const { key } = await lockOf(shared);
    const value = Buffer.alloc(0);
    await shared.memory.set(key, { value, expiresAt: clock.now() + 20_000 });
    clock.advance(10_001);
    await failed;
    assert.equal(grants.calls.length, 1);
  });
});

describe('when the store is away', () => {
  test('the application can be called: every node exchanges for itself', async () => {
    const { clock, grants, shared, keyRing } = fleet();
    const down = () => Promise.reject(new SallyportError('ERR_STORE_UNAVAILABLE', 'down'));
    const store = { ...shared.node(), get: down, set: down, addIfAbsent: down };
    const session = createSession(clock);
    const first = node({ clock, grants, shared, keyRing, store });
    assert.equal(await first.sent(route, session), 'Bearer own-1');
    assert.equal(await first.sent(route, session), 'Bearer own-1');
    const second = node({ clock, grants, shared, keyRing, store });
    assert.equal(await second.sent(route, elsewhere(session)), 'Bearer own-2');
  });

  test('a token that could not be written is used all the same', async () => {
    const { clock, grants, shared, keyRing } = fleet();
    const set = () => Promise.reject(new SallyportError('ERR_STORE_UNAVAILABLE', 'down'));
    const { sent } = node({ clock, grants, shared, keyRing, store: { ...shared.node(), set } });
    assert.equal(await sent(route, createSession(clock)), 'Bearer own-1');
  });
});

describe('after a 401 of the application', () => {
  const renewing = routeWith(exchangeRule(), { retryUnauthorized: true });

  test('one exchange for all the requests of all nodes, and the refused token is gone everywhere', async () => {
    const { clock, grants, nodes } = fleet();
    const session = createSession(clock);
    const other = elsewhere(session);
    const tokens = await Promise.all(
      Array.from({ length: 20 }).flatMap(() => [
        nodes[0].obtain(renewing, session),
        nodes[1].obtain(renewing, other),
      ]),
    );
    assert.equal(grants.calls.length, 1);
    const renewed = await Promise.all(tokens.map((token) => token?.renew?.()));
    assert.deepEqual(new Set(renewed.map((token) => token?.value)), new Set(['Bearer own-2']));
    assert.equal(grants.calls.length, 2);
    assert.equal(await nodes[0].sent(renewing, session), 'Bearer own-2');
    assert.equal(await nodes[1].sent(renewing, elsewhere(session)), 'Bearer own-2');
  });

  test('a refused exchange answers null, and the token of before stays', async () => {
    const { clock, grants, obtain, sent } = node();
    const session = createSession(clock);
    const token = await obtain(renewing, session);
    grants.script(() => Promise.reject(new SallyportError('ERR_UPSTREAM_TOKEN_DENIED', 'no')));
    assert.equal(await token?.renew?.(), null);
    assert.equal(await sent(renewing, session), 'Bearer own-1');
  });
});
