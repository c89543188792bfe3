/** Names of our cookies, how they are set, and the value of the session cookie. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { createCookieNames } from '../../../src/sessions/cookie-names.ts';
import { sessionSchema } from '../../../src/sessions/session-config.ts';
import {
  createSessionCookie,
  formatSessionCookie,
  parseSessionCookie,
  sessionKey,
  sessionLogId,
} from '../../../src/sessions/session-cookie.ts';
import { serializeSetCookie } from '../../../src/sessions/set-cookie.ts';

const config = sessionSchema.parse({});
const https = createCookieNames(config, new URL('https://app.test'));
const http = createCookieNames(config, new URL('http://localhost:8080'));

test('SC-006: names carry __Host- on https and not on plain http', () => {
  assert.deepEqual(
    [https.session, https.loginPrefix, https.bounce, https.secure],
    ['__Host-sallyport', '__Host-sallyport-login-', '__Host-sallyport-bounce', true],
  );
  assert.deepEqual(
    [http.session, http.loginPrefix, http.bounce, http.secure],
    ['sallyport', 'sallyport-login-', 'sallyport-bounce', false],
  );
});

const own = [
  '__Host-sallyport',
  '__host-SALLYPORT',
  '__Secure-sallyport',
  '__Http-sallyport',
  '__Host-Http-sallyport',
  'sallyport',
  'Sallyport',
  'sallyport.0',
  'sallyport_1',
  'sallyport-2',
  '__Host-sallyport-login-abc',
  'SALLYPORT-BOUNCE',
  ' sallyport',
];
const others = [
  'sallyports',
  'mysallyport',
  'sally',
  '__Host-other',
  'x-sallyport',
  '',
  'sallyport2',
  '__Host-',
];
for (const names of [https, http]) {
  test(`SC-037, SC-038: knows its own cookies in every disguise (${names.session})`, () => {
    for (const name of own) assert.equal(names.isOwn(name), true, name);
    for (const name of others) assert.equal(names.isOwn(name), false, name);
  });
}

test('sets cookies for the whole host and no other, out of reach of scripts', () => {
  const cookie = { name: '__Host-a', value: 'v', sameSite: 'lax', secure: true, maxAge: null } as const;
  assert.equal(serializeSetCookie(cookie), '__Host-a=v; Path=/; HttpOnly; Secure; SameSite=Lax');
  assert.equal(
    serializeSetCookie({ ...cookie, sameSite: 'strict', secure: false, maxAge: 0, value: '' }),
    '__Host-a=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0',
  );
});

test('SC-047: SameSite=None is always Secure', () => {
  const text = serializeSetCookie({ name: 'a', value: 'v', sameSite: 'none', secure: false, maxAge: 600 });
  assert.equal(text, 'a=v; Path=/; HttpOnly; Secure; SameSite=None; Max-Age=600');
});

test('SC-030: never sets a cookie that browsers would drop or that breaks out of its field', () => {
  const cookie = { name: 'a', value: '', sameSite: 'lax', secure: true, maxAge: null } as const;
  assert.ok(serializeSetCookie({ ...cookie, value: 'v'.repeat(4095) }));
  assert.throws(() => serializeSetCookie({ ...cookie, value: 'v'.repeat(4096) }), /too long/);
  for (const value of ['a;b', 'a b', 'a\r\nb', 'a,b', 'é', '"']) {
    assert.throws(() => serializeSetCookie({ ...cookie, value }), /characters/);
  }
  for (const name of ['', 'a=b', 'a;', 'a\n'])
    assert.throws(() => serializeSetCookie({ ...cookie, name }), /characters/);
});

test('SC-004: ids and secrets are 256 random bits each, and none comes twice', () => {
  const asked: number[] = [];
  createSessionCookie((count) => {
    asked.push(count);
    return randomBytes(count);
  });
  assert.deepEqual(asked, [32, 32]);
  const seen = new Set<string>();
  for (let i = 0; i < 100_000; i += 1) {
    const { id, secret } = createSessionCookie(randomBytes);
    seen.add(id).add(secret);
  }
  assert.equal(seen.size, 200_000);
});

test('SC-004: the store knows a digest of the id, from which the cookie does not follow', () => {
  const { id } = createSessionCookie(randomBytes);
  const digest = createHash('sha256').update(Buffer.from(id, 'base64url')).digest('base64url');
  assert.equal(sessionKey(id), `s:${digest}`);
  assert.match(sessionLogId(sessionKey(id)), /^[0-9a-f]{12}$/);
});

test('reads back the cookie that it made', () => {
  const cookie = createSessionCookie(randomBytes);
  assert.deepEqual(parseSessionCookie(formatSessionCookie(cookie)), cookie);
});

const good = formatSessionCookie({ id: 'A'.repeat(43), secret: 'A'.repeat(43) });
const bad = {
  empty: '',
  'without its dot': good.replace('.', 'A'),
  'a character short': good.slice(1),
  'a character long': `${good}A`,
  quoted: `"${good.slice(2)}"`,
  'with percent signs': `%41${good.slice(3)}`,
  'with a broken escape': `%E0%A4${good.slice(6)}`,
  'with a comma': `,${good.slice(1)}`,
  'with a backslash': `\\${good.slice(1)}`,
  'with UTF-8': `é${good.slice(1)}`,
  'with a lone surrogate': `\ud800${good.slice(1)}`,
  'with a control character': `\u0000${good.slice(1)}`,
  'with another base64': `+/${good.slice(2)}`,
  'with padding': `${good.slice(0, -1)}=`,
  'with bits to spare set': `${good.slice(0, -1)}B`,
};
for (const [what, value] of Object.entries(bad)) {
  test(`SC-010: a value that is ${what} is no session and does not throw`, () => {
    assert.equal(parseSessionCookie(value), null);
  });
}

test('the section fills itself in and keeps to its bounds', () => {
  assert.deepEqual(config, {
    store: 'sqlite',
    idleTimeout: 1_800_000,
    absoluteTimeout: 43_200_000,
    cookie: { name: 'sallyport', sameSite: 'lax' },
    refresh: { before: 60_000 },
    cacheSize: 10_000,
  });
  const wrong = [
    { idleTimeout: '13h' },
    { idleTimeout: '0s' },
    { absoluteTimeout: '401d' },
    { absoluteTimeout: '12' },
    { cookie: { name: '__Host-a' } },
    { cookie: { name: 'a;b' } },
    { cookie: { name: '' } },
    { cookie: { sameSite: 'none' } },
    { keys: [] },
    { keys: ['short'] },
    { cacheSize: 0 },
    { store: 'redis' },
    { unknown: true },
  ];
  for (const section of wrong)
    assert.equal(sessionSchema.safeParse(section).success, false, JSON.stringify(section));
});
