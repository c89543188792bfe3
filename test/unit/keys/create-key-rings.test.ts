/** Both rings together: where their keys come from, what they tell, and that nodes rotate without losing anything. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { EventName, Events } from '../../../src/core/events.ts';
import { keyIdOf } from '../../../src/keys/create-key-ring.ts';
import { createKeyRings } from '../../../src/keys/create-key-rings.ts';
import { keysSchema } from '../../../src/keys/key-config.ts';
import type { KeyRings } from '../../../src/keys/key-ring.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const [first, second, third] = [randomBytes(32), randomBytes(32), randomBytes(32)] as const;
const text = Buffer.from('a token');

interface Node extends KeyRings {
  readonly events: { readonly name: EventName; readonly event: Events[EventName] }[];
}

function createNode(context: TestContext, keys: unknown, dataDir: string | null = '/nowhere'): Node {
  const events: Node['events'] = [];
  const rings = createKeyRings(keys === undefined ? undefined : keysSchema.parse(keys), {
    dataDir,
    random: randomBytes,
    emit: (name, event) => events.push({ name, event }),
  });
  context.after(rings.close);
  return { ...rings, events };
}

const ring = (...keys: readonly Buffer[]) => [keys.map((key) => key.toString('base64')).join('\n')];

test('without configuration each ring gets a key file of its own, and the next start finds both', (context) => {
  const dataDir = join(temporaryFolder(context), 'data');
  const node = createNode(context, undefined, dataDir);
  assert.deepEqual(readdirSync(dataDir).sort(), ['cookies.key', 'tokens.key']);
  assert.equal(statSync(join(dataDir, 'cookies.key')).mode & 0o777, 0o600);
  assert.notDeepEqual(node.cookies.ids, node.tokens.ids);
  const again = createNode(context, undefined, dataDir);
  assert.deepEqual([again.cookies.ids, again.tokens.ids], [node.cookies.ids, node.tokens.ids]);
  assert.deepEqual(
    again.tokens.open('session-record', node.tokens.seal('session-record', text))?.plaintext,
    text,
  );
});

test('without configuration and folder the keys are those of this process alone', (context) => {
  const [node, other] = [createNode(context, undefined, null), createNode(context, undefined, null)];
  const sealed = node.tokens.seal('session-record', text);
  assert.deepEqual(node.tokens.open('session-record', sealed)?.plaintext, text);
  assert.equal(other.tokens.open('session-record', sealed), null);
});

test('rings of their own do not open what the other sealed', (context) => {
  const node = createNode(context, { cookies: ring(first), tokens: ring(second) });
  assert.deepEqual([node.cookies.ids, node.tokens.ids], [[keyIdOf(first)], [keyIdOf(second)]]);
  const sealed = node.cookies.seal('login-transaction', text);
  assert.equal(node.tokens.open('login-transaction', sealed), null);
  assert.equal(node.tokens.knows(sealed), false);
});

test('SC-014: what an old key opens is told by ring and id, once each time; the first key is not', (context) => {
  const old = createNode(context, ring(first)).tokens.seal('session-record', text);
  const node = createNode(context, ring(second, first));
  const fresh = node.tokens.seal('session-record', text);
  assert.deepEqual(node.tokens.open('session-record', old), { plaintext: text, stale: true });
  assert.deepEqual(node.tokens.open('session-record', fresh), { plaintext: text, stale: false });
  assert.equal(node.tokens.open('session-label', old), null);
  assert.deepEqual(node.events, [{ name: 'key.old-used', event: { ring: 'tokens', key: keyIdOf(first) } }]);
});

test('SC-015: what a retired key sealed is not opened, and told apart from what is damaged', (context) => {
  const old = createNode(context, ring(first)).cookies.seal('session-cookie', text);
  const { cookies } = createNode(context, ring(second, third));
  assert.equal(cookies.open('session-cookie', old), null);
  assert.equal(cookies.knows(old), false);
  const damaged = cookies.seal('session-cookie', text).subarray(0, 20);
  assert.equal(cookies.open('session-cookie', damaged), null);
  assert.equal(cookies.knows(damaged), true);
  for (const length of [0, 1, 8]) assert.equal(cookies.knows(Buffer.alloc(length, 1)), false);
});

/** Two nodes; a phase is what each of them has while it is rolled out: one first, then both. */
const phases: readonly (readonly (readonly Buffer[])[])[] = [
  [[first], [first]],
  [[first, second], [first]],
  [
    [first, second],
    [first, second],
  ],
  [
    [second, first],
    [first, second],
  ],
  [
    [second, first],
    [second, first],
  ],
];

test('FL-043: in the right order, every node opens what any node sealed in any phase, until the key is dropped', (context) => {
  const sealed: Buffer[] = [];
  for (const [left = [], right = []] of phases) {
    const nodes = [createNode(context, ring(...left)), createNode(context, ring(...right))];
    for (const { tokens } of nodes) sealed.push(tokens.seal('session-record', text));
    for (const { tokens } of nodes)
      for (const one of sealed) assert.deepEqual(tokens.open('session-record', one)?.plaintext, text);
  }
  const { tokens } = createNode(context, ring(second));
  const opened = sealed.map((one) => tokens.open('session-record', one) !== null);
  // The second key sealed on the node that had it in front first, and then on both.
  assert.deepEqual(opened, [...Array(6).fill(false), true, false, true, true]);
});

test('FL-043: in the wrong order, the node without the new key opens nothing of it and says that it does not know it', (context) => {
  const ahead = createNode(context, ring(second, first)).tokens;
  const behind = createNode(context, ring(first)).tokens;
  const sealed = ahead.seal('session-record', text);
  assert.equal(behind.open('session-record', sealed), null);
  assert.equal(behind.knows(sealed), false);
  assert.deepEqual(ahead.open('session-record', behind.seal('session-record', text))?.plaintext, text);
});
