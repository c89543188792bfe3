/** Sessions while the store fails: 503, never anonymous; and what a killed process leaves behind. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { systemClock } from '../../src/core/clock.ts';
import { SallyportError } from '../../src/core/errors.ts';
import { createKeyRing } from '../../src/keys/create-key-ring.ts';
import { createMemoryStore } from '../../src/stores/memory-store.ts';
import { createSqliteStore } from '../../src/stores/sqlite-store.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createFakeProvider } from '../support/fake-provider.ts';
import { createFaultyStore } from '../support/faulty-store.ts';
import { createSessionFixture, headWith, until } from '../support/session-fixture.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const minute = 60_000;
const unavailable = (error: unknown) =>
  error instanceof SallyportError &&
  error.code === 'ERR_STORE_UNAVAILABLE' &&
  error.status === 503 &&
  error.retryAfter !== null;

function setUp() {
  const clock = createFakeClock();
  const store = createFaultyStore(createMemoryStore({ clock }));
  const shared = {
    clock,
    store,
    keyRing: createKeyRing([randomBytes(32)]),
    provider: createFakeProvider({ clock }),
  };
  return { ...shared, start: () => createSessionFixture(shared) };
}

test('FL-001: with the store down a session that is not in memory is a 503 with Retry-After, never anonymous', async () => {
  const { store, start } = setUp();
  const { cookie } = await start().signIn();
  store.fail('get');
  const f = start();
  for (let i = 0; i < 3; i += 1) assert.throws(() => f.sessions.authenticate(headWith(cookie)), unavailable);
  store.fail();
  assert.ok(await f.sessionOf(cookie), 'FL-009: and works as soon as the store is back');
});

test('FL-002: without a session cookie the store is not asked', async () => {
  const { store, start } = setUp();
  store.fail('get');
  assert.equal((await start().authenticate('theme=dark')).kind, 'none');
  assert.equal((await start().authenticate('__Host-sallyport=garbage')).kind, 'rejected');
});

test('FL-003: with the store down no session begins and no cookie is given', async () => {
  const { store, start, provider } = setUp();
  const f = start();
  store.fail('set');
  await assert.rejects(f.sessions.begin(headWith(), 'main', provider.signIn()), unavailable);
  store.fail();
  assert.equal(await f.sessions.count(), 0);
});

test('FL-003: with the store down a login in the place of another session fails too, and the other lives on', async () => {
  const { store, start, provider } = setUp();
  const f = start();
  const { cookie } = await f.signIn();
  store.fail('delete');
  await assert.rejects(f.sessions.begin(headWith(cookie), 'main', provider.signIn('bob')), unavailable);
  store.fail();
  assert.equal((await f.sessionOf(cookie))?.identity.subject, 'alice');
});

test('LO-020: with the store down signing out fails and does not pretend', async () => {
  const { store, start } = setUp();
  const f = start();
  const { session, cookie } = await f.signIn();
  store.fail('delete');
  await assert.rejects(f.sessions.end(session, 'logout'), unavailable);
  assert.equal(f.named('session.ended').length, 0);
  store.fail();
  await f.sessions.end(session, 'logout');
  assert.equal(await f.sessionOf(cookie), null);
});

test('a store that fails while sliding disturbs no request and is tried again later', async () => {
  const { clock, store, start } = setUp();
  const f = start();
  const { cookie } = await f.signIn('alice', { lifetime: 600 * minute });
  store.fail('compareAndSwap');
  for (let i = 0; i < 100; i += 1) {
    clock.advance(6000);
    assert.ok(await f.sessionOf(cookie));
  }
  const failed = store.calls.get('compareAndSwap') ?? 0;
  assert.ok(failed > 1 && failed <= 100);
  store.fail();
  clock.advance(6000);
  assert.ok(await f.sessionOf(cookie));
  await new Promise((resolve) => setImmediate(resolve));
  clock.advance(29 * minute);
  assert.ok(await start().sessionOf(cookie));
});

test('FL-007: a store that lost everything means signing in again: no crash, no identity out of nowhere', async () => {
  const { clock, store, start } = setUp();
  const f = start();
  const { session, cookie } = await f.signIn();
  const told: string[] = [];
  f.sessions.hold(session, (why) => told.push(why));
  await store.delete(session.key);
  clock.advance(2 * minute);
  await f.sessionOf(cookie);
  await until(() => told.length === 1);
  assert.equal((await f.authenticate(cookie)).kind, 'rejected');
  assert.equal((await start().authenticate(cookie)).kind, 'rejected');
  assert.ok(await f.sessionOf((await f.signIn()).cookie));
});

test('LO-048: an answer of a slow store cannot bring back a session that ended meanwhile', async () => {
  const { store, start } = setUp();
  const { session, cookie } = await start().signIn();
  const f = start();
  const letGo = store.hold('get');
  const waiting = f.authenticate(cookie);
  await f.sessions.end(session, 'logout');
  letGo();
  assert.equal((await waiting).kind, 'rejected');
  assert.equal(await f.sessionOf(cookie), null);
});

const operations = [
  ...(['get', 'set', 'addIfAbsent', 'compareAndSwap', 'delete', 'count'] as const),
  ...(['deleteAll', 'tagged', 'list'] as const),
];
for (const manner of ['throws', 'rejects'] as const) {
  for (const operation of operations) {
    test(`FL-072: when ${operation} ${manner}, everything fails closed or goes on, and works again afterwards`, async () => {
      const { clock, store, start, provider } = setUp();
      const f = start();
      if (manner === 'rejects') store.hold();
      const known = await f.signIn('alice', { lifetime: minute });
      const stranger = await start().signIn('bob', { lifetime: minute });
      store.fail(operation);
      clock.advance(2 * minute);
      const outcomes = await Promise.allSettled([
        f.authenticate(known.cookie),
        f.authenticate(stranger.cookie),
        f.authenticate(`${stranger.cookie.slice(0, -4)}AAAA`),
        f.sessions.begin(headWith(known.cookie), 'main', provider.signIn('carol')),
        (async () => f.sessions.count())(),
        f.sessions.end(stranger.session, 'logout'),
        f.sessions.directory.list({}),
        f.sessions.directory.list({ subject: 'alice' }),
        f.sessions.directory.end({ subject: 'nobody' }, { reason: 'operator' }),
        f.sessions.directory.useOnce('word', clock.now() + minute),
      ]);
      for (const outcome of outcomes) {
        if (outcome.status === 'rejected') assert.ok(unavailable(outcome.reason), String(outcome.reason));
      }
      const [mine, theirs, forged] = outcomes;
      for (const answer of [mine, theirs]) {
        if (answer?.status === 'fulfilled') assert.notEqual((answer.value as { kind: string }).kind, 'none');
      }
      if (forged?.status === 'fulfilled') assert.equal((forged.value as { kind: string }).kind, 'rejected');
      store.fail();
      clock.advance(minute / 4);
      assert.ok(await f.sessionOf((await f.signIn('dave')).cookie));
      await f.sessions.close();
    });
  }
}

/** Signs people in one after the other and says so only when each was answered, until it is killed. */
const writer = `
  const { createSqliteStore } = await import(process.env.STORE);
  const { createSessionFixture } = await import(process.env.FIXTURE);
  const { createKeyRing } = await import(process.env.RING);
  const clock = { now: () => Date.now(), monotonic: () => performance.now() };
  const store = createSqliteStore({ path: process.env.FILE }, { clock });
  const f = createSessionFixture({ clock, store, keyRing: createKeyRing([Buffer.from(process.env.KEY, 'hex')]) });
  for (let i = 0; ; i += 1) {
    const { cookie } = await f.signIn('person-' + i);
    process.stdout.write(cookie + '\\n');
    if (i % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
  }`;

function startWriter(path: string, key: Buffer): ChildProcess {
  const url = (file: string) => new URL(file, import.meta.url).href;
  const env = {
    STORE: url('../../src/stores/sqlite-store.ts'),
    RING: url('../../src/keys/create-key-ring.ts'),
    FIXTURE: url('../support/session-fixture.ts'),
    FILE: path,
    KEY: key.toString('hex'),
  };
  return spawn(process.execPath, ['--input-type=module', '--eval', writer], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

test('kill -9 under load loses no session that was answered', async (context) => {
  const path = join(temporaryFolder(context), 'sessions.db');
  const key = randomBytes(32);
  const cookies: string[] = [];
  for (let round = 0; round < 2; round += 1) {
    const child = startWriter(path, key);
    const enough = cookies.length + 300;
    for await (const line of createInterface({ input: child.stdout! })) {
      if (line.length === 104) cookies.push(line);
      if (cookies.length === enough) child.kill('SIGKILL');
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    assert.equal(child.signalCode, 'SIGKILL');
  }
  const clock = { ...systemClock, advance() {}, jumpTo() {} };
  const store = createSqliteStore({ path }, { clock });
  const f = createSessionFixture({ clock, store, keyRing: createKeyRing([key]) });
  for (const cookie of cookies) assert.ok(await f.sessionOf(cookie));
  assert.ok(((await f.sessions.count()) ?? 0) >= cookies.length);
  await f.sessions.close();
  store.close();
});
