/** Values become header values without loss and without a way out of the header. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeHeaderValue, fillTemplate } from '../../../src/upstreams/header-value.ts';

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
