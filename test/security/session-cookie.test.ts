/** Attacks on the session cookie: fixation, confusion, replay after rotation, and reading the store. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createKeyRing } from '../../src/keys/create-key-ring.ts';
import { sessionKey } from '../../src/sessions/session-cookie.ts';
import { sealRecord } from '../../src/sessions/session-record.ts';
import { createMemoryStore } from '../../src/stores/memory-store.ts';
import { createSqliteStore } from '../../src/stores/sqlite-store.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createFakeProvider } from '../support/fake-provider.ts';
import { cookieOf, createSessionFixture, headWith, until } from '../support/session-fixture.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const name = '__Host-sallyport';
const random = () => randomBytes(32).toString('base64url');

test('SC-001: a login under a cookie that an attacker chose or knows gets a new id, and the old session ends', async () => {
  const f = createSessionFixture();
  const attacker = await f.signIn('mallory');
  for (const planted of [attacker.cookie, `${name}=${random()}.${random()}`, `${name}=chosen`]) {
    const before = f.named('session.ended').length;
    const { session, setCookies } = await f.sessions.begin(
      headWith(planted),
      'main',
      f.provider.signIn('alice'),
    );
    const cookie = cookieOf(setCookies);
    assert.notEqual(cookie, planted);
    assert.equal(session.identity.subject, 'alice');
    assert.equal(await f.sessionOf(planted), null);
    assert.equal((await f.sessionOf(cookie))?.identity.subject, 'alice');
    assert.equal(f.named('session.ended').length - before, planted === attacker.cookie ? 1 : 0);
  }
  assert.equal(await f.store.get(attacker.session.key), null);
  await f.sessions.close();
});

test('SC-002: signing in again as somebody else rotates the id and shows nothing of the first', async () => {
  const f = createSessionFixture();
  const alice = await f.signIn('alice');
  const { setCookies } = await f.sessions.begin(headWith(alice.cookie), 'main', f.provider.signIn('bob'));
  const bob = await f.sessionOf(cookieOf(setCookies));
  assert.equal(JSON.stringify(bob).includes('alice'), false);
  assert.notEqual(bob?.tokens.accessToken, alice.session.tokens.accessToken);
  assert.equal(await f.sessionOf(alice.cookie), null);
  assert.deepEqual(f.named('session.ended'), [{ session: alice.session.logId, reason: 'replaced' }]);
  await f.sessions.close();
});

test("SC-001: knowing the id of somebody's session is not enough to end it by signing in", async () => {
  const f = createSessionFixture();
  const victim = await f.signIn('alice');
  const id = victim.cookie.split('=')[1]?.split('.')[0];
  await f.sessions.begin(headWith(`${name}=${id}.${random()}`), 'main', f.provider.signIn('mallory'));
  assert.equal((await f.sessionOf(victim.cookie))?.identity.subject, 'alice');
  await f.sessions.close();
});

test('SC-007: two session cookies with different values are no session, and both are cleared', async () => {
  const f = createSessionFixture();
  const { cookie } = await f.signIn();
  const evil = `${name}=${random()}.${random()}`;
  for (const cookies of [[`${evil}; ${cookie}`], [`${cookie}; ${evil}`], [evil, cookie], [cookie, evil]]) {
    const answer = await f.authenticate(...cookies);
    assert.deepEqual(answer, {
      kind: 'rejected',
      reason: 'ambiguous',
      setCookies: [`${name}=; Path=/; HttpOnly; Secure; SameSite=Lax; Max-Age=0`],
    });
  }
  assert.ok(await f.sessionOf(`${cookie}; ${cookie}`));
  await f.sessions.close();
});

test('SC-008: another spelling of the name is no session cookie', async () => {
  const f = createSessionFixture();
  const { cookie } = await f.signIn();
  for (const text of [
    `\u2000${cookie}`,
    `"${cookie}"`,
    cookie.toLowerCase(),
    `$Version=1,${cookie}`,
    cookie.slice(7),
  ]) {
    assert.equal((await f.authenticate(text)).kind, 'none', text);
  }
  await f.sessions.close();
});

test('SC-010: a session cookie with anything else in it is no session and does not throw', async () => {
  const f = createSessionFixture();
  const { cookie } = await f.signIn();
  for (const value of [
    `${cookie}%`,
    `${cookie}%E0%A4`,
    `${cookie}"`,
    `${cookie},`,
    `${cookie}\\`,
    `${name}=é`,
    `${name}=`,
  ]) {
    assert.equal((await f.authenticate(value)).kind, 'rejected', value);
  }
  await f.sessions.close();
});

test('SC-011: cookies called as members of Object.prototype are nobody', async () => {
  const f = createSessionFixture();
  assert.equal((await f.authenticate('__proto__=a; constructor=b; toString=c')).kind, 'none');
  await f.sessions.close();
});

test('SC-013, LO-048: the cookie of a session that was signed out of is refused, at once', async () => {
  const f = createSessionFixture();
  const { session, cookie } = await f.signIn();
  await f.sessions.end(session, 'logout');
  assert.equal((await f.authenticate(cookie)).kind, 'rejected');
  assert.equal(await f.store.get(session.key), null);
  await f.sessions.close();
});

test('LO-049: a request under the old cookie that is answered late neither sets a cookie nor clears the new one', async () => {
  const f = createSessionFixture();
  const first = await f.signIn();
  const begun = await f.sessions.begin(headWith(first.cookie), 'main', f.provider.signIn());
  const late = await f.authenticate(first.cookie);
  assert.deepEqual(late, { kind: 'rejected', reason: 'replaced', setCookies: [] });
  await f.sessions.end(begun.session, 'logout');
  const later = await f.authenticate(cookieOf(begun.setCookies));
  assert.deepEqual(later, { kind: 'rejected', reason: 'logout', setCookies: [] });
  await f.sessions.close();
});

test('SC-014, FL-043: a session sealed under the old key goes on and is sealed again under the new one', async () => {
  const clock = createFakeClock();
  const store = createMemoryStore({ clock });
  const provider = createFakeProvider({ clock });
  const [a, b] = [randomBytes(32), randomBytes(32)] as const;
  const start = (...keys: readonly Buffer[]) =>
    createSessionFixture({ clock, store, provider, keyRing: createKeyRing(keys) });
  const { cookie } = await start(a).signIn();
  assert.ok(await start(a, b).sessionOf(cookie), 'the new key behind the old one');
  assert.ok(await start(b, a).sessionOf(cookie), 'the new key first');
  const written = await start(b, a).signIn('bob');
  assert.ok(await start(a, b).sessionOf(written.cookie), 'a node that is not there yet');
  await new Promise((resolve) => setImmediate(resolve));
  assert.ok(await start(b).sessionOf(cookie), 'the old key removed after the session was sealed again');
});

test('SC-015, FL-043: a session under a key that was removed too early is no session and no crash', async () => {
  const clock = createFakeClock();
  const store = createMemoryStore({ clock });
  const provider = createFakeProvider({ clock });
  const { cookie } = await createSessionFixture({ clock, store, provider }).signIn();
  const later = createSessionFixture({ clock, store, provider });
  assert.deepEqual(await later.authenticate(cookie), {
    kind: 'rejected',
    reason: 'unknown-key',
    setCookies: [],
  });
});

test('SC-016: a record that is not sealed, or of another format, is no session', async () => {
  const f = createSessionFixture();
  const { session, cookie } = await f.signIn();
  const other = createSessionFixture({
    clock: f.clock,
    store: f.store,
    keyRing: f.keyRing,
    provider: f.provider,
  });
  const record = { origin: 'https://app.test', provider: 'main', subject: 'admin' };
  for (const value of [JSON.stringify({ v: 1, ...record }), JSON.stringify(record), 'admin', '']) {
    await f.store.set(session.key, { value: Buffer.from(value), expiresAt: f.clock.now() + 60_000 });
    assert.equal(await other.sessionOf(cookie), null);
  }
});

test('SC-020: the cookie lives as long as the browser, the record as long as the limits and no longer', async () => {
  const f = createSessionFixture({ config: { idleTimeout: '400d', absoluteTimeout: '400d' } });
  const { session, setCookies } = await f.signIn();
  assert.doesNotMatch(setCookies.join(), /Max-Age|Expires/i);
  assert.equal((await f.store.get(session.key))?.expiresAt, session.absoluteExpiresAt);
  await f.sessions.close();
});

test('SC-036: a browser that lost its cookie is signed out, and signing in gives it a new id', async () => {
  const f = createSessionFixture();
  const { cookie } = await f.signIn();
  const crowd = Array.from({ length: 180 }, (_, i) => `c${i}=v`).join('; ');
  assert.equal((await f.authenticate(crowd)).kind, 'none');
  const { setCookies } = await f.sessions.begin(headWith(crowd), 'main', f.provider.signIn());
  assert.notEqual(cookieOf(setCookies), cookie);
  await f.sessions.close();
});

test('SC-049: a session of one public origin is none on another, over the same store and keys', async () => {
  const f = createSessionFixture({ publicUrl: 'https://a.test' });
  const { cookie } = await f.signIn();
  const shared = { clock: f.clock, store: f.store, keyRing: f.keyRing, provider: f.provider };
  const other = createSessionFixture({ ...shared, publicUrl: 'https://b.test' });
  const answer = await other.authenticate(cookie);
  assert.equal(answer.kind === 'rejected' && answer.reason, 'other-origin');
  assert.ok(await createSessionFixture({ ...shared, publicUrl: 'https://a.test' }).sessionOf(cookie));
});

test('SC-049: tokens of a provider are not taken to another one under the same name', async () => {
  const f = createSessionFixture();
  const { cookie } = await f.signIn();
  const moved = { ...createFakeProvider({ clock: f.clock }), issuer: 'https://evil.test' };
  const other = createSessionFixture({ clock: f.clock, store: f.store, keyRing: f.keyRing, provider: moved });
  assert.equal(await other.sessionOf(cookie), null);
  assert.equal(moved.refreshes.length, 0);
});

test('SC-050: another address or browser in the same session does not end it', async () => {
  const f = createSessionFixture();
  const { cookie } = await f.signIn();
  const head = { ...headWith(cookie), client: { ...headWith().client, address: '203.0.113.9' } };
  assert.equal((await f.sessions.authenticate(head)).kind, 'session');
  await f.sessions.close();
});

test('SC-051: store and key file together give neither tokens nor a cookie that opens a session', async (context) => {
  const path = join(temporaryFolder(context), 'sessions.db');
  const clock = createFakeClock();
  const store = createSqliteStore({ path }, { clock });
  const key = randomBytes(32);
  const f = createSessionFixture({ clock, store, keyRing: createKeyRing([key]) });
  const { session, cookie } = await f.signIn('alice@example.test');
  const stored = await store.get(session.key);
  assert.ok(stored !== null);
  const dump = Buffer.concat([readFileSync(path), readFileSync(`${path}-wal`)]);
  const [id = '', secret = ''] = cookie.slice(name.length + 1).split('.');
  const secrets = [id, secret, session.tokens.accessToken, session.tokens.refreshToken, 'alice', 'app.test'];
  for (const word of secrets) assert.equal(dump.includes(word as string), false);
  for (const part of [id, secret]) assert.equal(dump.includes(Buffer.from(part, 'base64url')), false);
  const thief = createKeyRing([key]);
  assert.equal(thief.open('session-record', stored.value), null);
  assert.equal(thief.open('session-record', stored.value, randomBytes(32)), null);
  const digest = session.key.slice(2);
  for (const guess of [`${digest}.${random()}`, `${id}.${digest}`, `${id}.${random()}`]) {
    assert.equal(await f.sessionOf(`${name}=${guess}`), null);
  }
  await f.sessions.close();
  store.close();
});

test('SC-051: a record in the place of another one opens neither for its own browser nor for the other', async () => {
  const f = createSessionFixture();
  const alice = await f.signIn('alice');
  const bob = await f.signIn('bob');
  const stored = await f.store.get(alice.session.key);
  assert.ok(stored !== null);
  await f.store.set(bob.session.key, { value: stored.value, expiresAt: stored.expiresAt });
  const shared = { clock: f.clock, store: f.store, keyRing: f.keyRing, provider: f.provider };
  const restarted = createSessionFixture(shared);
  const [idOfBob] = bob.cookie.slice(name.length + 1).split('.');
  const [, secretOfAlice] = alice.cookie.slice(name.length + 1).split('.');
  assert.equal(await restarted.sessionOf(bob.cookie), null);
  assert.equal(await restarted.sessionOf(`${name}=${idOfBob}.${secretOfAlice}`), null);
  assert.equal((await restarted.sessionOf(alice.cookie))?.identity.subject, 'alice');
  await Promise.all([f.sessions.close(), restarted.sessions.close()]);
});

test('DL-045: no code compares the secret of a session in a time that tells how much of it is right', () => {
  const folder = new URL('../../src/sessions/', import.meta.url);
  for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts')) continue;
    const code = readFileSync(new URL(file, folder), 'utf8').replaceAll(/\bsecret [!=]== null/g, '');
    assert.doesNotMatch(code, /\bsecret\)? *[!=]==|[!=]== *[\w.]*\bsecret\b/i, file);
    assert.doesNotMatch(code, /\.(?:equals|compare|localeCompare)\([\w.]*secret/i, file);
  }
});

const times = { tokensReceivedAt: 1, createdAt: 1, lastSeenAt: 1 };
const tokens = { accessToken: 'a', accessTokenExpiresAt: 1, refreshToken: null, idToken: '', scope: '' };
const whole = {
  origin: 'https://app.test',
  provider: 'main',
  issuer: 'https://main.test',
  subject: 's',
  claims: {},
  tokens,
  ...times,
};
const malformed: Readonly<Record<string, unknown>> = {
  'a number': 7,
  'an array': [],
  'without members': {},
  'with a subject that is an object': { ...whole, subject: {} },
  'with an empty subject': { ...whole, subject: '' },
  'with claims that are a list': { ...whole, claims: [] },
  'with claims that are null': { ...whole, claims: null },
  'without tokens': { ...whole, tokens: undefined },
  'with a token that is a list': { ...whole, tokens: { ...tokens, accessToken: ['a'] } },
  'with a refresh token that is a number': { ...whole, tokens: { ...tokens, refreshToken: 1 } },
  'with a time that is text': { ...whole, createdAt: '2030' },
  'with a time that is negative': { ...whole, createdAt: -1 },
  'with a time that is too large for a number': { ...whole, lastSeenAt: Number.POSITIVE_INFINITY },
};
for (const [what, record] of Object.entries(malformed)) {
  test(`SC-052, FL-008: a record ${what} is no session; it is removed and counted`, async () => {
    const f = createSessionFixture();
    const [id, secret] = [random(), random()];
    const sealed = sealRecord(record as never, f.keyRing, { id, secret });
    await f.store.set(sessionKey(id), { value: sealed, expiresAt: f.clock.now() + 60_000 });
    const answer = await f.authenticate(`${name}=${id}.${secret}`);
    assert.equal(answer.kind === 'rejected' && answer.reason, 'malformed');
    await until(() => f.named('session.ended').length === 1);
    assert.equal(f.named('session.ended')[0]?.reason, 'unreadable');
    assert.deepEqual(f.named('record.discarded'), [{ reason: 'malformed' }]);
    assert.equal(await f.store.get(sessionKey(id)), null);
    await f.sessions.close();
  });
}

test('FL-042: a record of the release before this one, without label and newer members, is a session here', async () => {
  const f = createSessionFixture();
  const [id, secret] = [random(), random()];
  const now = f.clock.now();
  const times = { createdAt: now, lastSeenAt: now, tokensReceivedAt: now };
  const sealed = sealRecord({ ...whole, ...times } as never, f.keyRing, { id, secret });
  await f.store.set(sessionKey(id), { value: sealed, expiresAt: now + 60_000 });
  assert.equal((await f.sessionOf(`${name}=${id}.${secret}`))?.identity.subject, 's');
  assert.deepEqual(f.named('record.discarded'), []);
  await f.sessions.close();
});

test('FL-042, SC-016: a record of a newer release is no session here, and removed', async () => {
  const f = createSessionFixture();
  const [id, secret] = [random(), random()];
  const sealed = sealRecord({ ...whole, v: 2 } as never, f.keyRing, { id, secret });
  await f.store.set(sessionKey(id), { value: sealed, expiresAt: f.clock.now() + 60_000 });
  const answer = await f.authenticate(`${name}=${id}.${secret}`);
  assert.equal(answer.kind === 'rejected' && answer.reason, 'newer');
  assert.deepEqual(f.named('record.discarded'), [{ reason: 'newer' }]);
  assert.equal(await f.store.get(sessionKey(id)), null);
  await f.sessions.close();
});

const damages: readonly (readonly [
  what: string,
  reason: string,
  damage: (value: Uint8Array) => Uint8Array,
])[] = [
  ['cut short', 'damaged', (value) => value.subarray(0, 40)],
  ['cut to nothing', 'damaged', () => new Uint8Array(0)],
  ['without its first byte', 'damaged', (value) => value.subarray(1)],
  ['with one bit changed', 'damaged', (value) => value.map((byte, i) => (i === 60 ? byte ^ 1 : byte))],
  ['with something behind it', 'damaged', (value) => Buffer.concat([value, Buffer.from('x')])],
  ['of random bytes', 'damaged', () => randomBytes(500)],
  ['of 10 MB', 'too-large', () => Buffer.alloc(10 << 20, 1)],
];
for (const [what, reason, damage] of damages) {
  test(`FL-008: a record ${what} is no session; it is removed, counted, and no crash`, async () => {
    const f = createSessionFixture();
    const { session, cookie } = await f.signIn();
    const stored = await f.store.get(session.key);
    assert.ok(stored?.label);
    await f.store.set(session.key, { ...stored, label: stored.label, value: damage(stored.value) });
    const other = createSessionFixture(f.shared);
    const answer = await other.authenticate(cookie);
    assert.equal(answer.kind === 'rejected' && answer.reason, reason);
    await until(() => f.store.get(session.key) === null);
    assert.deepEqual(other.named('record.discarded'), [{ reason }]);
    assert.equal(await other.sessionOf(cookie), null);
    await Promise.all([f.sessions.close(), other.sessions.close()]);
  });
}

const strangers: Readonly<Record<string, Uint8Array>> = {
  text: Buffer.from('{"user":"admin"}'),
  'random bytes': randomBytes(500),
  nothing: new Uint8Array(0),
};
for (const [what, value] of Object.entries(strangers)) {
  test(`FL-008: ${what} of another product under our key is no session, and removed`, async () => {
    const f = createSessionFixture();
    const [id, secret] = [random(), random()];
    await f.store.set(sessionKey(id), { value, expiresAt: f.clock.now() + 60_000 });
    const answer = await f.authenticate(`${name}=${id}.${secret}`);
    assert.equal(answer.kind === 'rejected' && answer.reason, 'foreign');
    await until(() => f.store.get(sessionKey(id)) === null);
    assert.deepEqual(f.named('record.discarded'), [{ reason: 'foreign' }]);
    await f.sessions.close();
  });
}

test('FL-008: a wrong secret removes nothing: the session of the right one lives on', async () => {
  const f = createSessionFixture();
  const { session, cookie } = await f.signIn();
  const other = createSessionFixture(f.shared);
  const answer = await other.authenticate(`${cookie.slice(0, -43)}${random()}`);
  assert.equal(answer.kind === 'rejected' && answer.reason, 'other-secret');
  assert.deepEqual(other.named('record.discarded'), []);
  assert.notEqual(await f.store.get(session.key), null);
  assert.ok(await other.sessionOf(cookie));
  await Promise.all([f.sessions.close(), other.sessions.close()]);
});

test('FL-008: a record whose label is of another session, or damaged, still opens for its cookie', async () => {
  const f = createSessionFixture();
  const [one, two] = [await f.signIn('alice'), await f.signIn('bob')];
  const stored = await f.store.get(one.session.key);
  const label = (await f.store.get(two.session.key))?.label;
  assert.ok(stored && label);
  for (const instead of [label, randomBytes(100)]) {
    await f.store.set(one.session.key, { ...stored, label: instead });
    const other = createSessionFixture(f.shared);
    assert.equal((await other.sessionOf(one.cookie))?.identity.subject, 'alice');
    assert.deepEqual(
      (await other.sessions.directory.list({ provider: 'main' })).sessions.map((s) => s.subject),
      ['bob'],
    );
    await other.sessions.close();
  }
  await f.sessions.close();
});

test('claims called as members of Object.prototype are claims, and missing ones are not found', async () => {
  const f = createSessionFixture();
  const claims = JSON.parse('{"sub":"alice","__proto__":{"admin":true},"constructor":"x"}');
  const { setCookies } = await f.sessions.begin(headWith(), 'main', { ...f.provider.signIn(), claims });
  const shared = { clock: f.clock, store: f.store, keyRing: f.keyRing, provider: f.provider };
  const session = await createSessionFixture(shared).sessionOf(cookieOf(setCookies));
  assert.deepEqual(Object.keys(session?.identity.claims ?? {}).sort(), ['__proto__', 'constructor', 'sub']);
  assert.equal(session?.identity.claims.admin, undefined);
  assert.equal(session?.identity.claims.toString, undefined);
  await f.sessions.close();
});

test('claims and tokens that are too large for a session are a failed login, not a session nobody can read', async () => {
  const f = createSessionFixture();
  const claims = { sub: 'alice', groups: 'g'.repeat(300_000) };
  const begun = f.sessions.begin(headWith(), 'main', { ...f.provider.signIn(), claims });
  await assert.rejects(begun, { code: 'ERR_LOGIN_FAILED', detail: 'session-too-large' });
  assert.equal(await f.sessions.count(), 0);
  await f.sessions.close();
});
