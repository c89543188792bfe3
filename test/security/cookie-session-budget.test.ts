/** All cookies of the gate together stay within what a request may carry, also when sessions are cookies. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { createKeyRing } from '../../src/keys/create-key-ring.ts';
import { cookieBudget, loginBudgetBesideSessions } from '../../src/sessions/cookie-budget.ts';
import { createLoginTransactions } from '../../src/sessions/login-transactions.ts';
import { createMemoryStore } from '../../src/stores/memory-store.ts';
import { createBrowser, createCookieFixture } from '../support/cookie-session-fixture.ts';

const sizeOf = (jar: ReadonlyMap<string, string>) =>
  [...jar].reduce((sum, [name, value]) => sum + name.length + value.length + 3, 0);

for (const [what, returnTo] of [
  ['a short target', '/'],
  ['a target of 900 bytes', `/${'a'.repeat(899)}`],
  ['a target of 2000 bytes', `/x?${'a'.repeat(1997)}`],
] as const) {
  test(`SC-034, SC-048: the largest session and twelve logins with ${what} stay within the budget`, async () => {
    const f = createCookieFixture({ config: { cookie: { name: 'a'.repeat(40) } } });
    const transactions = createLoginTransactions({
      store: createMemoryStore({ clock: f.clock }),
      keyRing: createKeyRing([randomBytes(32)]),
      cookieNames: f.cookieNames,
      clock: f.clock,
      budget: loginBudgetBesideSessions,
    });
    const browser = createBrowser();
    const signedIn = f.provider.signIn('alice');
    for (let bytes = 3800; browser.jar.size === 0; bytes -= 10) {
      const tokens = { ...signedIn.tokens, accessToken: randomBytes(bytes).toString('base64url') };
      await f.begin(browser, { ...signedIn, tokens }).catch(() => {});
    }
    assert.ok(sizeOf(browser.jar) > cookieBudget.session - 200);
    for (let i = 0; i < 12; i += 1) {
      f.clock.advance(100);
      const words = {
        state: randomBytes(32).toString('base64url'),
        nonce: randomBytes(32).toString('base64url'),
        codeVerifier: randomBytes(32).toString('base64url'),
        replaces: randomBytes(32).toString('base64url'),
      };
      const login = { provider: 'p'.repeat(40), returnTo, startedAt: f.clock.now(), ...words };
      browser.take(transactions.begin(browser.head(), login, 'lax'));
      assert.ok(sizeOf(browser.jar) <= cookieBudget.all - cookieBudget.others);
      const { transaction } = await transactions.take(browser.head(), words.state);
      assert.equal(transaction?.nonce, words.nonce);
    }
    await f.sessions.close();
  });
}
