import assert from 'node:assert/strict';
import { test } from 'node:test';
import { headerValue } from '../../../src/core/headers.ts';
import { createBrowser, createGate, publicOrigin, signedIn } from '../../support/endpoint-gate.ts';

test('me tells who is signed in, until when, and where to sign out', async () => {
  const gate = createGate();
  const browser = createBrowser(gate);
  await browser.signIn();
  const answer = await browser.visit('/.auth/me');
  assert.deepEqual(JSON.parse(answer.body), {
    sub: 'alice',
    provider: 'main',
    claims: { sub: 'alice', name: 'Alice', email: 'alice@app.test' },
    expiresAt: '2030-01-01T00:30:00.000Z',
    absoluteExpiresAt: '2030-01-01T12:00:00.000Z',
    logoutUrl: `${publicOrigin}/.auth/logout`,
    csrf: { header: 'X-CSRF', value: '1' },
  });
  assert.equal(headerValue(answer.headers, 'content-type'), 'application/json');
});

test('me tells nobody with problem details, where to sign in, and clears what the browser holds', async () => {
  const gate = createGate();
  const nobody = await gate.call('/.auth/me');
  assert.equal(nobody.status, 401);
  assert.equal(headerValue(nobody.headers, 'content-type'), 'application/problem+json');
  assert.ok(headerValue(nobody.headers, 'www-authenticate'));
  const { code, loginUrl } = JSON.parse(nobody.body);
  assert.deepEqual([code, loginUrl], ['login-required', `${publicOrigin}/.auth/login`]);
  const stale = await gate.call('/.auth/me', { headers: { cookie: '__Host-sallyport=gone' } });
  assert.match(stale.setCookies.join(), /Max-Age=0/);
});

test('a store that is down is a failure, not nobody', async () => {
  const gate = createGate();
  const browser = createBrowser(gate);
  await browser.signIn();
  gate.sessions.down = true;
  await assert.rejects(browser.visit('/.auth/me'), { code: 'ERR_STORE_UNAVAILABLE' });
});

test('RP-100: claims with names of the language are own values or absent, and distributed claims never shown', async () => {
  const claims = ['sub', '__proto__', 'constructor', 'toString', '_claim_sources', '_claim_names'];
  const gate = createGate({ config: { me: { claims } } });
  gate.provider.script.redeem = async () => ({
    ...signedIn(),
    claims: JSON.parse(
      '{"sub":"alice","__proto__":{"admin":true},"_claim_sources":{"a":{"access_token":"t"}},"_claim_names":{}}',
    ),
  });
  const browser = createBrowser(gate);
  await browser.signIn();
  const body = JSON.parse((await browser.visit('/.auth/me')).body);
  assert.deepEqual(Object.keys(body.claims).sort(), ['__proto__', 'sub']);
  assert.equal(({} as { admin?: boolean }).admin, undefined);
});
