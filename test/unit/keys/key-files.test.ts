/** Key files change while the gate runs: a good ring replaces the old one whole, and nothing else ever does. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EventName, Events } from '../../../src/core/events.ts';
import { keyIdOf } from '../../../src/keys/create-key-ring.ts';
import { createKeyRings } from '../../../src/keys/create-key-rings.ts';
import { keysSchema } from '../../../src/keys/key-config.ts';
import { until } from '../../support/cli.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const keys = Array.from({ length: 4 }, () => randomBytes(32)) as [Buffer, Buffer, Buffer, Buffer];
const [first, second, third] = keys;
const write = (path: string, ...ring: readonly Buffer[]) =>
  writeFileSync(path, `${ring.map((key) => key.toString('base64')).join('\n')}\n`);
const idsOf = (...ring: readonly Buffer[]) => ring.map(keyIdOf);

/** Longer than a change takes to be seen (milliseconds). */
const unchanged = 250;

/** Looks every 10 ms; what is new counts when it looks the same 100 ms later. */
function follow(context: TestContext, config: unknown) {
  const events: { readonly name: EventName; readonly event: Events[EventName] }[] = [];
  const rings = createKeyRings(keysSchema.parse(config), {
    dataDir: '/nowhere',
    random: randomBytes,
    emit: (name, event) => events.push({ name, event }),
    interval: 10,
  });
  context.after(rings.close);
  const state = { retired: 0 };
  rings.onRetired(() => {
    state.retired += 1;
  });
  const named = (name: EventName) => events.filter((each) => each.name === name).map(({ event }) => event);
  return {
    rings,
    events,
    named,
    state,
    has: (...ring: readonly Buffer[]) => rings.tokens.ids.join() === idsOf(...ring).join(),
  };
}

test('a file that is written anew changes both rings without a restart and tells their ids', async (context) => {
  const file = join(temporaryFolder(context), 'ring');
  write(file, first);
  const node = follow(context, [{ file }]);
  const sealed = node.rings.tokens.seal('session-record', Buffer.from('x'));
  write(file, second, first);
  await until(() => node.has(second, first));
  assert.equal(node.rings.tokens.open('session-record', sealed)?.stale, true);
  assert.deepEqual(node.named('keys.reloaded'), [
    { ring: 'cookies', keys: idsOf(second, first) },
    { ring: 'tokens', keys: idsOf(second, first) },
  ]);
  assert.equal(node.state.retired, 0);
});

test('SC-015: a key that is dropped opens nothing from then on, and listeners hear of it once', async (context) => {
  const file = join(temporaryFolder(context), 'ring');
  write(file, second, first);
  const node = follow(context, { cookies: [third.toString('base64')], tokens: [{ file }] });
  const { tokens } = follow(context, [first.toString('base64')]).rings;
  const sealed = tokens.seal('session-record', Buffer.from('x'));
  assert.notEqual(node.rings.tokens.open('session-record', sealed), null);
  write(file, second);
  await until(() => node.state.retired > 0);
  assert.equal(node.rings.tokens.open('session-record', sealed), null);
  assert.equal(node.rings.tokens.knows(sealed), false);
  await sleep(unchanged);
  assert.equal(node.state.retired, 1);
  assert.deepEqual(node.rings.cookies.ids, idsOf(third));
});

test('a secret that is swapped by a symbolic link above it, as Kubernetes does, is followed', async (context) => {
  const folder = temporaryFolder(context);
  const publish = (version: string, ...ring: readonly Buffer[]) => {
    mkdirSync(join(folder, version));
    write(join(folder, version, 'ring'), ...ring);
    symlinkSync(version, join(folder, '..data_tmp'));
    renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
  };
  publish('..1', first);
  symlinkSync('..data/ring', join(folder, 'ring'));
  const node = follow(context, [{ file: join(folder, 'ring') }]);
  publish('..2', first, second);
  await until(() => node.has(first, second));
  rmSync(join(folder, '..1'), { recursive: true });
  publish('..3', second, first);
  await until(() => node.has(second, first));
  assert.equal(node.named('keys.reload-failed').length, 0);
});

const spoilings: Readonly<Record<string, (file: string) => void>> = {
  empty: (file) => writeFileSync(file, ''),
  'cut in a line': (file) => truncateSync(file, 60),
  vanished: (file) => rmSync(file),
  'a folder': (file) => {
    rmSync(file);
    mkdirSync(file);
  },
  'larger than a secret': (file) => writeFileSync(file, 'A'.repeat(70_000)),
  'one key twice': (file) => write(file, third, third),
  'no text': (file) => writeFileSync(file, randomBytes(200)),
};
for (const [what, spoil] of Object.entries(spoilings)) {
  test(`FL-046: a key file that becomes ${what} keeps the keys of before, says so once, and is used again when it is good`, async (context) => {
    const file = join(temporaryFolder(context), 'ring');
    write(file, first, second);
    const node = follow(context, { cookies: [third.toString('base64')], tokens: [{ file }] });
    spoil(file);
    await until(() => node.named('keys.reload-failed').length > 0);
    await sleep(unchanged);
    const [failure, ...more] = node.named('keys.reload-failed') as { ring: string; reason: string }[];
    assert.equal(more.length, 0);
    assert.equal(failure?.ring, 'tokens');
    assert.ok(failure?.reason.startsWith(`the file ${file}`), failure?.reason);
    for (const key of keys)
      assert.equal(failure?.reason.includes(key.toString('base64').slice(0, 10)), false);
    assert.ok(node.has(first, second));
    rmSync(file, { recursive: true, force: true });
    write(file, first, second);
    await until(() => node.named('keys.reloaded').length > 0);
    assert.deepEqual(node.named('keys.reloaded'), [{ ring: 'tokens', keys: idsOf(first, second) }]);
    assert.equal(node.state.retired, 0);
  });
}

test('a file that is written in place, a key at a time, is taken when it is whole', async (context) => {
  const file = join(temporaryFolder(context), 'ring');
  write(file, first, second);
  const node = follow(context, [{ file }]);
  const { ids } = node.rings.tokens;
  const text = [third, first, second].map((key) => `${key.toString('base64')}\n`).join('');
  for (let end = 0; end <= text.length; end += 15) {
    writeFileSync(file, text.slice(0, end));
    // Faster than what is new has to last: a good line at the end is not yet the whole.
    await sleep(2);
    assert.equal(node.rings.tokens.ids, ids);
  }
  writeFileSync(file, text);
  await until(() => node.has(third, first, second));
  assert.equal(node.state.retired, 0);
});

test('a ring of several files changes whole: one broken file keeps the others back too', async (context) => {
  const folder = temporaryFolder(context);
  const [a, b] = [join(folder, 'a'), join(folder, 'b')];
  write(a, first);
  write(b, second);
  const node = follow(context, [{ file: a }, { file: b }]);
  write(a, third);
  writeFileSync(b, 'half');
  await until(() => node.named('keys.reload-failed').length === 2);
  assert.ok(node.has(first, second));
  write(b, first);
  await until(() => node.has(third, first));
});

test('a hundred swaps in a row leave the last ring, whole rings at every moment, and open what is in all of them', async (context) => {
  const file = join(temporaryFolder(context), 'ring');
  write(file, first, second);
  const node = follow(context, [{ file }]);
  const { tokens } = node.rings;
  const sealed = tokens.seal('session-record', Buffer.from('x'));
  const allowed = new Set(
    [idsOf(first, second), idsOf(second, first), idsOf(third, first)].map((ids) => ids.join()),
  );
  for (let swap = 0; swap < 100; swap += 1) {
    write(`${file}.new`, ...(swap % 2 === 0 ? [second, first] : [first, second]));
    renameSync(`${file}.new`, file);
    assert.notEqual(tokens.open('session-record', sealed), null);
    assert.ok(allowed.has(tokens.ids.join()));
    await sleep(swap % 7);
  }
  write(file, third, first);
  await until(() => node.has(third, first));
  assert.equal(node.named('keys.reload-failed').length, 0);
});

test('a change of comments alone is no change', async (context) => {
  const file = join(temporaryFolder(context), 'ring');
  write(file, first);
  const node = follow(context, [{ file }]);
  writeFileSync(file, `# of the third of May\n${first.toString('base64')} # good\n`);
  await sleep(unchanged);
  assert.deepEqual(node.events, []);
});

test('nothing is looked at after close', async (context) => {
  const file = join(temporaryFolder(context), 'ring');
  write(file, first);
  const node = follow(context, [{ file }]);
  node.rings.close();
  write(file, second);
  await sleep(unchanged);
  assert.ok(node.has(first));
  assert.deepEqual(node.events, []);
});

test('nothing is looked at after a close in the middle of a look', async (context) => {
  const file = join(temporaryFolder(context), 'ring');
  write(file, first, second);
  const node = follow(context, [{ file }]);
  node.rings.onRetired(node.rings.close);
  write(file, second);
  await until(() => node.has(second));
  write(file, third);
  await sleep(unchanged);
  assert.ok(node.has(second));
});
