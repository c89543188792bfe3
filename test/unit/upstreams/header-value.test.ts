/** Values become header values without loss and without a way out of the header. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeHeaderValue, encodeJoinedValue, fillTemplate } from '../../../src/upstreams/header-value.ts';

test('every string comes back from its header value', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const value = encodeHeaderValue(text) as string;
      assert.match(value, /^(?:[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)?$/);
      assert.equal(decodeURIComponent(value), text.toWellFormed());
    }),
    { numRuns: 2000 },
  );
});

test('every list and object comes back from its header value', () => {
  fc.assert(
    fc.property(fc.oneof(fc.array(fc.jsonValue()), fc.dictionary(fc.string(), fc.jsonValue())), (json) => {
      const value = encodeHeaderValue(json) as string;
      assert.match(value, /^[\x20-\x7e]*$/);
      assert.deepEqual(JSON.parse(value), JSON.parse(JSON.stringify(json)));
    }),
  );
});

test('what no claim can be gives no value', () => {
  for (const odd of [undefined, null, () => 1, Symbol('x'), 1n]) assert.equal(encodeHeaderValue(odd), null);
});

const separators = fc.string({
  unit: fc.constantFrom(..."!#$&'()*+,./:;<=>?@[]^_`|~-"),
  minLength: 1,
  maxLength: 4,
});

test('every joined list of strings comes back from its header value', () => {
  const lists = fc.array(fc.string({ unit: 'binary' }), { minLength: 1 });
  fc.assert(
    fc.property(lists, separators, (list, separator) => {
      const value = encodeJoinedValue(list, separator) as string;
      assert.match(value, /^[\x20-\x7e]*$/);
      assert.doesNotMatch(value, /^ | $/);
      assert.deepEqual(
        value.split(separator).map(decodeURIComponent),
        list.map((member) => member.toWellFormed()),
      );
    }),
    { numRuns: 2000 },
  );
});

test('members that are punctuation and nothing else come back as well', () => {
  const unit = fc.constantFrom(...' !#$&\'()*+,./:;<=>?@[]^_`|~-%"\\{}0Aé');
  fc.assert(
    fc.property(fc.array(fc.string({ unit }), { minLength: 1 }), separators, (list, separator) => {
      const value = encodeJoinedValue(list, separator) as string;
      assert.deepEqual(value.split(separator).map(decodeURIComponent), list);
    }),
    { numRuns: 2000 },
  );
});

test('members that are no strings come back as their JSON', () => {
  fc.assert(
    fc.property(fc.array(fc.jsonValue(), { minLength: 1 }), separators, (list, separator) => {
      const value = encodeJoinedValue(list, separator) as string;
      const members = value.split(separator).map(decodeURIComponent);
      assert.deepEqual(
        members,
        list.map((one) =>
          typeof one === 'string' ? one.toWellFormed() : JSON.stringify(one).toWellFormed(),
        ),
      );
    }),
  );
});

test('a claim that is no list is joined as a list of one, and an empty list is no claim', () => {
  for (const [claim, expected] of [
    ['a,b', 'a%2Cb'],
    [7, '7'],
    [false, 'false'],
    [{ a: [1, 2] }, '{"a":[1%2C2]}'],
    [['a,b', 'c', 1, null, true], 'a%2Cb,c,1,null,true'],
    [[''], ''],
    [['', ''], ','],
    [[], null],
    [null, null],
    [undefined, null],
  ] as const) {
    assert.equal(encodeJoinedValue(claim, ','), expected);
  }
});

test('a template joins where it says so', () => {
  const template = {
    name: 'x-a',
    literals: ['g=', '; l=', ''],
    holes: [
      { source: 'claims' as const, path: ['g'], separator: '|' },
      { source: 'claims' as const, path: ['g'], separator: null },
    ],
  };
  const fill = (g: unknown) => fillTemplate(template, { claims: { g }, params: {} });
  assert.deepEqual(fill(['a', 'b|c']), { value: 'g=a|b%7Cc; l=["a","b|c"]' });
  assert.equal(fill([]), null);
  assert.equal(fill(['x'.repeat(2000), 'y'.repeat(3000)]), 'too-long');
});

test('a template of 4 KiB is filled and a longer one is not', () => {
  const template = {
    name: 'x-a',
    literals: ['', ''],
    holes: [{ source: 'claims' as const, path: ['a'], separator: null }],
  };
  const fill = (length: number) => fillTemplate(template, { claims: { a: 'x'.repeat(length) }, params: {} });
  assert.deepEqual(fill(4096), { value: 'x'.repeat(4096) });
  assert.equal(fill(4097), 'too-long');
});
