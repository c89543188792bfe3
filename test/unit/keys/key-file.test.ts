/** The steps of a rotation on the text of a key file. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { keyIdOf } from '../../../src/keys/create-key-ring.ts';
import { changeKeyFile, type KeyFileStep, readKeyLines } from '../../../src/keys/key-file.ts';

const [a, b, c] = [randomBytes(32), randomBytes(32), randomBytes(32)].map((key) =>
  key.toString('base64'),
) as [string, string, string];
const idOf = (text: string) => keyIdOf(Buffer.from(text, 'base64'));

function change(text: string, step: KeyFileStep, newKey = c): string {
  const result = changeKeyFile(text, step, newKey);
  assert.ok(result.ok, result.ok ? '' : result.reason);
  return result.text;
}

function refusal(text: string, step: KeyFileStep): string {
  const result = changeKeyFile(text, step, c);
  assert.equal(result.ok, false);
  return result.ok ? '' : result.reason;
}

test('a whole rotation adds behind, moves to the front, and removes what is behind', () => {
  const added = change(`${a}\n`, 'add', b);
  assert.equal(added, `${a}\n${b} # next\n`);
  const promoted = change(added, 'promote');
  assert.equal(promoted, `${b}\n${a} # old\n`);
  assert.equal(change(promoted, 'drop'), `${b}\n`);
});

test('a rotation may begin before the last one has dropped its key', () => {
  const added = change(`${b}\n${a} # old\n`, 'add', c);
  assert.equal(added, `${b}\n${a} # old\n${c} # next\n`);
  assert.equal(change(added, 'promote'), `${c}\n${b} # old\n${a} # old\n`);
  assert.match(
    refusal(added, 'drop'),
    new RegExp(`^the key ${idOf(c)} does not seal yet: use it with --promote`),
  );
});

test('keys that somebody put there by hand, and several in a line, are kept in order with their comments', () => {
  const written = `# ring of the shop\n\n${a}, ${b} # since May\n`;
  assert.equal(
    change(written, 'add'),
    `# ring of the shop\n${a} # since May\n${b} # since May\n${c} # next\n`,
  );
  assert.match(refusal(written, 'drop'), new RegExp(`^the key ${idOf(b)} is not marked \`# old\``));
});

test('a step that is not due is refused with the one that is', () => {
  assert.match(refusal(`${a}\n${b} # next\n`, 'add'), new RegExp(`^the key ${idOf(b)} is waiting already`));
  assert.match(refusal(`${a}\n${b} # old\n`, 'promote'), /^no key is marked `# next`/);
  assert.match(refusal(`${a}\n`, 'promote'), /^no key is marked `# next`/);
  assert.match(refusal(`${a}\n${b} # next\n`, 'drop'), /does not seal yet/);
  assert.match(refusal(`${a}\n`, 'drop'), /^has one key only/);
  assert.match(refusal('', 'add'), /^has no key/);
  assert.match(refusal(`${a}\nhalf\n`, 'add'), /^line 2 is not a key/);
});

test('a seventeenth key is refused', () => {
  const full = Array.from({ length: 16 }, () => randomBytes(32).toString('base64')).join('\n');
  assert.match(refusal(full, 'add'), /^has 16 keys already: remove the old ones with --drop$/);
});

test('every step leaves a ring that opens what the ring before sealed and what the ring after seals', () => {
  const before = change(`${a}\n`, 'add', b);
  const steps = [`${a}\n`, before, change(before, 'promote')];
  for (const [index, text] of steps.entries()) {
    const next = steps[index + 1];
    if (next === undefined) continue;
    const [now, then] = [text, next].map((one) => {
      const read = readKeyLines(one);
      return read.ok ? read.keys.map(({ id }) => id) : [];
    }) as [string[], string[]];
    assert.ok(then.includes(now[0] as string));
    assert.ok(now.includes(then[0] as string));
  }
});
