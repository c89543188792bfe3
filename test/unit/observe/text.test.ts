import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { cleanText, quoteText } from '../../../src/observe/text.ts';

test('plain text, accents and emoji stay as they are', () => {
  for (const text of ['', '/a/b', 'Zoë Ångström', '日本 👩‍🚀']) {
    assert.equal(cleanText(text, 100), text);
    assert.equal(JSON.parse(quoteText(text, 100)), text);
  }
});

test('what is too long is cut and its length is told', () => {
  assert.equal(cleanText('x'.repeat(12), 4), 'xxxx…[12]');
  assert.equal(cleanText('x'.repeat(4), 4), 'xxxx');
});

test('quoted text of any kind is one JSON string without a control character in it', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.integer({ min: 0, max: 64 }), (text, limit) => {
      const quoted = quoteText(text, limit);
      assert.equal(typeof JSON.parse(quoted), 'string');
      assert.doesNotMatch(quoted, /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e]/);
      assert.ok(quoted.isWellFormed());
      assert.equal(JSON.parse(quoted), cleanText(text, limit));
    }),
  );
});

test('what looks like a token is left out, wherever it stands', () => {
  const jwt = 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2ln-_';
  for (const [text, cleaned] of [
    [`/a/${jwt}/b`, '/a/[token]/b'],
    [`/x_${jwt}`, '/x_[token]'],
    [`eyJeyJ-${jwt} and ${jwt}`, '[token] and [token]'],
    [`${jwt.slice(0, 30)}`, '[token]'],
    ['/eyJ/eyJabc.d/a.eyJ', '/eyJ/eyJabc.d/a.eyJ'],
  ] as const) {
    assert.equal(cleanText(text, 300), cleaned);
    assert.equal(JSON.parse(quoteText(text, 300)), cleaned);
  }
});

test('DL-031: a path of many beginnings of tokens costs time in proportion to its length', () => {
  const fastest = (text: string) =>
    Math.min(
      ...Array.from({ length: 5 }, () => {
        const started = performance.now();
        quoteText(text, text.length);
        return performance.now() - started;
      }),
    );
  // Eight times as long: a quadratic search would take 64 times as long.
  for (const piece of ['eyJ', 'eyJ-', 'eyJaaaaaa']) {
    const text = (length: number) => piece.repeat(length / piece.length);
    assert.ok(fastest(text(36_000)) < 32 * Math.max(fastest(text(4_500)), 0.2), piece);
  }
});

test('half of a surrogate pair, as truncation leaves it, does not break the line', () => {
  assert.ok(cleanText('ab👩', 3).isWellFormed());
});
