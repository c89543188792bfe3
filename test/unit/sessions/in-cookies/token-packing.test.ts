/** Tokens come out of the packing exactly as they went in. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { packTokens, unpackTokens } from '../../../../src/sessions/in-cookies/token-packing.ts';

const overAndBack = (tokens: readonly string[]) => {
  const { parts, bytes, apart } = packTokens(tokens);
  return unpackTokens(JSON.parse(JSON.stringify(parts)), bytes, apart);
};

for (const [what, token] of [
  ['a JWT', 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl'],
  ['a word of base64url', 'abcdEFGH0123_-45'],
  ['a word with two dots less than a JWT', 'v1.abcdEFGH0123'],
  ['a JWE', 'a2V5.ZW5j.aXY.dGV4dA.dGFn'],
  ['base64 with padding', 'YWJj+/==.YQ=='],
  ['base64url whose last character has loose bits', 'YR.YS'],
  ['an empty one', ''],
  ['dots alone', '....'],
  ['more dots than any token has', '.a.b.c.d.e.f.g'],
  ['characters of other alphabets', 'tökên.\u0000.\ud800'],
] as const) {
  test(`${what} comes out as it went in`, () => {
    assert.deepEqual(overAndBack([token, 'x', token]), [token, 'x', token]);
  });
}

test('any strings come out as they went in', () => {
  const token = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(fc.base64String(), { maxLength: 7 }).map((parts) => parts.join('.')),
    fc
      .array(fc.uint8Array(), { maxLength: 4 })
      .map((parts) => parts.map((part) => Buffer.from(part).toString('base64url')).join('.')),
  );
  fc.assert(
    fc.property(fc.array(token, { maxLength: 4 }), (tokens) => {
      assert.deepEqual(overAndBack(tokens), tokens);
    }),
    { numRuns: 300 },
  );
});

for (const [what, parts] of [
  ['no list', { 0: [1] }],
  ['a token that is no list', ['x']],
  ['a part of another type', [[null]]],
  ['a length of nothing', [[0]]],
  ['a negative length', [[-1]]],
  ['a fraction', [[1.5]]],
  ['more than there is', [[1e9]]],
  ['less than there is', [[1]]],
  ['more apart than there is', [[3], 1]],
  ['no length apart', [[3], 0]],
  ['a fraction apart', [[3], -1.5]],
] as const) {
  test(`${what} is not unpacked`, () => {
    assert.equal(unpackTokens(parts, Buffer.from('abc')), null);
  });
}

test('what is no JWT stays out of what is compressed', () => {
  const jwt = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl';
  const { parts, bytes, apart } = packTokens([jwt, 'c2VjcmV0', 'v1.sëcret']);
  assert.equal(apart.toString(), 'secretv1.sëcret');
  assert.ok(!`${JSON.stringify(parts)}${bytes}`.includes('secret'));
});
