/** API keys as the pipeline sees them: whose a key is, and what it costs to know it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Authentication } from '../../../src/core/authentication.ts';
import { cheapHash, createApiKeysFixture, makeKey, wrongKey } from '../../support/api-keys-fixture.ts';
import { createHead } from '../../support/heads.ts';

const anyKey = { apiKeys: null };
const withKey = (key: string) => createHead({ headers: { 'x-api-key': key } });

function refusalOf(answer: Authentication) {
  assert.equal(answer.kind, 'refused');
  return answer.kind === 'refused' ? answer.refusal : assert.fail();
}

test('a good key says who calls, with what it was granted and its claims', async () => {
  const key = makeKey('billing');
  const { apiKeys } = createApiKeysFixture({
    keys: {
      billing: {
        hash: cheapHash(key),
        scopes: ['orders.read'],
        expires: '2031-01-01',
        claims: { team: 'finance', roles: ['a', 'b'] },
      },
    },
  });
  const answer = await apiKeys.authenticate(withKey(key), anyKey);
  assert.ok(answer.kind === 'caller');
  const { caller } = answer;
  assert.deepEqual(
    [caller.kind, caller.name, caller.token, caller.scheme],
    ['api-key', 'billing', null, null],
  );
  assert.deepEqual([...caller.scopes], ['orders.read']);
  assert.deepEqual(caller.audiences, []);
  assert.equal(caller.expiresAt, Date.UTC(2031, 0, 1));
  assert.equal(caller.identity.provider, 'api-keys');
  assert.equal(caller.identity.subject, 'billing');
  assert.deepEqual({ ...caller.identity.claims }, { team: 'finance', roles: ['a', 'b'], sub: 'billing' });
  assert.equal(Object.getPrototypeOf(caller.identity.claims), null);
  assert.ok(
    Object.isFrozen(caller) && Object.isFrozen(caller.identity) && Object.isFrozen(caller.identity.claims),
  );
});

test('a repeated key is known at once, and gives the same caller', async () => {
  const key = makeKey('ci');
  const { apiKeys } = createApiKeysFixture({ keys: { ci: { hash: cheapHash(key) } } });
  const first = apiKeys.authenticate(withKey(key), anyKey);
  assert.ok(first instanceof Promise);
  const second = apiKeys.authenticate(withKey(key), anyKey);
  const settled = [await first, await second];
  const third = apiKeys.authenticate(withKey(key), anyKey);
  assert.ok(!(third instanceof Promise));
  for (const answer of settled) assert.equal(answer, third);
});

test('a name may hold what separates the parts of a key', async () => {
  const key = makeKey('a_b-c_');
  const { apiKeys } = createApiKeysFixture({ keys: { 'a_b-c_': { hash: cheapHash(key) } } });
  assert.equal((await apiKeys.authenticate(withKey(key), anyKey)).kind, 'caller');
});

test('without the header nothing was brought, and the challenge names the header', () => {
  const { apiKeys } = createApiKeysFixture({ header: 'X-Machine' });
  assert.equal(apiKeys.header, 'x-machine');
  assert.deepEqual(apiKeys.authenticate(createHead(), anyKey), { kind: 'none' });
  assert.deepEqual(apiKeys.challenge, {
    status: 401,
    error: null,
    headers: ['www-authenticate', 'ApiKey realm="sallyport", header="X-Machine"'],
    detail: 'none',
  });
});

test('a key ends when it says so, also for who is known', async () => {
  const key = makeKey('ci');
  const { apiKeys, clock, refusals } = createApiKeysFixture({
    keys: { ci: { hash: cheapHash(key), expires: '2030-01-01T00:00:10Z' } },
  });
  clock.advance(9_999);
  assert.equal((await apiKeys.authenticate(withKey(key), anyKey)).kind, 'caller');
  clock.advance(1);
  assert.equal(refusalOf(await apiKeys.authenticate(withKey(key), anyKey)).status, 401);
  assert.deepEqual(
    refusals.map(({ detail }) => detail),
    ['expired'],
  );
});

test('a key for another route is refused like one that is none', async () => {
  const [one, other] = [makeKey('one'), makeKey('other')];
  const keys = { one: { hash: cheapHash(one) }, other: { hash: cheapHash(other) } };
  const { apiKeys, refusals } = createApiKeysFixture({ keys });
  const route = { apiKeys: new Set(['one']) };
  assert.equal((await apiKeys.authenticate(withKey(one), route)).kind, 'caller');
  const elsewhere = refusalOf(await apiKeys.authenticate(withKey(other), route));
  const nobody = refusalOf(await apiKeys.authenticate(withKey(makeKey('nobody')), route));
  const { detail: _one, ...told } = elsewhere;
  const { detail: _other, ...toldNobody } = nobody;
  assert.deepEqual(told, toldNobody);
  assert.deepEqual(
    refusals.map(({ detail }) => detail),
    ['other-route', 'unknown-key'],
  );
});

test('the hash of one name is of no use under another', async () => {
  const key = makeKey('one');
  const { apiKeys } = createApiKeysFixture({ keys: { other: { hash: cheapHash(key) } } });
  const moved = `sp_other_${key.slice(-43)}`;
  refusalOf(await apiKeys.authenticate(withKey(moved), anyKey));
});

test('whatever is no key is refused without a computation, and the event tells which check', () => {
  const key = makeKey('ci');
  const { apiKeys, refusals } = createApiKeysFixture({ keys: { ci: { hash: cheapHash(key) } } });
  const cases: readonly [text: string, detail: string][] = [
    ['', 'not-a-key'],
    ['sp_', 'not-a-key'],
    [` ${key}`, 'not-a-key'],
    [`${key}x`, 'not-a-key'],
    [key.slice(0, -1), 'not-a-key'],
    [`sp_ci_${'!'.repeat(43)}`, 'not-a-key'],
    ['x'.repeat(1_000_000), 'not-a-key'],
    [makeKey('hasOwnProperty'), 'unknown-key'],
    [makeKey('constructor'), 'unknown-key'],
    [wrongKey(key), 'wrong-key'],
  ];
  for (const [text, detail] of cases) {
    const answer = apiKeys.authenticate(withKey(text), anyKey);
    assert.ok(!(answer instanceof Promise), detail);
    assert.equal(refusalOf(answer).error, 'invalid_token');
    assert.equal(refusals.at(-1)?.detail, detail, text.slice(0, 60));
  }
});

test('a key that comes twice is refused, even when both are the same', () => {
  const key = makeKey('ci');
  const { apiKeys, refusals } = createApiKeysFixture({ keys: { ci: { hash: cheapHash(key) } } });
  const head = { ...createHead(), headers: ['x-api-key', key, 'accept', '*/*', 'x-api-key', key] };
  const answer = apiKeys.authenticate(head, anyKey);
  assert.ok(!(answer instanceof Promise));
  refusalOf(answer);
  assert.equal(refusals[0]?.detail, 'several-keys');
});

test('a wrong key that passes the cheap check is computed once, and then known to be wrong', async () => {
  const [key, other] = [makeKey('ci'), makeKey('ci')];
  const [real, wrong] = [cheapHash(key).split('$'), cheapHash(other).split('$')];
  // Salt and check of one key with the hash of another: what one in four billion wrong keys meets.
  const hash = [...real.slice(0, 6), wrong[6]].join('$');
  const { apiKeys, refusals } = createApiKeysFixture({ keys: { ci: { hash } } });
  const first = apiKeys.authenticate(withKey(key), anyKey);
  assert.ok(first instanceof Promise);
  refusalOf(await first);
  const second = apiKeys.authenticate(withKey(key), anyKey);
  assert.ok(!(second instanceof Promise));
  refusalOf(second);
  assert.deepEqual(
    refusals.map(({ detail }) => detail),
    ['wrong-key', 'wrong-key'],
  );
});
