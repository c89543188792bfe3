/** Login transactions: bound to the browser, given out once, bounded. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { test } from 'node:test';
import { createKeyRing } from '../../src/keys/create-key-ring.ts';
import type { LoginTransaction } from '../../src/sessions/sessions.ts';
import { createMemoryStore } from '../../src/stores/memory-store.ts';
import { createSqliteStore } from '../../src/stores/sqlite-store.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createFaultyStore } from '../support/faulty-store.ts';
import { createSessionFixture, headWith } from '../support/session-fixture.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

type Fixture = ReturnType<typeof createSessionFixture>;
const minute = 60_000;
const random = () => randomBytes(32).toString('base64url');

function transaction(f: Fixture, over: Partial<LoginTransaction> = {}): LoginTransaction {
  const { clock } = f;
  const fresh = { state: random(), nonce: random(), codeVerifier: random() };
  return { provider: 'main', ...fresh, returnTo: '/page?x=1', startedAt: clock.now(), ...over };
}

/** A browser: keeps what is set, drops what is cleared. */
function createBrowser() {
  const jar = new Map<string, string>();
  return {
    jar,
    head: () => headWith([...jar].map(([name, value]) => `${name}=${value}`).join('; ')),
    take(setCookies: readonly string[]) {
      for (const text of setCookies) {
        const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(text) ?? [];
        if (text.includes('Max-Age=0')) jar.delete(name);
        else jar.set(name, value);
      }
    },
  };
}

test('a login comes back whole to the browser that began it, and its cookie is cleared', async () => {
  const f = createSessionFixture();
  const browser = createBrowser();
  const begun = transaction(f);
  const set = f.transactions.begin(browser.head(), begun, 'lax');
  assert.equal(set.length, 1);
  assert.match(
    set[0] as string,
    /^__Host-sallyport-login-[A-Za-z0-9_-]{10}=[A-Za-z0-9_-]+; Path=\/; HttpOnly; Secure; SameSite=Lax; Max-Age=600$/,
  );
  browser.take(set);
  const taken = await f.transactions.take(browser.head(), begun.state);
  assert.deepEqual(taken.transaction, begun);
  browser.take(taken.setCookies);
  assert.equal(browser.jar.size, 0);
});

test('SC-047: the cookie of a form_post login is SameSite=None and Secure, also on plain http', () => {
  for (const publicUrl of ['https://app.test', 'http://localhost:8080']) {
    const f = createSessionFixture({ publicUrl });
    assert.match(
      f.transactions.begin(headWith(), transaction(f), 'none')[0] as string,
      /; Secure; SameSite=None;/,
    );
  }
});

test('nothing of a login can be read from its cookie, and it opens as nothing else', () => {
  const f = createSessionFixture();
  const begun = transaction(f);
  const [set = ''] = f.transactions.begin(headWith(), begun, 'lax');
  const value = Buffer.from(/=([^;]+)/.exec(set)?.[1] ?? '', 'base64url');
  for (const secret of [begun.state, begun.nonce, begun.codeVerifier, '/page'])
    assert.equal(value.includes(secret), false);
  assert.equal(f.keyRing.open('session-record', value), null);
  assert.notEqual(f.keyRing.open('login-transaction', value), null);
});

test('RP-051: the state of another browser finds nothing, though both logins live', async () => {
  const f = createSessionFixture();
  const [a, b] = [createBrowser(), createBrowser()];
  const [ofA, ofB] = [transaction(f), transaction(f)];
  a.take(f.transactions.begin(a.head(), ofA, 'lax'));
  b.take(f.transactions.begin(b.head(), ofB, 'lax'));
  assert.equal((await f.transactions.take(a.head(), ofB.state)).transaction, null);
  assert.equal((await f.transactions.take(headWith(), ofB.state)).transaction, null);
  assert.deepEqual((await f.transactions.take(b.head(), ofB.state)).transaction, ofB, 'and B is not harmed');
  assert.deepEqual((await f.transactions.take(a.head(), ofA.state)).transaction, ofA);
});

test('RP-051: a cookie moved under the name of another state finds nothing', async () => {
  const f = createSessionFixture();
  const [mine, theirs] = [createBrowser(), createBrowser()];
  const [first, second] = [transaction(f), transaction(f)];
  mine.take(f.transactions.begin(mine.head(), first, 'lax'));
  theirs.take(f.transactions.begin(theirs.head(), second, 'lax'));
  const moved = headWith(`${[...theirs.jar.keys()][0]}=${[...mine.jar.values()][0]}`);
  assert.equal((await f.transactions.take(moved, second.state)).transaction, null);
  assert.equal((await f.transactions.take(moved, first.state)).transaction, null);
});

test('RP-052: the same callback a second time finds nothing, also after a restart and with the cookie kept', async (context) => {
  const clock = createFakeClock();
  const path = join(temporaryFolder(context), 'sessions.db');
  const keyRing = createKeyRing([randomBytes(32)]);
  const start = () => createSessionFixture({ clock, keyRing, store: createSqliteStore({ path }, { clock }) });
  const f = start();
  const browser = createBrowser();
  const begun = transaction(f);
  browser.take(f.transactions.begin(browser.head(), begun, 'lax'));
  assert.notEqual((await f.transactions.take(browser.head(), begun.state)).transaction, null);
  assert.equal((await f.transactions.take(browser.head(), begun.state)).transaction, null);
  await f.store.close();
  const later = start();
  clock.advance(10 * minute - 1);
  assert.equal((await later.transactions.take(browser.head(), begun.state)).transaction, null);
  await later.store.close();
});

test('RP-053: of many callbacks at once exactly one gets the login, over one store or two', async (context) => {
  const clock = createFakeClock();
  const path = join(temporaryFolder(context), 'sessions.db');
  const keyRing = createKeyRing([randomBytes(32)]);
  const nodes = [1, 2].map(() =>
    createSessionFixture({ clock, keyRing, store: createSqliteStore({ path }, { clock }) }),
  );
  const browser = createBrowser();
  const begun = transaction(nodes[0] as Fixture);
  browser.take((nodes[0] as Fixture).transactions.begin(browser.head(), begun, 'lax'));
  const takes = Array.from({ length: 40 }, (_, i) =>
    (nodes[i % 2] as Fixture).transactions.take(browser.head(), begun.state),
  );
  const given = (await Promise.all(takes)).filter((taken) => taken.transaction !== null);
  assert.equal(given.length, 1);
  for (const node of nodes) await node.store.close();
});

test('a login that took longer than ten minutes is over', async () => {
  const f = createSessionFixture();
  const browser = createBrowser();
  const [late, intime] = [transaction(f), transaction(f)];
  browser.take(f.transactions.begin(browser.head(), late, 'lax'));
  browser.take(f.transactions.begin(browser.head(), intime, 'lax'));
  f.clock.advance(10 * minute - 1);
  assert.notEqual((await f.transactions.take(browser.head(), intime.state)).transaction, null);
  f.clock.advance(1);
  const taken = await f.transactions.take(browser.head(), late.state);
  assert.equal(taken.transaction, null);
  assert.equal(taken.setCookies.length, 1);
});

test('FL-050: a login from the future, after the wall clock went back, is over', async () => {
  const f = createSessionFixture();
  const browser = createBrowser();
  const begun = transaction(f);
  browser.take(f.transactions.begin(browser.head(), begun, 'lax'));
  f.clock.jumpTo(f.clock.now() - 60 * minute);
  assert.equal((await f.transactions.take(browser.head(), begun.state)).transaction, null);
});

const states: Readonly<Record<string, (state: string) => string>> = {
  'in another case': (state) => state.toUpperCase(),
  'with a space behind it': (state) => `${state} `,
  'with a NUL behind it': (state) => `${state}\u0000`,
  'with ten kilobytes behind it': (state) => state + 'a'.repeat(10_240),
  'a character short': (state) => state.slice(1),
  'with its last character changed': (state) => state.slice(0, -1) + (state.endsWith('A') ? 'B' : 'A'),
  empty: () => '',
  'of lone surrogates': () => '\ud800\udfff\ud800',
  'called __proto__': () => '__proto__',
};
for (const [what, change] of Object.entries(states)) {
  test(`RP-061: a state ${what} finds nothing, throws nothing, and leaves the login as it was`, async () => {
    const f = createSessionFixture();
    const browser = createBrowser();
    const begun = transaction(f, { state: `aZ${random().slice(2)}` });
    browser.take(f.transactions.begin(browser.head(), begun, 'lax'));
    assert.equal((await f.transactions.take(browser.head(), change(begun.state))).transaction, null);
    assert.deepEqual((await f.transactions.take(browser.head(), begun.state)).transaction, begun);
  });
}

test('SC-048: 200 logins leave at most 8 cookies and 4 KiB in the browser; the youngest work', async () => {
  const f = createSessionFixture();
  const browser = createBrowser();
  const begun: LoginTransaction[] = [];
  for (let i = 0; i < 200; i += 1) {
    f.clock.advance(100);
    const next = transaction(f, { returnTo: `/page/${i}` });
    begun.push(next);
    browser.take(f.transactions.begin(browser.head(), next, i % 2 === 0 ? 'lax' : 'none'));
    const bytes = [...browser.jar].reduce((sum, [name, value]) => sum + name.length + value.length + 3, 0);
    assert.ok(browser.jar.size <= 8 && bytes <= 4096);
  }
  assert.equal(browser.jar.size, 8);
  for (const old of begun.slice(0, -8)) {
    assert.equal((await f.transactions.take(browser.head(), old.state)).transaction, null);
  }
  for (const young of begun.slice(-8)) {
    assert.deepEqual((await f.transactions.take(browser.head(), young.state)).transaction, young);
  }
});

test('SC-048: cookies that cannot be read or are too old go before logins that live', async () => {
  const f = createSessionFixture();
  const browser = createBrowser();
  const prefix = f.cookieNames.loginPrefix;
  const old = transaction(f);
  browser.take(f.transactions.begin(browser.head(), old, 'lax'));
  f.clock.advance(11 * minute);
  const alive = transaction(f);
  browser.take(f.transactions.begin(browser.head(), alive, 'lax'));
  for (let i = 0; i < 8; i += 1) browser.jar.set(`${prefix}garbage${i}`, 'x'.repeat(50));
  const next = transaction(f);
  browser.take(f.transactions.begin(browser.head(), next, 'lax'));
  assert.equal(browser.jar.size, 2);
  for (const login of [alive, next]) {
    assert.deepEqual((await f.transactions.take(browser.head(), login.state)).transaction, login);
  }
});

test('SC-048: cookies made up by a page do not make the answer grow without bound, or break out of it', () => {
  const f = createSessionFixture();
  const prefix = f.cookieNames.loginPrefix;
  const many = Array.from({ length: 150 }, (_, i) => `${prefix}${i}\u00e9"<>=x; ${prefix}a${i}=y`).join('; ');
  const set = f.transactions.begin(headWith(many), transaction(f), 'lax');
  assert.ok(set.length <= 33);
  for (const text of set)
    assert.match(
      text,
      /^[A-Za-z0-9_-]+=[A-Za-z0-9_-]*; Path=\/; HttpOnly; Secure; SameSite=Lax; Max-Age=(0|600)$/,
    );
});

for (const [returnTo, expected] of [
  [`/page?${'q'.repeat(6000)}`, '/page'],
  [`/${'p'.repeat(6000)}`, '/'],
  [`/${'é'.repeat(1500)}?q`, '/'],
  [`/page?${'q'.repeat(1900)}`, `/page?${'q'.repeat(1900)}`],
] as const) {
  test(`a target of ${returnTo.length} characters fits into the cookie, or is cut (${expected.slice(0, 8)})`, async () => {
    const f = createSessionFixture();
    const browser = createBrowser();
    const begun = transaction(f, { returnTo });
    const set = f.transactions.begin(browser.head(), begun, 'lax');
    assert.ok((set[0] as string).length < 4096);
    browser.take(set);
    assert.equal((await f.transactions.take(browser.head(), begun.state)).transaction?.returnTo, expected);
  });
}

test('two cookies of one login with different values find nothing', async () => {
  const f = createSessionFixture();
  const browser = createBrowser();
  const begun = transaction(f);
  browser.take(f.transactions.begin(browser.head(), begun, 'lax'));
  const [[name, value] = []] = browser.jar;
  const taken = await f.transactions.take(headWith(`${name}=${value}; ${name}=other`), begun.state);
  assert.equal(taken.transaction, null);
  assert.equal(taken.setCookies.length, 1);
});

test('FL-043: a login under the old key is finished after the rotation; under a removed key it is over, without a crash', async () => {
  const clock = createFakeClock();
  const store = createMemoryStore({ clock });
  const [a, b] = [randomBytes(32), randomBytes(32)] as const;
  const before = createSessionFixture({ clock, store, keyRing: createKeyRing([a]) });
  const browser = createBrowser();
  const begun = transaction(before);
  browser.take(before.transactions.begin(browser.head(), begun, 'lax'));
  const removed = createSessionFixture({ clock, store, keyRing: createKeyRing([b]) });
  assert.equal((await removed.transactions.take(browser.head(), begun.state)).transaction, null);
  const rotated = createSessionFixture({ clock, store, keyRing: createKeyRing([b, a]) });
  assert.deepEqual((await rotated.transactions.take(browser.head(), begun.state)).transaction, begun);
});

test('FL-001: with the store down a callback fails as unavailable, and works once the store is back', async () => {
  const clock = createFakeClock();
  const store = createFaultyStore(createMemoryStore({ clock }));
  const f = createSessionFixture({ clock, store });
  const browser = createBrowser();
  const begun = transaction(f);
  store.fail('addIfAbsent');
  browser.take(f.transactions.begin(browser.head(), begun, 'lax'));
  await assert.rejects(f.transactions.take(browser.head(), begun.state), { code: 'ERR_STORE_UNAVAILABLE' });
  store.fail();
  assert.deepEqual((await f.transactions.take(browser.head(), begun.state)).transaction, begun);
});
