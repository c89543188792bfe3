/** The parser of `Cookie` fields against a slow and obvious one, and against fields made to confuse it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ambiguous, cookiesWithPrefix, createCookieReader } from '../../../src/sessions/cookie-header.ts';

const name = '__Host-sallyport';
const read = createCookieReader(name);
const readOne = (...fields: readonly string[]) => read(fields.flatMap((field) => ['cookie', field]));

/** Section 5.7 word for word: split at semicolons, then at the first `=`. */
function obvious(fields: readonly string[]): readonly { name: string; value: string }[] {
  const strip = (text: string) => text.replace(/^[ \t]+|[ \t]+$/g, '');
  return fields
    .flatMap((field) => field.split(';'))
    .filter((pair) => pair.includes('='))
    .map((pair) => {
      const at = pair.indexOf('=');
      return { name: pair.slice(0, at).replace(/^[ \t]+/, ''), value: strip(pair.slice(at + 1)) };
    });
}

const piece = fc.constantFrom(
  name,
  '__host-sallyport',
  `${name}-login-a`,
  '=',
  ';',
  ' ',
  '\t',
  '"',
  'v',
  'w',
  'a=b',
  '; ',
);
const field = fc.array(piece, { maxLength: 14 }).map((pieces) => pieces.join(''));

test('agrees with the obvious parser on every field', () => {
  fc.assert(
    fc.property(fc.array(field, { maxLength: 3 }), (fields) => {
      const values = new Set(
        obvious(fields)
          .filter((cookie) => cookie.name === name)
          .map((cookie) => cookie.value),
      );
      const expected = values.size === 0 ? null : values.size === 1 ? [...values][0] : ambiguous;
      assert.equal(readOne(...fields), expected);
    }),
    { numRuns: 3000 },
  );
});

test('lists the cookies of a prefix as the obvious parser does', () => {
  fc.assert(
    fc.property(fc.array(field, { maxLength: 3 }), (fields) => {
      const headers = fields.flatMap((text) => ['cookie', text]);
      const expected = obvious(fields).filter((cookie) => cookie.name.startsWith('__Host-'));
      assert.deepEqual(cookiesWithPrefix(headers, '__Host-'), expected);
    }),
    { numRuns: 2000 },
  );
});

test('finds a cookie among any others, in any place', () => {
  const others = fc.array(fc.stringMatching(/^[a-z]{1,5}=[a-z%"]{0,5}$/), { maxLength: 5 });
  fc.assert(
    fc.property(others, others, fc.stringMatching(/^[A-Za-z0-9._-]{1,20}$/), (before, after, value) => {
      assert.equal(readOne([...before, `${name}=${value}`, ...after].join('; ')), value);
    }),
  );
});

test('reads nothing of other fields', () => {
  assert.equal(read(['x-cookie', `${name}=a`, 'set-cookie', `${name}=a`, 'cookie2', `${name}=a`]), null);
});

test('SC-007: the same name with different values, in one field or in two, is nobody', () => {
  assert.equal(readOne(`${name}=evil; ${name}=good`), ambiguous);
  assert.equal(readOne(`${name}=evil`, `${name}=good`), ambiguous);
  assert.equal(readOne(`${name}=; ${name}=good`), ambiguous);
  assert.equal(readOne(`${name}=same; a=b`, `${name}=same`), 'same');
});

const notTheName = [
  '\u2000__Host-sallyport=v',
  '\u00a0__Host-sallyport=v',
  '\u000b__Host-sallyport=v',
  '"__Host-sallyport"=v',
  '__host-sallyport=v',
  '__HOST-SALLYPORT=v',
  '__Host-sallyport =v',
  '__Host-sallyport\t=v',
  '__Host-sallyporta=v',
  'a__Host-sallyport=v',
  '%5f_Host-sallyport=v',
  '$Version=1,__Host-sallyport=v',
  'a="; b", __Host-sallyport=v',
];
for (const text of notTheName) {
  test(`SC-008: ${JSON.stringify(text)} is not the session cookie`, () => {
    assert.equal(readOne(text), null);
    assert.equal(readOne(`a=b; ${text}`), null);
  });
}

test('SC-008: $Version, quotes and commas have no meaning', () => {
  assert.equal(readOne(`$Version=1; ${name}=v; $Path=/`), 'v');
  assert.equal(readOne(`${name}="v"`), '"v"');
  assert.equal(readOne(`${name}=v, b=c`), 'v, b=c');
  assert.equal(readOne(`a="x; ${name}=v"`), 'v"');
});

test('SC-009: nameless and broken pairs are no session cookie', () => {
  for (const text of [
    `=${name}=evil`,
    name,
    `; ${name};`,
    'a=b=c',
    ';;;',
    '',
    ' ',
    '=',
    '==',
    `a=${name}=v`,
  ]) {
    assert.equal(readOne(text), null, text);
  }
  assert.equal(readOne(`${name}==v=w`), '=v=w');
});

test('SC-011: names of Object.prototype are names like others', () => {
  for (const odd of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
    assert.equal(createCookieReader(odd)(['cookie', 'a=b']), null);
    assert.equal(createCookieReader(odd)(['cookie', `${odd}=v`]), 'v');
    assert.deepEqual(cookiesWithPrefix(['cookie', `${odd}=v`], odd), [{ name: odd, value: 'v' }]);
  }
  assert.equal(readOne('__proto__=x; constructor=y'), null);
});

const garbage = {
  semicolons: ';'.repeat(15_000),
  'equals signs': '='.repeat(15_000),
  both: ';='.repeat(7500),
  blanks: ' '.repeat(15_000),
  'the name over and over': name.repeat(900),
  'the name and =': `${name}=`.repeat(850),
  'blanks before the name': `${' '.repeat(200)}${name}=`.repeat(70),
};
for (const [what, text] of Object.entries(garbage)) {
  test(`SC-033: 15 kB of ${what} are read in a time that does not matter`, () => {
    const started = performance.now();
    for (let round = 0; round < 20; round += 1) {
      readOne(text, `a${text}`);
      cookiesWithPrefix(['cookie', text], name);
    }
    assert.ok((performance.now() - started) / 20 < 5);
  });
}
